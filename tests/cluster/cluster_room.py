"""A namespace with all of ``overlays/kind`` in it: an S3 store of its own, accounts, policies, pipelines, Pod Security.

What the tests want to know of the store, or send to an endpoint, they do in pods: from outside of a cluster neither is
reached on every cluster, and so the NetworkPolicies are tested with the rest.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_overlay import MANIFESTS, ROOT, TEST, Object, clients, kubectl, overlay, until

from components.artifacts import image

BUCKET = "s3://roadworthy"
UNPULLED = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
RESTRICTED: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
USER: Object = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Room:
    """One namespace with the overlay in it.

    Args:
        name: Of the namespace.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects, _ = overlay(name)

    def make(self) -> None:
        """Makes the namespace as ``manifests/cluster`` has it, the store's Secret, and the overlay but its endpoint."""
        namespace = yaml.safe_load((MANIFESTS / "cluster" / "namespace.yaml").read_text())
        namespace["metadata"]["name"] = self.name
        kubectl("create", "-f", "-", given=json.dumps(namespace))
        keys = {
            "AWS_ACCESS_KEY_ID": "roadworthy",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": f"http://storage.{self.name}.svc:7070",
        }
        data = {name: base64.b64encode(value.encode()).decode() for name, value in keys.items()}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "roadworthy-storage"}, "data": data})
        self.apply(*self.objects, clients())

    def unmake(self) -> None:
        """Removes the namespace with all in it."""
        kubectl("delete", "namespace", self.name, "--wait=false")

    def kubectl(self, *args: str, given: str = "", timeout: float = 120) -> str:
        """Runs kubectl in the namespace."""
        return kubectl("-n", self.name, *args, given=given, timeout=timeout)

    def apply(self, *objects: Object) -> None:
        """Applies objects on the server's side."""
        text = yaml.safe_dump_all(objects)
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=text)

    def get(self, what: str, *more: str) -> Object:
        """Returns an object, or a list of them."""
        return dict(json.loads(self.kubectl("get", what, *more, "-o", "json")))

    def ready(self, deployment: str, seconds: float = 300.0) -> None:
        """Waits for a Deployment; skips the test where no node has its image."""

        def there() -> bool:
            self.pulled(f"app.kubernetes.io/name={deployment}")
            status = self.get("deployment", deployment).get("status", {})
            return bool(status.get("availableReplicas", 0) == status.get("replicas"))

        until(f"the Deployment {deployment} to be available", there, seconds)

    def pulled(self, selector: str) -> None:
        """Skips the test where pods wait for an image that nobody has."""
        for pod in self.get("pods", "-l", selector)["items"]:
            status = pod.get("status", {})
            for one in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
                if one.get("state", {}).get("waiting", {}).get("reason") in UNPULLED:
                    pytest.skip(f"expected nodes that have or can pull {one['image']}, found none")

    def submit(self, pipeline: str, *options: str, **given: object) -> subprocess.CompletedProcess[str]:
        """Runs ``roadworthy submit --to argo`` to the run's end."""
        where = ["--to", "argo", "--namespace", self.name]
        parameters = [word for name, value in given.items() for word in ("--param", f"{name}={value}")]
        return subprocess.run(
            [sys.executable, "-m", "pipelines", "submit", pipeline, *where, *options, *parameters],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}"},
            capture_output=True,
            text=True,
            timeout=3600,
            check=False,
        )

    def start(self, code: str, *args: str, program: str = "analysis") -> str:
        """Starts Python code in a pod that has the store's keys; returns the pod's name."""
        container = {
            "name": "main",
            "image": image(program),
            "command": ["python", "-c", code, *args],
            "env": [{"name": "HOME", "value": "/tmp"}],
            "envFrom": [{"secretRef": {"name": "roadworthy-storage"}}],
            "securityContext": RESTRICTED,
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        }
        spec = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": USER,
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        }
        metadata = {"generateName": "test-", "labels": TEST}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        return str(
            json.loads(self.kubectl("create", "-o", "json", "-f", "-", given=json.dumps(pod)))["metadata"]["name"]
        )

    def log(self, pod: str) -> str:
        """Returns what a pod has written so far; nothing before it has started."""
        try:
            return self.kubectl("logs", pod)
        except AssertionError:
            return ""

    def finish(self, pod: str, seconds: float = 300.0) -> Any:
        """Waits for a pod's end, removes it, and returns the JSON of its last line."""

        def phase() -> str:
            self.pulled("app.kubernetes.io/component=test")
            found = str(self.get("pod", pod)["status"].get("phase"))
            return found if found in ("Succeeded", "Failed") else ""

        ended = until(f"an end of the pod {pod}", phase, seconds)
        log = self.kubectl("logs", pod)
        self.kubectl("delete", "pod", pod, "--wait=false")
        assert ended == "Succeeded", log[-4000:]
        return json.loads(log.splitlines()[-1]) if log else None

    def python(self, code: str, *args: str, program: str = "analysis") -> Any:
        """Runs Python code in a pod and returns the JSON of its last line."""
        return self.finish(self.start(code, *args, program=program))
