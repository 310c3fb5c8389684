"""Installs packages of an image's lock file as one layer: ``python3 layer.py torch /opt/roadworthy nvidia- cuda-``.

Runs in a Containerfile. Names after the folder are how the wanted packages begin; without any, all that are not there
yet are installed. So CUDA's three gigabytes are a layer of their own, and stay the same bytes when another package
changes: byte code is checked by its source's hash, not by its time (``SOURCE_DATE_EPOCH``, see ``py_compile``).

pip works from outside, so the environment holds the locked packages and nothing else. ``OMIT`` names packages to
leave out. ``VARIANT`` is ``cpu`` or ``gpu``; without it the locked files are taken: torch with CUDA, MXNet for CPUs.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path

import environment

_TORCH = re.compile(r"(?m)^torch==")


def main(name: str, target: Path, prefixes: tuple[str, ...]) -> None:
    """Installs the packages of image ``name`` whose names begin with one of ``prefixes`` into ``target``."""
    build, index = variant(os.environ)
    lock = environment.locked(environment.lock_of(name), build)
    if os.environ.get("VARIANT") == "cpu" and not index and _TORCH.search(lock):
        sys.exit("VARIANT=cpu: expected TORCH_INDEX_URL, an index with builds of torch for CPUs, found none")
    wanted = chosen(lock, index, os.environ.get("OMIT", ""), prefixes)
    if not (target / "pyvenv.cfg").is_file():
        venv.create(target, with_pip=False, symlinks=True)
    if not wanted:
        return
    # A fixed order in sets makes byte code the same on every build.
    os.environ |= {"PIP_PYTHON": str(target / "bin" / "python"), "PIP_NO_CACHE_DIR": "1", "PYTHONHASHSEED": "0"}
    os.environ |= {"PIP_ONLY_BINARY": ":all:", "SOURCE_DATE_EPOCH": "0"}
    with tempfile.TemporaryDirectory() as folder:
        if not importlib.util.find_spec("pip"):  # Debian's own Python brings it only for new environments
            venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        environment.install(python if python.exists() else Path(sys.executable), wanted, index, [], environment.pip)


def variant(asked: Mapping[str, str]) -> tuple[str, str]:
    """Returns MXNet's build and torch's index as the environment asks for them, each empty for the locked files."""
    build, index = asked.get("MXNET_BUILD", ""), asked.get("TORCH_INDEX_URL", "")
    match asked.get("VARIANT", ""):
        case "":
            return build, index
        case "cpu":
            return "", index
        case "gpu":
            return build or "cu112", index
        case other:
            sys.exit(f"VARIANT: expected cpu, gpu or nothing, found {other!r}")


def chosen(lock: str, index: str, omitted: str, prefixes: tuple[str, ...]) -> str:
    """Returns the entries of a lock file that are wanted, as a lock file.

    Args:
        lock: The lock file's text.
        index: Torch's own index, if it has one; CUDA's packages are then left out.
        omitted: Names that are left out, with spaces between them.
        prefixes: How the names begin; none: all.
    """
    entries = [entry for entry in re.split(r"\n(?=\S)", lock) if "==" in entry]
    skipped = (*omitted.split(), *(environment.CUDA if index and _TORCH.search(lock) else ()))
    kept = [e for e in entries if not (skipped and e.startswith(skipped)) and (not prefixes or e.startswith(prefixes))]
    return "\n".join(kept) + "\n" if kept else ""


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(f"expected the name of an image and a folder, found {sys.argv[1:]}")
    main(sys.argv[1], Path(sys.argv[2]), tuple(sys.argv[3:]))
