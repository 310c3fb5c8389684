"""A simulated Argo run in the local runner's words, and what it means that both tell one story."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from argo_simulator import Node, Simulator

from pipelines.targets import ir
from pipelines.targets.local import plan
from pipelines.targets.local.values import to_text

STATES = {"Succeeded": "SUCCEEDED", "Failed": "FAILED", "Error": "FAILED", "Skipped": "SKIPPED", "Omitted": "OMITTED"}


class Story:
    """What a simulated run did, in the local runner's words."""

    def __init__(self, pipeline: ir.Pipeline, simulator: Simulator, outcome: Node) -> None:
        self.state, self.outputs = STATES[outcome.phase], outcome.parameters
        labels = plan.Labels(pipeline)
        known = {step.path: step for step in plan.steps(pipeline)}
        self.nodes: dict[str, Node] = {}
        for path, node in simulator.nodes.items():
            general = tuple("*" if name.isdigit() else name for name in path)
            inner = [one for one in known if one[: len(general)] == general]
            if general in known:
                self.nodes[labels(path)] = node
            elif node.phase in ("Skipped", "Omitted"):
                # Of a group that did not run, the local runner names every step.
                self.nodes |= {labels((*path, *one[len(path) :])): node for one in inner}
        self.states = {label: STATES[node.phase] for label, node in self.nodes.items()}
        self.bucket = simulator.bucket


def comparable(text: str, folder: str) -> Any:
    """A value without what differs by nature: the run's folders, times, and how JSON is spaced and escaped."""
    text = re.sub(r"\b\d{10}\.\d+", "<time>", text)
    text = re.sub(re.escape(folder) + r"/[^\s\"']*?/(out|executor_output.json)\b", r"<\1>", text)
    try:
        return json.loads(text)
    except ValueError:
        # Argo drops one newline at an output's end.
        return text.removesuffix("\n")


def tree(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def same(local: Any, story: Story, cluster: Path) -> None:
    assert story.states == local.states
    assert story.state == local.state
    for label, node in story.nodes.items():
        outputs = local.steps[label]["outputs"]
        if node.phase != "Succeeded":
            continue
        # An import is a step of its own only on a cluster.
        assert node.attempts == (local.steps[label]["attempts"] or 1)
        found = {name: comparable(value, str(cluster)) for name, value in node.parameters.items()}
        wanted = {name: comparable(to_text(value), str(local.folder)) for name, value in outputs["parameters"].items()}
        assert found == wanted, label
        kept = {name: tree(story.bucket / key) for name, key in node.artifacts.items() if name != "executor-output"}
        assert kept == {name: tree(Path(one["path"])) for name, one in outputs["artifacts"].items()}, label
    found = {name: comparable(value, str(cluster)) for name, value in story.outputs.items()}
    assert found == {name: comparable(to_text(value), str(local.folder)) for name, value in local.outputs.items()}
