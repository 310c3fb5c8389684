"""Reads an Argo ``Workflow``'s status: its steps, how they stand, what each asked for.

Source: ``NodeStatus`` and ``WorkflowStatus`` in pkg/apis/workflow/v1alpha1/workflow_types.go of argo-workflows.
"""

from __future__ import annotations

import base64
import binascii
import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from components import foreign_json
from pipelines.submit.reasons import Asked
from pipelines.submit.runs import Snapshot, Step
from pipelines.targets.local import records

Object = dict[str, Any]

_PHASES = {
    "Pending": records.PENDING,
    "Running": records.RUNNING,
    "Succeeded": records.SUCCEEDED,
    "Failed": records.FAILED,
    "Error": records.FAILED,
    "Skipped": records.SKIPPED,
    "Omitted": records.OMITTED,
}
_LIMIT = 64 << 20
"""Bytes of node statuses unpacked: a workflow of thousands of steps has a few megabytes."""


def snapshot(workflow: Mapping[str, Any]) -> Snapshot:
    """Returns how a workflow stands; its state is empty until the controller has taken it up."""
    status = workflow.get("status") or {}
    phase = status.get("phase") or ""
    said = status.get("message") or ""
    if phase == "Failed" and (workflow.get("spec") or {}).get("shutdown"):
        said = said or f"stopped with the strategy {workflow['spec']['shutdown']}"
    return Snapshot(_PHASES.get(phase, ""), tuple(_steps(workflow)), said)


def nodes(workflow: Mapping[str, Any]) -> dict[str, Object]:
    """Returns the nodes by id, unpacked where the controller packed them to keep the object small."""
    status = workflow.get("status") or {}
    if packed := status.get("compressedNodes"):
        try:
            text = gzip.GzipFile(fileobj=_opened(packed)).read(_LIMIT + 1)
            found = foreign_json.loads(text) if len(text) <= _LIMIT else {}
        except (OSError, EOFError, ValueError, binascii.Error):
            found = {}
        return found if isinstance(found, dict) else {}
    return dict(status.get("nodes") or {})


def asked(workflow: Mapping[str, Any], step: Step) -> Asked:
    """Returns what a step asked of the cluster, as the controller keeps the template that it runs."""
    spec = (workflow.get("status") or {}).get("storedWorkflowTemplateSpec") or workflow.get("spec") or {}
    template = nodes(workflow).get(step.key, {}).get("templateName")
    for one in spec.get("templates") or []:
        if one.get("name") == template:
            container = one.get("container") or {}
            return Asked(
                container.get("image", ""),
                one.get("nodeSelector") or spec.get("nodeSelector") or {},
                (container.get("resources") or {}).get("limits") or {},
                spec.get("serviceAccountName", ""),
            )
    return Asked(account=spec.get("serviceAccountName", ""))


def last_pod(workflow: Mapping[str, Any], step: Step) -> str:
    """Returns the id of the node whose pod was a step's last attempt."""
    known = nodes(workflow)
    attempts = [child for child in known.get(step.key, {}).get("children") or [] if child in known]
    if known.get(step.key, {}).get("type") != "Retry" or not attempts:
        return step.key
    return max(attempts, key=lambda child: known[child].get("startedAt") or "")


def _steps(workflow: Mapping[str, Any]) -> Iterator[Step]:
    known = nodes(workflow)
    tries = {child for node in known.values() if node.get("type") == "Retry" for child in node.get("children") or []}
    shown = {
        key: node
        for key, node in known.items()
        if node.get("type") in ("Pod", "Retry", "Skipped") and not (node.get("type") == "Pod" and key in tries)
    }
    names = Counter(node.get("displayName") for node in shown.values())
    prefix = f"{(workflow.get('metadata') or {}).get('name', '')}."
    for key, node in sorted(shown.items(), key=lambda item: (item[1].get("startedAt") or "~", item[0])):
        own = [child for child in node.get("children") or [] if child in known] if node["type"] == "Retry" else []
        last = max((known[child] for child in own), key=lambda one: one.get("startedAt") or "", default=node)
        name = node.get("displayName") or key
        yield Step(
            key=key,
            label=name if names[name] == 1 else str(node.get("name", name)).removeprefix(prefix),
            state=_PHASES.get(node.get("phase") or "Pending", records.PENDING),
            started=_seconds(node.get("startedAt")),
            finished=_seconds(node.get("finishedAt")),
            attempts=max(1, len(own)),
            # Of a step that is tried again, the last attempt says more than "No more retries left".
            said=last.get("message") or node.get("message") or "",
        )


def _seconds(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None


def _opened(packed: str) -> Any:
    import io

    return io.BytesIO(base64.b64decode(packed, validate=True))
