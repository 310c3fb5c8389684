"""KFP's placeholders as Argo's tags: what a step is told about its inputs, its outputs and the run.

A step's input artifacts lie below ``/roadworthy/in``, what it gives goes below ``/roadworthy/out``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.errors import UnsupportedError
from pipelines.targets import ir
from pipelines.targets.argo import values
from pipelines.targets.argo.values import Part, Value
from pipelines.targets.local import placeholders
from pipelines.targets.local.values import to_json

IN, OUT = "/roadworthy/in", "/roadworthy/out"
EXECUTOR_OUTPUT = "executor_output.json"
ROOT = "pipeline-root"
"""The workflow parameter that ``{{$.pipeline_root}}`` begins with: ``s3://bucket/runs``, without a slash at the end."""

_ANY = re.compile(r"\{\{(\$.*?)\}\}", re.DOTALL)
_FIELD = re.compile(
    r"\$\.(?P<side>inputs|outputs)\.(?P<what>parameters|artifacts)\['(?P<name>[^']+)'\]"
    r"(?:\.(?P<part>path|uri|output_file|metadata)(?:\['[^']+'\])?)?"
)


@dataclass(frozen=True)
class Given:
    """What one use of a step is given: its parameters by name with their KFP types, and its artifacts' names."""

    parameters: Mapping[str, str]
    artifacts: frozenset[str]


def run_values(task: str) -> dict[str, Sequence[Part]]:
    """Returns what KFP's placeholders about the run stand for, for the task of this name.

    ``pipeline_task_uuid`` is the pod's name, so it is known within a pod only.
    """
    created = values.variable("workflow", "creationTimestamp", "RFC3339")
    name = values.variable("workflow", "name")
    return {
        "pipeline_root": [values.parameter("workflow", "parameters", ROOT, kind="STRING"), "/", name],
        "pipeline_job_name": [name],
        "pipeline_job_resource_name": [name],
        "pipeline_job_uuid": [values.variable("workflow", "uid")],
        "pipeline_job_create_time_utc": [created],
        "pipeline_job_schedule_time_utc": [created],
        "pipeline_task_name": [task],
        "pipeline_task_uuid": [values.variable("pod", "name")],
    }


def split(text: str, meaning: Callable[[str], Sequence[Part]]) -> list[Part]:
    """Returns a text cut at KFP's placeholders, each replaced by what ``meaning(inner)`` returns."""
    parts: list[Part] = []
    at = 0
    for found in _ANY.finditer(text):
        parts += [text[at : found.start()], *meaning(found[1])]
        at = found.end()
    return [part for part in (*parts, text[at:]) if part != ""]


class Filled:
    """Fills the placeholders of one use of a step.

    Args:
        component: The step.
        given: What it gets.
        task: The task's name.
    """

    def __init__(self, component: ir.Component, given: Given, task: str) -> None:
        self.component, self.given = component, given
        self.run = run_values(task)

    def command(self, elements: Sequence[str]) -> list[str]:
        """Returns a command line with IfPresent and Concat resolved: what a step is given, is known already."""
        return [text for element in elements for text in self._resolved(placeholders.struct(element))]

    def text(self, text: str) -> str:
        """Returns a text of the container with Argo's tags; ``$`` in values reaches the step as it is."""
        return values.text([_shielded(part) for part in _merged(split(text, self._meaning))])

    def _resolved(self, element: Any) -> list[str]:
        if isinstance(element, str):
            return [self.text(element)]
        if isinstance(element, list):
            return [text for item in element for text in self._resolved(item)]
        if "Concat" in element:
            # Texts are joined before they are filled: a tag must not meet a brace.
            return [self.text("".join(self._chosen(element["Concat"])))]
        return self._resolved(self._choice(element["IfPresent"]))

    def _chosen(self, element: Any) -> list[str]:
        if isinstance(element, str):
            return [element]
        if isinstance(element, list):
            return [text for item in element for text in self._chosen(item)]
        return self._chosen(element["Concat"] if "Concat" in element else self._choice(element["IfPresent"]))

    def _choice(self, choice: Mapping[str, Any]) -> Any:
        name = choice["InputName"]
        present = name in self.given.parameters or name in self.given.artifacts
        return choice["Then"] if present else choice.get("Else", [])

    def _meaning(self, inner: str) -> Sequence[Part]:
        if inner == "$":
            return self.executor_input()
        if inner in ("$.outputs.output_file", "$.outputMetadataUri"):
            return [f"{OUT}/{EXECUTOR_OUTPUT}"]
        if inner.removeprefix("$.") in self.run:
            return self.run[inner.removeprefix("$.")]
        found = _FIELD.fullmatch(inner)
        if not found:
            raise UnsupportedError(f"expected one of KFP's placeholders, found {{{{{inner}}}}}")
        side, name, part = found["side"], found["name"], found["part"]
        if found["what"] == "artifacts":
            return [self._artifact(side, name, part)]
        if side == "outputs":
            return [f"{OUT}/{name}"]
        if name not in self.given.parameters:
            raise UnsupportedError(f"expected a value for the input {name!r}, found none")
        return [self._input(name)]

    def _input(self, name: str) -> Value:
        return values.parameter("inputs", "parameters", name, kind=self.given.parameters[name])

    def _artifact(self, side: str, name: str, part: str | None) -> str:
        if part not in ("path", "uri"):
            raise UnsupportedError(f"expected the path of the artifact {name!r}, found its {part or 'list'}")
        if side == "inputs" and name not in self.given.artifacts:
            raise UnsupportedError(f"expected the input artifact {name!r}, found none")
        return f"{IN if side == 'inputs' else OUT}/{name}"

    def executor_input(self) -> list[Part]:
        """Returns KFP's ExecutorInput, whose parameters are known in the run only."""
        marks = {name: f"\0{name}\0" for name in sorted(self.given.parameters)}
        outputs = self.component.outputs
        whole = to_json(
            {
                "inputs": {"parameterValues": marks, "artifacts": self._listed(IN, self.component.inputs)},
                "outputs": {
                    "parameters": {name: {"outputFile": f"{OUT}/{name}"} for name in outputs.parameters},
                    "artifacts": self._listed(OUT, outputs),
                    "outputFile": f"{OUT}/{EXECUTOR_OUTPUT}",
                },
            }
        )
        # JSON writes the marks' zero bytes as \u0000.
        pieces = re.split(r'"\\u0000(.+?)\\u0000"', whole)
        return [piece if index % 2 == 0 else self._as_json(piece) for index, piece in enumerate(pieces)]

    def _as_json(self, name: str) -> Value:
        value = self._input(name)
        # All but text is JSON already.
        return values.computed(f"toJson({value.expression})", "STRING") if value.kind == "STRING" else value

    def _listed(self, folder: str, interface: ir.Interface) -> dict[str, Any]:
        return {
            name: {"artifacts": [{"name": name, "type": dict(kind.schema), "uri": f"{folder}/{name}", "metadata": {}}]}
            for name, kind in interface.artifacts.items()
            if folder == OUT or name in self.given.artifacts
        }


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Joins neighbouring texts: whether Kubernetes would read a dollar depends on what follows it."""
    joined: list[Part] = []
    for part in parts:
        if joined and isinstance(part, str) and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _shielded(part: Part) -> Part:
    if isinstance(part, str):
        return values.shielded_text(part)
    # Argo's own names hold no dollar.
    return values.shielded(part) if "parameters" in part.expression else part
