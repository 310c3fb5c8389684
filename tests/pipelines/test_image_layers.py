"""How images are installed, over wheels made here: parts, variants, hashes; and what an SBOM says of an environment."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("analysis", "detector", "torch")
PACKAGES = {"torch": "2.0", "torchvision": "0.9", "nvidia-cublas": "13.1", "triton": "3.8", "numpy": "2.4"}


def wheel(folder: Path, name: str, version: str) -> Path:
    """Writes a package of one module that says its own version."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{module}.py": f"VERSION = {version!r}\nNAMES = {{'b', 'a', 'c'}}\nFROZEN = NAMES & {{'a', 'c', 'd', 'e'}}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text)}\n")
    files[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"])
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return made


class Build:
    """A folder like an image's ``/opt/build``, and an index of wheels like PyPI."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wheels = folder, folder / "wheels"
        self.images, self.target = folder / "images", folder / "roadworthy"
        (self.images / "torch").mkdir(parents=True)
        for name in ("environment.py", "layer.py"):
            shutil.copy(ROOT / "images" / name, self.images)
        self.lock = self.images / "torch" / "requirements.txt"
        self.lock.write_text("".join(self.entry(wheel(self.wheels, *package)) for package in PACKAGES.items()))

    def entry(self, made: Path) -> str:
        name, version = made.name.split("-")[:2]
        digest = hashlib.sha256(made.read_bytes()).hexdigest()
        return f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{digest}\n"

    def layer(self, *prefixes: str, target: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "TORCH_", "VARIANT"))}
        return subprocess.run(
            [sys.executable, self.images / "layer.py", "torch", target or self.target, *prefixes],
            env={**kept, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def installed(self) -> dict[str, str]:
        infos = self.target.glob("lib/python3*/site-packages/*.dist-info")
        pairs = (info.name.removesuffix(".dist-info").split("-") for info in infos)
        return {name.replace("_", "-"): version for name, version in pairs}


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_parts_make_the_whole_and_nothing_else_is_installed(build: Build) -> None:
    assert build.layer("nvidia-", OMIT="triton").returncode == 0
    assert build.installed() == {"nvidia-cublas": "13.1"}
    done = build.layer(OMIT="triton")
    assert done.returncode == 0, done.stderr
    assert build.installed() == {name: version for name, version in PACKAGES.items() if name != "triton"}


def test_a_layer_has_the_same_bytes_on_every_build(build: Build, tmp_path: Path) -> None:
    target = tmp_path / "again" / "roadworthy"
    assert build.layer("nvidia-", "numpy").returncode == 0
    first = tree(build.target)
    build.target.rename(target.parent.parent / "first")
    assert build.layer("nvidia-", "numpy", PYTHONHASHSEED="7").returncode == 0
    assert tree(build.target) == first
    assert any(name.endswith(".pyc") for name in first)


def test_byte_code_holds_whatever_the_time_of_its_source(build: Build) -> None:
    assert build.layer("numpy").returncode == 0
    source = next(build.target.glob("lib/python3*/site-packages/numpy.py"))
    os.utime(source, (0, 0))
    told = subprocess.run(
        [build.target / "bin" / "python", "-v", "-c", "import numpy"], capture_output=True, text=True, check=True
    )
    assert re.search(r"code object from '.*numpy.*\.pyc'", told.stderr)


def test_the_cpu_variant_takes_torch_from_its_index_and_no_cuda(build: Build, tmp_path: Path) -> None:
    index = tmp_path / "index"
    for name in ("torch", "torchvision"):
        made = wheel(index / name, name, f"{PACKAGES[name]}+cpu")
        (index / name / "index.html").write_text(f'<a href="{made.name}">{made.name}</a>')
    variables = {"VARIANT": "cpu", "TORCH_INDEX_URL": index.as_uri(), "OMIT": "triton"}
    for part in (["nvidia-"], ["torch"], []):
        # pip takes --no-index over an index given as an argument.
        done = build.layer(*part, **{**variables, **({"PIP_NO_INDEX": "0"} if part == ["torch"] else {})})
        assert done.returncode == 0, done.stderr
    assert build.installed() == {"torch": "2.0+cpu", "torchvision": "0.9+cpu", "numpy": "2.4"}


def test_a_package_with_another_hash_is_refused(build: Build) -> None:
    wheel(build.wheels, "numpy", "2.4").write_bytes((build.wheels / "torch-2.0-py3-none-any.whl").read_bytes())
    done = build.layer("numpy")
    assert done.returncode
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr


def test_nothing_is_built_from_source(build: Build) -> None:
    source = build.wheels / "small-1.0.tar.gz"
    source.write_bytes(b"")
    build.lock.write_text(f"small==1.0 \\\n    --hash=sha256:{hashlib.sha256(b'').hexdigest()}\n")
    done = build.layer()
    assert done.returncode
    assert "No matching distribution found for small==1.0" in done.stderr


def test_the_cpu_variant_wants_an_index(build: Build) -> None:
    assert "expected TORCH_INDEX_URL, an index with builds of torch for CPUs" in build.layer(VARIANT="cpu").stderr


def test_an_unknown_variant_is_refused(build: Build) -> None:
    assert "expected cpu, gpu or nothing, found 'tpu'" in build.layer(VARIANT="tpu").stderr


def inventory(environment: Path, seed: str = "0") -> str:
    program = ROOT / "images" / "sbom" / "inventory.py"
    return subprocess.run(
        [sys.executable, program, "dev", environment],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_an_sbom_lists_what_the_lock_file_says_and_passes_its_schema() -> None:
    text = inventory(Path(sys.prefix))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    listed = {
        (part["name"], part["version"])
        for part in json.loads(text)["components"]
        if {"name": "roadworthy:part", "value": "environment"} in part.get("properties", [])
    }
    entries = re.findall(r"(?m)^\S+==.*?(?= \\$)", (ROOT / "requirements-dev.txt").read_text())
    wanted = [Requirement(entry) for entry in entries]
    locked = {(r.name, str(r.specifier)[2:]) for r in wanted if not r.marker or r.marker.evaluate()}
    # The laptop's environments, unlike images, have pip and this project in them.
    assert {pair for pair in listed if pair[0] not in ("pip", "roadworthy")} == locked


def test_an_sbom_has_the_same_bytes_on_every_run() -> None:
    first = inventory(Path(sys.prefix))
    assert inventory(Path(sys.prefix), seed="5") == first
    assert "timestamp" not in first


@pytest.mark.parametrize("image", IMAGES)
def test_a_containerfile_holds_to_the_rules(image: str) -> None:
    text = (ROOT / "images" / image / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "ARG BASE=docker.io/library/python:3.11-slim-bookworm"
    assert [line for line in lines if line.startswith("FROM")] == [
        "FROM ${BASE} AS packages",
        "FROM packages AS made",
        "FROM packages",
    ]
    assert [line for line in lines if line.startswith("USER")] == ["USER 65532:65532"]
    assert f'org.opencontainers.image.title="roadworthy/{image}"' in text
    for label in ("version", "revision", "licenses", "description", "base.name"):
        assert f"org.opencontainers.image.{label}=" in text
    last = [line for line in lines if "layer.py" in line and f" {image} " in line][-1]
    assert last.endswith(f"layer.py {image} /opt/roadworthy")
