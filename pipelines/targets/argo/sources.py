"""Where the inputs of a DAG's tasks come from, as Argo's arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from components.errors import UnsupportedError
from pipelines.targets import ir
from pipelines.targets.argo import placeholders, values
from pipelines.targets.argo.names import Names
from pipelines.targets.argo.values import Part, Value

_INPUT = re.compile(r"\$\.inputs\.parameters\['([^']+)'\]")
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass
class Inside:
    """The inside of one DAG: what it was given, its tasks, and what they are called.

    ``state`` is how the workflow ended for a DAG that runs when it is over, None for any other.
    """

    dag: ir.Dag
    components: Mapping[str, ir.Component]
    given: placeholders.Given
    names: Names
    state: Value | None = None

    def arguments(self, task: ir.Task, component: ir.Component) -> dict[str, list[Part]]:
        """Returns what a task's input parameters are given; one that nothing gives a value is left out."""
        found: dict[str, list[Part]] = {}
        # Constants may hold placeholders of the other inputs, so they come last.
        for name, source in sorted(task.parameters.items(), key=lambda item: isinstance(item[1], ir.Constant)):
            kind = self.kind(component, name, source)
            if isinstance(source, ir.Constant):
                if source.value is not None:
                    found[name] = self._constant(source.value, kind, found, task.name)
            elif (value := self._value(source, kind, task)) is not None:
                found[name] = [value]
        return found

    def kind(self, component: ir.Component, name: str, source: ir.Source) -> str:
        """Returns the KFP type of a task's input: its own, or its source's where the component declares none."""
        if name in component.inputs.parameters:
            return component.inputs.parameters[name].kind
        if isinstance(source, ir.FromInput):
            return self.given.parameters.get(source.name, "STRING") if source.member is None else "STRING"
        if isinstance(source, ir.FromTask):
            return self._output_kind(source)
        return "STRING"

    def artifacts(self, task: ir.Task) -> dict[str, str]:
        """Returns where a task's input artifacts come from."""
        found = {}
        for name, source in task.artifacts.items():
            if isinstance(source, ir.FromTask):
                self._dependable(source, task)
                if self.dag.tasks[source.task].loop:
                    raise UnsupportedError(f"expected single artifacts, found those of a loop as {name!r}")
                found[name] = self.artifact(source)
            elif isinstance(source, ir.FromInput) and source.name in self.given.artifacts:
                found[name] = f"{{{{inputs.artifacts.{source.name}}}}}"
        return found

    def artifact(self, source: ir.FromTask) -> str:
        """Returns an output artifact of a task."""
        return f"{{{{tasks.{self.names(source.task)}.outputs.artifacts.{source.key}}}}}"

    def output(self, source: ir.FromTask) -> Value:
        """Returns an output parameter of a task; of loops within loops, one flat list."""
        path = ("tasks", self.names(source.task), "outputs", "parameters", source.key)
        value = values.parameter(*path, kind=self._output_kind(source))
        task = self.dag.tasks[source.task]
        if task.loop and from_loop(self.components[task.component], source.key):
            return values.computed(f"toJson(jsonpath({value.expression}, '$[*][*]'))", value.kind)
        return value

    def _output_kind(self, source: ir.FromTask) -> str:
        task = self.dag.tasks[source.task]
        return "LIST" if task.loop else self.components[task.component].outputs.parameters[source.key].kind

    def _value(self, source: ir.Source, kind: str, task: ir.Task) -> Value | None:
        if isinstance(source, ir.FromTask):
            self._dependable(source, task)
            value = self.output(source)
            return Value(value.expression, kind, value.tag)
        if isinstance(source, ir.FinalStatus):
            return self._status(source.task)
        if not isinstance(source, ir.FromInput) or source.name not in self.given.parameters:
            return None
        value = values.parameter("inputs", "parameters", source.name, kind=kind)
        return value if source.member is None else _member(value, source.member, kind)

    def _dependable(self, source: ir.FromTask, task: ir.Task) -> None:
        """Raises if the output may be missing: an argument that Argo cannot fill is an error, never a default."""
        if task.always:
            raise UnsupportedError(f"expected no output of a step that may have failed, found {source.key!r}")
        if self.dag.tasks[source.task].condition:
            raise UnsupportedError(
                f"expected no output of a step that may be skipped, found {source.key!r}: use dsl.OneOf"
            )

    def _constant(self, value: object, kind: str, others: Mapping[str, list[Part]], task: str) -> list[Part]:
        if not isinstance(value, str):
            return [values.constant(value, kind)]
        run = placeholders.run_values(task)

        def meaning(inner: str) -> list[Part]:
            found = _INPUT.fullmatch(inner)
            if found and found[1] in others:
                return others[found[1]]
            name = inner.removeprefix("$.")
            if name not in run or name == "pipeline_task_uuid":
                raise UnsupportedError(f"expected an input or the run's name, id or root, found {{{{{inner}}}}}")
            return list(run[name])

        parts = placeholders.split(value, meaning)
        return parts if "{{$" in value else [values.constant(value, kind)]

    def _status(self, name: str) -> Value:
        """KFP's PipelineTaskFinalStatus as JSON. The choice stands outermost (see ``targets.argo.values``)."""
        state = self.state or values.variable("tasks", self.names(name), "status")
        common = (
            "'pipelineJobName': workflow.name, 'pipelineJobResourceName': workflow.name, "
            f"'pipelineJobUuid': workflow.uid, 'pipelineTaskName': {values.quoted(name)}"
        )
        error = f"{{'code': 1, 'message': {state.expression} }}"
        return values.computed(
            f"{state.expression} == 'Succeeded' ? toJson({{'state': 'SUCCEEDED', {common} }}) : "
            f"toJson({{'state': 'FAILED', 'error': {error}, {common} }})",
            "TASK_FINAL_STATUS",
        )


def from_loop(component: ir.Component, key: str) -> bool:
    """Whether an output of a DAG is itself what a loop in it collected."""
    if not isinstance(component.body, ir.Dag):
        return False
    return any(component.body.tasks[source.task].loop for source in component.body.parameters.get(key, ()))


def _member(value: Value, member: str, kind: str) -> Value:
    if not _PLAIN.fullmatch(member):
        raise UnsupportedError(f"expected a field of letters, digits and _, found {member!r}")
    found = f"jsonpath({value.expression}, '$.{member}')"
    return values.computed(found if kind == "STRING" else f"toJson({found})", kind)
