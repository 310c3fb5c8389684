"""Makes the environment of an image from its lock file: ``python3.11 images/environment.py torch .venvs/torch``.

The laptop's ``.venvs/`` come from here; the images' layers come through ``layer.py``, which works with the parts below,
so both hold the same packages. Standard library only: it runs before anything is installed. Where ``.venvs/uv`` is, uv
installs (in a tenth of pip's time: one copy of a package serves all environments); pip where uv is not or cannot.

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
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venvs" / "uv" / "bin" / "uv"
LOCKS = {
    "uv": ROOT / "images" / "uv.txt",
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
    try:
        fill(name, target, text, index, uv if UV.is_file() and name != "uv" else pip)
    except subprocess.CalledProcessError as error:
        print(f"{target}: uv ended with {error.returncode}; pip makes it", flush=True)
        fill(name, target, text, index, pip)
    stamp.write_text(wanted)
    print(f"{target}: ready after {time.monotonic() - started:.0f} s", flush=True)


def fill(name: str, target: Path, lock: str, index: str, installer: Callable[..., None]) -> None:
    """Makes ``target`` anew: an environment, or for ``testing`` a folder laid beside others (``tests/run.py``)."""
    if name == "testing":
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        python, where = Path(sys.executable), ["--target", str(target)]
    else:
        venv.create(target, with_pip=installer is pip, clear=True)
        python, where = target / "bin" / "python", []
    install(python, lock, index, where, installer)
    if name == "dev":  # the program `roadworthy`, over the source as it is edited
        installer(python, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


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


def install(python: Path, lock: str, index: str, where: list[str], installer: Callable[..., None]) -> None:
    """Installs the packages of a lock file with ``pip`` or ``uv``, checked by their hashes."""
    packages = [entry for entry in re.split(r"\n(?=\S)", lock) if "==" in entry]
    versions = {package.split("==")[0]: package.split()[0] for package in packages}
    print(f"installing {len(packages)} packages", flush=True)
    if "torch" in versions and index:
        installer(python, "--index-url", index, "--no-deps", *(versions[name] for name in TORCH))
        packages = [p for p in packages if not p.startswith((*(f"{t}==" for t in TORCH), *CUDA))]
    elif "torch" in versions and platform.machine() == "x86_64":
        print(
            "torch brings CUDA's libraries, about 3 GB; TORCH_INDEX_URL may name an index with CPU builds", flush=True
        )
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as part:
        part.write("\n".join(packages) + "\n")
        part.flush()
        installer(python, "--require-hashes", "--no-deps", *where, "-r", part.name)


def pip(python: Path, *arguments: str) -> None:
    """Runs pip's install; its exit status is ours when it fails."""
    # Compiled here and now: in a container every start would pay for it again.
    options = ["--no-input", "--compile", "--disable-pip-version-check", "--root-user-action=ignore"]
    command = [str(python), "-m", "pip", "install", *options]
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    status = subprocess.run([*command, *quiet, *arguments], check=False).returncode
    if status:
        sys.exit(status)


def uv(python: Path, *arguments: str) -> None:
    """Runs uv's install, from the index and with the certificates that pip is told of.

    Byte code is left to the first import, a third of what there is; where no start may keep it, all is compiled.

    Raises:
        subprocess.CalledProcessError: uv fails.
    """
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    compiled = ["--compile-bytecode"] if sys.dont_write_bytecode else []
    command = [str(UV), "pip", "install", "--python", str(python), *quiet, *compiled, *arguments]
    told = {"UV_DEFAULT_INDEX": told_to_pip("index-url"), "SSL_CERT_FILE": told_to_pip("cert")}
    # Beside the environments, whose files are links to what is there: no file lies on the disk twice.
    ours = {"UV_CACHE_DIR": str(UV.parents[1] / "cache"), **{name: value for name, value in told.items() if value}}
    subprocess.run(command, env={**ours, **os.environ}, check=True)


def told_to_pip(option: str) -> str:
    """Returns what pip's environment or configuration says of an option, empty for nothing."""
    name = f"PIP_{option.upper().replace('-', '_')}"
    command = [str(UV.with_name("python")), "-m", "pip", "config", "get", f"global.{option}"]
    found = os.environ.get(name)
    return found or subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"expected the name of an image and a folder, found {sys.argv[1:]}")
    main(sys.argv[1], Path(sys.argv[2]))
