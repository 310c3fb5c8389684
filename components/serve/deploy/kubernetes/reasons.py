"""Why a rollout does not get on: what pods and Deployment say, in one line, and how long that may pass by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Object = dict[str, Any]

PATIENCE = 30.0
"""Seconds for what may pass: a registry that is slow, a quota that another pod still uses."""

FAILURES = 2
"""Of one container, after which it is taken to fail always; the first may have been a network that was not ready."""

_WORDS = 600
_PULLING = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable")
_CONFIGURATION = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


class Obstacle(NamedTuple):
    """What stands in the way.

    Attributes:
        kind: One word, by which two looks at the same obstacle are known.
        told: What was expected and what was found.
        patience: Seconds it may stand there; infinity for what may yet pass within any time.
    """

    kind: str
    told: str
    patience: float


def obstacle(deployment: Object, pods: Sequence[Object], selector: Mapping[str, str]) -> Obstacle | None:
    """Returns the gravest obstacle, or None while all goes its way.

    Args:
        deployment: As it is.
        pods: Of its newest revision.
        selector: Labels of the nodes that the pods ask for.
    """
    found = [one for pod in pods for one in _of_pod(pod, selector)]
    found += _refused_pods(deployment)
    return min(found, key=lambda one: one.patience, default=None)


def _of_pod(pod: Object, selector: Mapping[str, str]) -> Iterator[Obstacle]:
    if pod["metadata"].get("deletionTimestamp"):
        return
    status = pod.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield _unschedulable(str(condition.get("message", "")), selector)
    if status.get("phase") == "Failed" and status.get("reason"):
        told = _short(f"{status['reason']}: {status.get('message', '')}")
        yield Obstacle("failed", f"expected the pod to run, found it ended: {told}", PATIENCE)
    for one in status.get("initContainerStatuses") or []:
        yield from _of_container(one, "init container")
    for one in status.get("containerStatuses") or []:
        yield from _of_container(one, "container")


def _unschedulable(message: str, selector: Mapping[str, str]) -> Obstacle:
    labels = ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))
    wanted = f"a node with {labels} and room" if labels else "a node with room"
    # It may come: clusters grow by what cannot be placed.
    return Obstacle("unschedulable", f"expected {wanted} for the pod, found none: {_short(message)}", float("inf"))


def _of_container(status: Object, what: str) -> Iterator[Obstacle]:
    name, state = status["name"], status.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason == "InvalidImageName":
        yield Obstacle("image", f"expected the name of an image, found {status.get('image')!r}", 0.0)
    elif reason in _PULLING:
        told = f"expected to pull the image {status.get('image')}, found {_short(waiting.get('message') or reason)}"
        yield Obstacle("image", told, PATIENCE)
    elif reason in _CONFIGURATION:
        told = f"expected the {what} {name} to be made, found {_short(waiting.get('message') or reason)}"
        yield Obstacle("configuration", told, PATIENCE)
    failures, last = _failures(status)
    if last:
        patience = 0.0 if failures >= FAILURES else float("inf")
        yield Obstacle(f"ended:{name}", f"expected the {what} {name} to go on, found {_ended(last)}", patience)


def _failures(status: Object) -> tuple[int, Object]:
    """Returns how often a container has failed, and its last end."""
    state = status.get("state") or {}
    current, before = state.get("terminated") or {}, (status.get("lastState") or {}).get("terminated") or {}
    restarts = int(status.get("restartCount") or 0)
    if current:
        return (restarts + 1, current) if current.get("exitCode") else (0, {})
    if state.get("running"):
        # Started again: whether it fails again is seen when it does.
        return (min(restarts, FAILURES - 1), before) if before.get("exitCode") else (0, {})
    return (restarts + 1, before) if before else (0, {})


def _ended(end: Object) -> str:
    words = _short(_last_lines(str(end.get("message") or "")))
    if end.get("reason") == "OOMKilled":
        return "it killed for more memory than it may use: give it more" + (f"; it said: {words}" if words else "")
    return f"it ended with {end.get('exitCode')}: {words or end.get('reason') or 'no last words'}"


def _last_lines(text: str) -> str:
    return "\n".join([line for line in text.splitlines() if line.strip()][-3:])


def _refused_pods(deployment: Object) -> Iterator[Obstacle]:
    for condition in (deployment.get("status") or {}).get("conditions") or []:
        if condition.get("type") != "ReplicaFailure" or condition.get("status") != "True":
            continue
        message = str(condition.get("message", ""))
        if "violates PodSecurity" in message:
            yield Obstacle("security", f"expected Pod Security to admit the pods, found {_short(message)}", 0.0)
        elif "exceeded quota" in message:
            yield Obstacle("quota", f"expected room in the namespace's quota, found {_short(message)}", PATIENCE)
        elif "serviceaccount" in message:
            yield Obstacle("account", f"expected the pods' service account, found {_short(message)}", PATIENCE)
        else:
            yield Obstacle("refused", f"expected the cluster to take the pods, found {_short(message)}", PATIENCE)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WORDS else "…" + text[-_WORDS:]
