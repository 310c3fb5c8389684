"""What the built images hold: looked at from inside, with podman, as the user and on the root that a cluster gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from components import artifacts

ROOT = Path(__file__).resolve().parents[2]
CONFINED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
COMPILERS = r"(gcc|g\+\+|cc|c\+\+|clang|tcc|ld(?!\.so)|as|make|cmake|rustc|go|nvcc|ptxas|cicc)([-.0-9].*)?"
FRAMEWORKS = {
    "analysis": "pyarrow, matplotlib, scipy, shap, skimage, simplejpeg, resvg_py",
    "detector": "mxnet, gluoncv, cv2, pyarrow, simplejpeg, uvicorn",
    "torch": "torch, torchvision, pyarrow, safetensors, simplejpeg, uvicorn",
}
STARTS = {
    "analysis": "components.report",
    "detector": "components.clarify",
    "torch": "components.fine_tune",
}


def podman(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["podman", *args], capture_output=True, text=True, timeout=200, check=False)


def why_not() -> str:
    if not shutil.which("podman"):
        return "podman is not installed"
    missing = [name for name in STARTS if podman("image", "exists", artifacts.image(name)).returncode]
    if missing:
        return f"podman has no {', '.join(map(artifacts.image, missing))}: make images"
    trial = podman("run", "--rm", *CONFINED, artifacts.image("analysis"), "true")
    return f"podman cannot run an image here (CONTAINERS_CONF?): {trial.stderr[-200:]}" if trial.returncode else ""


WHY_NOT = why_not()
pytestmark = [
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT),
    pytest.mark.parametrize("image", STARTS),
]


def inside(image: str, *command: str) -> str:
    done = podman("run", "--rm", *CONFINED, artifacts.image(image), *command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def search(image: str, what: str) -> list[str]:
    """What find(1) finds, but for the few folders that are root's alone."""
    return inside(image, "sh", "-c", f"find {what} 2> /dev/null; true").splitlines()


def labels(image: str) -> dict[str, str]:
    found: list[dict[str, Any]] = json.loads(podman("image", "inspect", artifacts.image(image)).stdout)
    return found[0]["Labels"]


def test_its_sbom_is_its_lock_file_and_passes_its_schema(image: str) -> None:
    text = inside(image, "cat", "/opt/roadworthy/sbom.json")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = json.loads(text)["components"]
    own = {"name": "roadworthy:part", "value": "environment"}
    listed = {(part["name"], part["version"]) for part in parts if own in part.get("properties", [])}
    entries = re.findall(r"(?m)^\S+==.*?(?= \\$)", (ROOT / "images" / image / "requirements.txt").read_text())
    wanted = [Requirement(entry) for entry in entries]
    locked = {(r.name, str(r.specifier)[2:]) for r in wanted if not r.marker or r.marker.evaluate()}
    assert listed == {pair for pair in locked if pair[0] != "triton"}
    purls = " ".join(part.get("purl", "") for part in parts)
    assert "pkg:deb/debian/libc6@" in purls
    assert "pkg:generic/python@3.11." in purls


def test_what_python_finds_installed_is_what_its_sbom_lists(image: str) -> None:
    program = (
        "import importlib.metadata as m, json; print(json.dumps([[d.name, d.version] for d in m.distributions()]))"
    )
    found = {
        (re.sub(r"[-_.]+", "-", name).lower(), version)
        for name, version in json.loads(inside(image, "python", "-c", program))
    }
    parts = json.loads(inside(image, "cat", "/opt/roadworthy/sbom.json"))["components"]
    own = {"name": "roadworthy:part", "value": "environment"}
    assert found == {(part["name"], part["version"]) for part in parts if own in part.get("properties", [])}


def test_there_is_no_compiler_in_it(image: str) -> None:
    files = search(image, "/ -xdev -type f,l -perm /111 -path '*/bin/*'")
    assert len(files) > 100
    assert [file for file in files if re.fullmatch(COMPILERS, file.rpartition("/")[2])] == []


def test_nothing_in_it_is_its_users_to_change(image: str) -> None:
    # find asks access(2), which would tell of the read-only root and not of the files' modes.
    assert (
        search(image, "/opt /app /usr /etc -xdev -not -type l '(' -perm /002 -o -user 65532 -o -group 65532 ')'") == []
    )
    assert inside(image, "id", "-u").strip() == "65532"
    assert inside(image, "sh", "-c", "touch $HOME/x && echo yes").strip() == "yes"


def test_its_frameworks_find_the_libraries_they_need(image: str) -> None:
    assert inside(image, "python", "-W", "ignore", "-c", f"import {FRAMEWORKS[image]}; print('found')") == "found\n"


def test_its_stages_start_without_compiling_a_line(image: str) -> None:
    start = ("python", "-v", "-m", STARTS[image], "--help")
    done = podman("run", "--rm", *CONFINED, artifacts.image(image), *start)
    assert done.returncode == 0, done.stderr[-500:]
    assert "usage:" in done.stdout
    # Python says of each module where its code is from: a file of byte code, or a source that it had to compile.
    assert re.findall(r"# code object from '(/(?:app|opt)/[^']*\.py)'", done.stderr) == []
    assert len(re.findall(r"# code object from '/app/[^']*\.pyc'", done.stderr)) > 3


def test_its_labels_say_what_it_is(image: str) -> None:
    said = {key.removeprefix("org.opencontainers.image."): value for key, value in labels(image).items()}
    assert (said["title"], said["version"]) == (f"roadworthy/{image}", artifacts.VERSION)
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", said["revision"])
    assert {"description", "licenses", "base.name"} < set(said)
