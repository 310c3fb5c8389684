"""Waiting for a rollout: until every pod is new and ready, or there is a reason why it will not be."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from components.errors import EndpointError
from components.serve.deploy.kubernetes import objects, reasons
from components.serve.deploy.kubernetes.cluster import Cluster

Object = dict[str, Any]
Tell = Callable[[str], None]

POLL_SECONDS = 1.0


def wait(cluster: Cluster, deployed: Object, timeout: float, tell: Tell, patience: float | None = None) -> None:
    """Returns when all pods are of the revision that was applied, and ready.

    Args:
        cluster: Where.
        deployed: The Deployment as the API server answered its application.
        timeout: Seconds from here.
        tell: Called with a line whenever there is something new.
        patience: Seconds for what may pass by itself, in the place of ``reasons.PATIENCE``.

    Raises:
        EndpointError: It will not be ready, or is not in time: with the reason, as far as the cluster tells one.
    """
    name, revision = deployed["metadata"]["name"], objects.revision(deployed)
    generation = int(deployed["metadata"].get("generation") or 0)
    watch, deadline = _Watch(tell, patience), time.monotonic() + timeout
    while True:
        found = cluster.get("Deployment", name)
        if found is None or objects.revision(found) != revision:
            raise EndpointError(f"expected the Deployment {name} as it was applied, found it removed or changed since")
        asked, ready = _progress(found, generation)
        if ready == asked:
            tell(f"{name}: {ready} of {asked} pods are ready")
            return
        new = [pod for pod in cluster.pods(objects.selector(name)) if _revision(pod) == revision]
        selector = found["spec"]["template"]["spec"].get("nodeSelector") or {}
        watch.look(f"{name}: {ready} of {asked} pods are ready", reasons.obstacle(found, new, selector))
        if time.monotonic() >= deadline:
            raise EndpointError(watch.late(name, ready, asked, timeout))
        time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def _progress(deployment: Object, generation: int) -> tuple[int, int]:
    """Returns how many pods are asked for, and how many new ones are ready; never all while an old one is left."""
    status, asked = deployment.get("status") or {}, int(deployment["spec"].get("replicas", 1))
    if int(status.get("observedGeneration") or 0) < generation:
        return asked, 0
    updated = int(status.get("updatedReplicas") or 0)
    old = max(0, int(status.get("replicas") or 0) - updated)
    # Available pods are counted together; the old ones are taken to be among them.
    ready = max(0, min(asked, updated, int(status.get("availableReplicas") or 0) - old))
    return asked, min(ready, asked - 1) if old else ready


def _revision(pod: Object) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(objects.REVISION, ""))


class _Watch:
    """What was told last, and how long an obstacle has been there."""

    def __init__(self, tell: Tell, patience: float | None) -> None:
        self._tell = tell
        self._patience = patience
        self._told = ""
        self._since: tuple[str, float] = ("", 0.0)
        self._obstacle: reasons.Obstacle | None = None

    def look(self, progress: str, obstacle: reasons.Obstacle | None) -> None:
        """Tells what is new.

        Raises:
            EndpointError: The obstacle has been there for too long.
        """
        self._obstacle = obstacle
        line = f"{progress}; {obstacle.told}" if obstacle else progress
        if line != self._told:
            self._tell(line)
            self._told = line
        now = time.monotonic()
        kind = obstacle.kind if obstacle else ""
        if kind != self._since[0]:
            self._since = (kind, now)
        if obstacle and now - self._since[1] >= self._allowed(obstacle):
            raise EndpointError(obstacle.told)

    def late(self, name: str, ready: int, asked: int, timeout: float) -> str:
        """Returns what is said when the time is over."""
        late = f"expected {asked} pods of {name} to be ready within {timeout:g} s, found {ready}"
        return f"{late}: {self._obstacle.told}" if self._obstacle else late

    def _allowed(self, obstacle: reasons.Obstacle) -> float:
        if self._patience is None or obstacle.patience in (0.0, float("inf")):
            return obstacle.patience
        return self._patience
