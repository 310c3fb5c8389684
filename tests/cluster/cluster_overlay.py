"""``overlays/kind`` for a namespace of a test's own, and the program kubectl."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests"
ENDPOINT = "traffic-signs"  # the overlay's own
TEST = {"app.kubernetes.io/component": "test"}
"""The label of the tests' own pods."""


def kubectl(*args: str, given: str = "", timeout: float = 120) -> str:
    """Returns what kubectl printed.

    Raises:
        AssertionError: It failed, with its message.
    """
    done = subprocess.run(["kubectl", *args], input=given, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def until(what: str, found: Callable[[], Any], seconds: float, every: float = 2.0) -> Any:
    """Asks until there is an answer.

    Raises:
        AssertionError: There was none in this time.
    """
    end = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > end:
            raise AssertionError(f"expected {what} within {seconds:.0f} s, found none")
        time.sleep(every)
    return answer


def overlay(namespace: str, **settings: str) -> tuple[list[Object], list[Object]]:
    """Builds ``overlays/kind`` for a namespace: the store without a volume that outlives it, no schedule by itself.

    Args:
        namespace: Whose.
        settings: What stands in the overlay's ``settings.yaml`` instead of its own.

    Returns:
        The objects, and those of the endpoint, which would wait until there is a model.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "manifests"
        shutil.copytree(MANIFESTS, copy)
        path = copy / "overlays" / "kind" / "settings.yaml"
        content = yaml.safe_load(path.read_text())
        content["data"] |= settings
        path.write_text(yaml.safe_dump(content))
        text = kubectl("kustomize", str(path.parent))
    text = text.replace("namespace: roadworthy\n", f"namespace: {namespace}\n")
    text = text.replace("storage.roadworthy.svc", f"storage.{namespace}.svc")
    every = [_changed(one) for one in yaml.safe_load_all(text) if one["kind"] != "PersistentVolumeClaim"]
    return [one for one in every if not _of_endpoint(one)], [one for one in every if _of_endpoint(one)]


def clients() -> Object:
    """Lets the tests' pods out to endpoints; to the store everything in the namespace may go."""
    to = {"podSelector": {"matchLabels": {"app.kubernetes.io/component": "endpoint"}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "test"},
        "spec": {
            "podSelector": {"matchLabels": TEST},
            "policyTypes": ["Egress"],
            "egress": [{"to": [to], "ports": [{"protocol": "TCP", "port": 8080}]}],
        },
    }


def _of_endpoint(one: Object) -> bool:
    return bool(one["metadata"]["name"] == ENDPOINT and one["kind"] != "WorkflowTemplate")


def _changed(one: Object) -> Object:
    if one["kind"] == "Deployment" and one["metadata"]["name"] == "storage":
        one["spec"]["template"]["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    if one["kind"] == "CronWorkflow":
        one["spec"]["suspend"] = True
    return one
