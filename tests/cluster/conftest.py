"""The cluster that ``KUBECONFIG`` names, and a namespace on it with ``overlays/kind``, made once for all stories."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cluster_overlay import kubectl, until
from cluster_room import Room
from cluster_story import Story

from tests.small_story import PARAMETERS

KEPT = "ROADWORTHY_TEST_NAMESPACE"
"""Names a namespace that is made if absent and stays: the next run finds the stories told there."""

SIGNS = {**PARAMETERS, "endpoint": "story-a", "models": "s3://roadworthy/models"}
BOXES = {
    "train": 1000,
    "validation": 40,
    "test": 40,
    "side": 96,
    "epochs": 8,
    "explained": 2,
    "num_samples": 100,
    "probability_threshold": 0.2,
    "endpoint": "story-b",
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Gives every skip in this folder the folder as its place, so that equal ones are one line of the summary."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (str(Path(__file__).parent), None, report.longrepr[2])  # type: ignore[assignment]
    return report


@pytest.fixture(autouse=True, scope="session")
def cluster() -> None:
    """Skips everything where there is no cluster."""
    file = os.environ.get("KUBECONFIG", "")
    if not file or not Path(file).is_file():
        pytest.skip("no cluster: expected KUBECONFIG to name a file, found none")
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl: expected it on PATH")
    asked = ["kubectl", "get", "--raw=/readyz", "--request-timeout=10s"]
    if subprocess.run(asked, capture_output=True, timeout=60, check=False).returncode:
        pytest.skip(f"no cluster: expected the one of {file} to be ready, found that it is not")


@pytest.fixture(scope="session")
def ground(cluster: None) -> Iterator[Room]:
    """The namespace with the overlay; skips where the cluster lacks Argo or the images."""
    if "workflows.argoproj.io" not in kubectl("get", "crds", "-o", "name"):
        pytest.skip("no Argo: expected the cluster to know workflows.argoproj.io, found that it does not")
    name = os.environ.get(KEPT, "")
    room = Room(name or f"stories-{uuid.uuid4().hex[:8]}")
    try:
        if f"namespace/{room.name}" not in kubectl("get", "namespaces", "-o", "name").split():
            room.make()
        room.ready("storage")
        for program in ("analysis", "torch", "detector"):
            room.python("print(1)", program=program)
        _taken_up(room)
        yield room
    finally:
        if not name:
            room.unmake()


def _taken_up(room: Room) -> None:
    """Skips where no controller takes workflows up."""
    spec = {
        "serviceAccountName": "roadworthy-pipelines",
        "entrypoint": "main",
        "templates": [{"name": "main", "suspend": {}}],
    }
    waiting = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "waits"}, "spec": spec}
    room.kubectl("create", "-f", "-", given=json.dumps(waiting))
    try:
        until("a controller", lambda: room.get("workflow", "waits").get("status", {}).get("phase"), 60)
    except AssertionError:
        pytest.skip("no Argo: expected a workflow controller to take workflows up, found none that does")
    finally:
        room.kubectl("delete", "workflow", "waits")


def _told(room: Room, pipeline: str, name: str, given: dict[str, object]) -> Story:
    before = [one for one in _succeeded(room) if one.startswith(f"{name}-")]
    if not before:
        done = room.submit(pipeline, "--root", "s3://roadworthy/runs", "--timeout", "3000", **given)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert "steps run" in done.stdout
        before = [one for one in _succeeded(room) if one.startswith(f"{name}-")]
    return Story(room, before[-1])


def _succeeded(room: Room) -> list[str]:
    found = room.get("workflows", "--sort-by=.metadata.creationTimestamp")["items"]
    return [one["metadata"]["name"] for one in found if one.get("status", {}).get("phase") == "Succeeded"]


@pytest.fixture(scope="session")
def signs(ground: Room) -> Story:
    """Story A, told by ``roadworthy submit``."""
    return _told(ground, "traffic_signs", "traffic-signs", SIGNS)


@pytest.fixture(scope="session")
def boxes(ground: Room) -> Story:
    """Story B, told by ``roadworthy submit``."""
    return _told(ground, "detection", "detection", BOXES)
