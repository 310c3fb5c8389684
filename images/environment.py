"""Makes the environment of an image from its lock file: ``python3.11 images/environment.py torch .venvs/torch``.

The laptop's ``.venvs/`` come from here; the images' layers come through ``layer.py``, which works with the parts below,
so both hold the same packages. Standard library only: it runs before anything is installed.

``TORCH_INDEX_URL`` may name an index with CPU builds of torch; they are other files than the locked ones, so torch and
torchvision are then taken from there by version, and CUDA's packages are left out. All else is checked by hash.

``MXNET_BUILD=cu112`` takes MXNet's build for GPUs, locked beside the detector's lock file. It brings no CUDA: version
11.2 and cuDNN 8 must be in the base image.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "dev": ROOT / "requirements-dev.txt",
    "testing": ROOT / "tests" / "requirements.txt",
    "kubernetes": ROOT / "tests" / "kubernetes" / "requirements.txt",
    "hostile": ROOT / "tests" / "hostile" / "requirements.txt",
    "moto": ROOT / "tests" / "moto" / "requirements.txt",
    **{
        f"bench-{name}": ROOT / "tests" / "bench" / f"requirements-{name}.txt"
        for name in ("litserve", "mlserver", "fullgrad", "attacks", "shapley")
    },
}
TORCH = ("torch", "torchvision")
CUDA = ("nvidia-", "cuda-", "triton")


def main(name: str, target: Path) -> None:
    """Brings ``target`` to what the lock file of ``name`` says; does nothing when it is there already."""
    file, index = lock_of(name), os.environ.get("TORCH_INDEX_URL", "")
    text = locked(file, os.environ.get("MXNET_BUILD", ""))
    wanted = hashlib.sha256(text.encode() + index.encode()).hexdigest()
    stamp = target / ".made-from"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    started = time.monotonic()
    print(f"{target}: making it from {file.relative_to(ROOT)}", flush=True)
    if name == "testing":  # a folder laid beside other environments, see tests/run.py
        target.mkdir(parents=True, exist_ok=True)
        python, where = Path(sys.executable), ["--target", str(target), "--upgrade"]
    else:
        venv.create(target, with_pip=True, clear=True)
        python, where = target / "bin" / "python", []
    install(python, text, index, where)
    if name == "dev":  # the program `roadworthy`, over the source as it is edited
        pip(python, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp.write_text(wanted)
    print(f"{target}: ready after {time.monotonic() - started:.0f} s", flush=True)


def lock_of(name: str) -> Path:
    """Returns the lock file of an image, or of an environment that is none's."""
    return LOCKS.get(name, ROOT / "images" / name / "requirements.txt")


def locked(lock: Path, build: str) -> str:
    """Returns the text of a lock file, MXNet in another build where one is asked for (``cu112``)."""
    text = lock.read_text()
    if not build or "mxnet==" not in text:
        return text
    other = lock.with_name(f"requirements-{build}.txt")
    if not other.is_file():
        known = ", ".join(p.stem.partition("-")[2] for p in lock.parent.glob("requirements-*.txt"))
        sys.exit(f"MXNET_BUILD: expected a build among {known}, found {build!r}")
    return re.sub(r"(?m)^mxnet==.*\n(?:    .*\n)*", lambda _: other.read_text(), text)


def install(python: Path, lock: str, index: str, where: list[str]) -> None:
    """Installs the packages of a lock file, checked by their hashes."""
    packages = [entry for entry in re.split(r"\n(?=\S)", lock) if "==" in entry]
    versions = {package.split("==")[0]: package.split()[0] for package in packages}
    print(f"installing {len(packages)} packages", flush=True)
    if "torch" in versions and index:
        pip(python, "--index-url", index, "--no-deps", *(versions[name] for name in TORCH))
        packages = [p for p in packages if not p.startswith((*(f"{t}==" for t in TORCH), *CUDA))]
    elif "torch" in versions and platform.machine() == "x86_64":
        print(
            "torch brings CUDA's libraries, about 3 GB; TORCH_INDEX_URL may name an index with CPU builds", flush=True
        )
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as part:
        part.write("\n".join(packages) + "\n")
        part.flush()
        pip(python, "--require-hashes", "--no-deps", *where, "-r", part.name)


def pip(python: Path, *arguments: str) -> None:
    """Runs pip's install; its exit status is ours when it fails."""
    # Compiled here and now: in a container, or under PYTHONDONTWRITEBYTECODE, every start would pay for it again.
    options = ["--no-input", "--compile", "--disable-pip-version-check", "--root-user-action=ignore"]
    command = [str(python), "-m", "pip", "install", *options]
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    status = subprocess.run([*command, *quiet, *arguments], check=False).returncode
    if status:
        sys.exit(status)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"expected the name of an image and a folder, found {sys.argv[1:]}")
    main(sys.argv[1], Path(sys.argv[2]))
