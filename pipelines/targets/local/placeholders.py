"""Fills KFP's placeholders: ``{{$.inputs.parameters['epochs']}}`` and its kin, IfPresent and Concat.

Filling is one pass: a value that looks like a placeholder stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.errors import InputError, UnsupportedError
from pipelines.targets import ir
from pipelines.targets.local.artifacts import Artifact
from pipelines.targets.local.values import to_json, to_text

RUN = (
    "pipeline_root",
    "pipeline_job_name",
    "pipeline_job_resource_name",
    "pipeline_job_uuid",
    "pipeline_job_create_time_utc",
    "pipeline_job_schedule_time_utc",
    "pipeline_task_name",
    "pipeline_task_uuid",
)
"""Placeholders that say something about the run; what each means here stands in the package's docstring."""

_ANY = re.compile(r"\{\{(\$.*?)\}\}", re.DOTALL)
_FIELD = re.compile(
    r"\$\.(?P<side>inputs|outputs)\.(?P<what>parameters|artifacts)\['(?P<name>[^']+)'\]"
    r"(?:\.(?P<part>path|uri|output_file|metadata)(?:\['(?P<key>[^']+)'\])?)?"
)
_STRUCTS = ('{"IfPresent": ', '{"Concat": ')
_OUTPUT_FILE = ("$.outputs.output_file", "$.outputMetadataUri")


@dataclass
class Values:
    """What the placeholders of one step stand for.

    ``parameters`` holds only inputs that have a value; ``results`` the files of output parameters.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, list[Artifact]] = field(default_factory=dict)
    outputs: Mapping[str, Artifact] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    output_file: str = ""
    run: Mapping[str, str] = field(default_factory=dict)

    def executor_input(self) -> dict[str, Any]:
        """Returns KFP's ExecutorInput, which ``{{$}}`` stands for."""
        inputs = {name: {"artifacts": [one.runtime() for one in many]} for name, many in self.artifacts.items()}
        outputs = {name: {"artifacts": [artifact.runtime()]} for name, artifact in self.outputs.items()}
        return {
            "inputs": {"parameterValues": dict(self.parameters), "artifacts": inputs},
            "outputs": {
                "parameters": {name: {"outputFile": path} for name, path in self.results.items()},
                "artifacts": outputs,
                "outputFile": self.output_file,
            },
        }

    def fill(self, text: str) -> str:
        """Returns ``text`` with every placeholder replaced.

        Raises:
            InputError: A placeholder stands for an input that has no value.
            UnsupportedError: There is no such placeholder.
        """
        return _ANY.sub(lambda found: self._value(found[1]), text)

    def fill_all(self, value: Any) -> Any:
        """Fills every text in a JSON value."""
        if isinstance(value, str):
            return self.fill(value)
        if isinstance(value, list):
            return [self.fill_all(item) for item in value]
        if isinstance(value, dict):
            return {key: self.fill_all(item) for key, item in value.items()}
        return value

    def command(self, elements: Iterable[str]) -> list[str]:
        """Returns a command line with structs resolved and placeholders filled."""
        return [text for element in elements for text in self._resolved(struct(element))]

    def _resolved(self, element: Any) -> list[str]:
        if isinstance(element, str):
            return [self.fill(element)]
        if isinstance(element, list):
            return [text for item in element for text in self._resolved(item)]
        if "Concat" in element:
            return ["".join(self._resolved(element["Concat"]))]
        choice = element["IfPresent"]
        present = choice["InputName"] in self.parameters or bool(self.artifacts.get(choice["InputName"]))
        return self._resolved(choice["Then"] if present else choice.get("Else", []))

    def _value(self, inner: str) -> str:
        if inner == "$":
            return to_json(self.executor_input())
        if inner in _OUTPUT_FILE:
            return self.output_file
        if inner.removeprefix("$.") in self.run:
            return self.run[inner.removeprefix("$.")]
        found = _FIELD.fullmatch(inner)
        if not found:
            raise UnsupportedError(f"expected one of KFP's placeholders, found {{{{{inner}}}}}")
        return self._field(found)

    def _field(self, found: re.Match[str]) -> str:
        side, what, name, part = found["side"], found["what"], found["name"], found["part"]
        if what == "parameters":
            known: Mapping[str, Any] = self.parameters if side == "inputs" else self.results
            if name not in known:
                raise InputError(f"expected a value for the {side[:-1]} {name!r}, found none")
            return to_text(known[name])
        many = (
            self.artifacts.get(name, []) if side == "inputs" else [self.outputs[name]] if name in self.outputs else []
        )
        if part is None:  # a list of artifacts can only be given whole
            return to_json([artifact.runtime() for artifact in many])
        if not many:
            raise InputError(f"expected the {side[:-1]} artifact {name!r}, found none")
        if part == "metadata":
            metadata = dict(many[0].metadata)
            return to_text(metadata.get(found["key"], "") if found["key"] else metadata)
        return many[0].path if part == "path" else many[0].uri


def check(elements: Iterable[str], component: ir.Component) -> None:
    """Raises UnsupportedError if ``Values`` could not fill the texts of a component's container."""
    for element in elements:
        for text in _texts(struct(element)):
            _each(text, lambda inner: _check_one(inner, component))


def used(elements: Iterable[str]) -> set[str]:
    """Returns which of the ``RUN`` placeholders the texts hold, also within IfPresent and Concat."""
    return {name for name in RUN for element in elements if f"{{{{$.{name}}}}}" in element}


def _check_one(inner: str, component: ir.Component) -> None:
    if inner == "$" or inner in _OUTPUT_FILE or inner.removeprefix("$.") in RUN:
        return
    found = _FIELD.fullmatch(inner)
    if found:
        side = component.inputs if found["side"] == "inputs" else component.outputs
        declared: Mapping[str, object] = side.parameters if found["what"] == "parameters" else side.artifacts
        # The compiler passes pipeline parameters to a step under names that the component does not declare.
        if found["name"] in declared or found["name"].startswith("pipelinechannel--"):
            return
    raise UnsupportedError(f"expected one of KFP's placeholders, found {{{{{inner}}}}}")


def _each(text: str, visit: Callable[[str], None]) -> None:
    for inner in _ANY.findall(text):
        visit(inner)


def struct(element: str) -> Any:
    """Reads the JSON that the compiler writes for IfPresent and Concat; any other text is itself."""
    if not element.startswith(_STRUCTS):
        return element
    try:
        return json.loads(element)
    except ValueError:
        raise UnsupportedError(f"expected IfPresent or Concat as JSON, found {element[:60]!r}") from None


def _texts(element: Any) -> list[str]:
    if isinstance(element, str):
        return [element]
    if isinstance(element, list):
        return [text for item in element for text in _texts(item)]
    if set(element) == {"Concat"}:
        return _texts(element["Concat"])
    if set(element) == {"IfPresent"} and {"InputName", "Then"} <= set(element["IfPresent"]):
        return _texts([element["IfPresent"]["Then"], element["IfPresent"].get("Else", [])])
    raise UnsupportedError(f"expected IfPresent or Concat, found {str(element)[:60]!r}")
