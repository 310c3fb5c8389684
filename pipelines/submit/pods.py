"""The pods of a workflow's steps: why one waits, where Argo's own message does not say, and the end of its log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pipelines.submit import cluster

VAGUE = ("", "PodInitializing", "ContainerCreating")
"""Messages of Argo's that hide the reason: it looks at the main containers only, not at those that come before."""

_EXECUTOR = re.compile(r"time=\S+ level=\S+ msg=.* argo=true(\s|$)")
"""What Argo's executor writes into a step's log: behind the step's last words a line for each of its outputs."""

_EXECUTOR_LINES = 100
"""So many of them at most are looked past."""


def of(client: Any, workflow: str) -> dict[str, Any]:
    """Returns a workflow's pods by the node that each runs; pods that succeeded are removed at once.

    Raises:
        PipelineError: The right to list pods is missing.
    """
    from lightkube.resources.core_v1 import Pod

    with cluster.asking("list pods", client.namespace):
        found = list(client.list(Pod, labels={"workflows.argoproj.io/workflow": workflow}))
    return {(pod.metadata.annotations or {}).get("workflows.argoproj.io/node-id", ""): pod for pod in found}


def waiting(pod: Any) -> str:
    """Returns why a pod's containers wait, as ``ImagePullBackOff: …``; empty where it does not say."""
    vague = ""
    for status in _statuses(pod):
        state = status.state.waiting if status.state else None
        if state and state.message:
            return f"{state.reason}: {state.message}"
        if state and not vague and state.reason not in VAGUE:
            vague = state.reason or ""
    return vague


def log(client: Any, pod: Any, lines: int) -> str:
    """Returns the last lines that a pod's main container wrote, without Argo's; empty where it has not started."""
    mains = [one.state for one in _statuses(pod) if one.name == "main" and one.state]
    if not any(state.running or state.terminated for state in mains):
        return ""
    with cluster.asking(f"read the log of pods called {pod.metadata.name}", client.namespace):
        written = list(client.log(pod.metadata.name, container="main", tail_lines=lines + _EXECUTOR_LINES))
    return "".join([line for line in written if not _EXECUTOR.match(line)][-lines:])


def _statuses(pod: Any) -> Iterator[Any]:
    if pod.status:
        yield from pod.status.initContainerStatuses or []
        yield from pod.status.containerStatuses or []
