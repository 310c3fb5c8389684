"""Bringing an endpoint to a cluster, taking it back when it does not run, and removing it."""

from __future__ import annotations

import time
from typing import Any

from components.errors import EndpointError, RoadworthyError
from components.serve.deploy.kubernetes import fields, objects, rollout
from components.serve.deploy.kubernetes.cluster import MANAGER, Cluster
from components.serve.deploy.kubernetes.rollout import Tell
from components.serve.deploy.kubernetes.wanted import Endpoint

Object = dict[str, Any]

SETTLE_SECONDS = 30.0
"""For what ran before to be whole again after a rollback."""


class Deploying:
    """One endpoint on its way to a cluster, and the way back.

    Args:
        cluster: Where to.
        endpoint: What shall run.
        tell: Called with a line whenever there is something new.
    """

    def __init__(self, cluster: Cluster, endpoint: Endpoint, tell: Tell) -> None:
        self._cluster = cluster
        self._endpoint = endpoint
        self._tell = tell
        self._before: dict[str, Object | None] = {}
        self._touched: list[str] = []

    @property
    def url(self) -> str:
        """Where the cluster's pods reach the endpoint."""
        return f"http://{self._endpoint.name}.{self._cluster.namespace}.svc"

    def run(self, timeout: float, patience: float | None = None) -> None:
        """Applies the objects and waits until all pods are new and ready; else takes everything back.

        Args:
            timeout: Seconds for the rollout.
            patience: Seconds for what may pass by itself (``rollout.wait``).

        Raises:
            EndpointError: The objects are not ours, the cluster refuses them, or the rollout fails: with the reason,
                and what runs now.
        """
        self._before = {kind: _ours(self._cluster, kind, self._endpoint) for kind in objects.KINDS}
        try:
            deployed = self._apply()
            rollout.wait(self._cluster, deployed, timeout, self._tell, patience)
        except RoadworthyError as error:
            raise EndpointError(f"{error}; {self.roll_back()}") from None
        except BaseException:
            self._tell(self.roll_back())
            raise

    def roll_back(self) -> str:
        """Applies again what was there before, removes what was not, and returns what runs now, in words.

        It raises nothing: whoever calls it has something more important to say.
        """
        name, restored = self._endpoint.name, None
        try:
            for kind in reversed(self._touched):
                before = self._before[kind]
                if before is None:
                    self._cluster.delete(kind, name)
                    continue
                applied = self._cluster.apply(before, force=True)
                restored = applied if kind == "Deployment" else restored
        except (RoadworthyError, OSError) as error:
            return f"could not be rolled back: {error}"
        if restored is not None:
            return f"rolled back to {_model(restored)}, {self._settled(restored)}"
        return (
            f"rolled back: {name} is removed, nothing ran before" if self._is_new() else f"{name} is as it was before"
        )

    def _is_new(self) -> bool:
        return self._before.get("Deployment") is None

    def _settled(self, restored: Object) -> str:
        try:
            rollout.wait(self._cluster, restored, SETTLE_SECONDS, lambda line: None)
        except EndpointError as error:
            return f"which is not whole: {error}"
        return "which is ready"

    def _apply(self) -> Object:
        applied: Object = {}
        wanted = {one["kind"]: one for one in objects.rendered(self._endpoint)}
        for kind in objects.KINDS:
            if kind not in wanted:
                if self._before[kind] is not None:  # an autoscaler that is wanted no longer
                    self._touched.append(kind)
                    self._cluster.delete(kind, self._endpoint.name)
                continue
            self._touched.append(kind)
            applied = self._cluster.apply(wanted[kind])
        return applied


def remove(cluster: Cluster, name: str, owner: str, timeout: float, tell: Tell) -> bool:
    """Removes an endpoint, after its pods have answered what they were asked; returns whether there was one.

    Args:
        cluster: From where.
        name: Of the endpoint.
        owner: Who deployed it; empty removes whoever's it is.
        timeout: Seconds until its pods must be gone or leaving.
        tell: Called with a line whenever there is something new.

    Raises:
        EndpointError: Its objects were made by others, or its pods do not go.
    """
    found = {kind: live for kind in objects.KINDS if (live := cluster.get(kind, name)) is not None}
    for kind, live in found.items():
        _check_ours(kind, name, live)
    if owner and (other := _owner(found.get("Deployment"))) != owner and found:
        tell(f"{name} was deployed by {other or 'another'}: it stays")
        return False
    try:
        for kind in reversed(objects.KINDS):
            if kind in found and kind != "Service":
                cluster.delete(kind, name)
        if "Deployment" in found:
            _wait_until_gone(cluster, name, timeout, tell)
    finally:
        if "Service" in found:  # last, so that its name still leads to the pods that are leaving
            cluster.delete("Service", name)
    return bool(found)


def _wait_until_gone(cluster: Cluster, name: str, timeout: float, tell: Tell) -> None:
    deadline = time.monotonic() + timeout
    while pods := cluster.pods(objects.selector(name)):
        if time.monotonic() >= deadline:
            staying = [str(pod["metadata"]["name"]) for pod in pods if not pod["metadata"].get("deletionTimestamp")]
            if staying:
                raise EndpointError(
                    f"expected the pods of {name} to leave within {timeout:g} s, found {', '.join(staying)}"
                )
            tell(f"{name}: {len(pods)} pods still answer what they were asked; the cluster ends them")
            return
        time.sleep(min(rollout.POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def _ours(cluster: Cluster, kind: str, endpoint: Endpoint) -> Object | None:
    """Returns what we applied before of one kind, None if there is none.

    Raises:
        EndpointError: There is one that others made, or that another owner deployed.
    """
    live = cluster.get(kind, endpoint.name)
    if live is None:
        return None
    _check_ours(kind, endpoint.name, live)
    if kind == "Deployment" and (other := _owner(live)) != endpoint.owner:
        raise EndpointError(
            f"expected no endpoint {endpoint.name} of another's in {cluster.namespace}, "
            f"found the one of {other or 'nobody by name'}: undeploy it first, or give this one another name"
        )
    return fields.applied(live, MANAGER)


def _check_ours(kind: str, name: str, live: Object) -> None:
    if fields.applied(live, MANAGER) is None:
        entries = live["metadata"].get("managedFields") or []
        others = sorted({str(one.get("manager")) for one in entries}) or ["another"]
        raise EndpointError(
            f"expected no {kind} {name} but one that we applied, found one that {', '.join(others)} made: it stays"
        )


def _model(deployment: Object) -> str:
    return str((deployment["metadata"].get("annotations") or {}).get(objects.MODEL, "what ran before"))


def _owner(deployment: Object | None) -> str:
    return str(((deployment or {}).get("metadata", {}).get("annotations") or {}).get(objects.OWNER, ""))
