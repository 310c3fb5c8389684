"""The order of things: which task of a DAG runs when, with what inputs, and what it hands on."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from components.errors import InputError, PipelineError, RoadworthyError
from pipelines.targets import ir
from pipelines.targets.local import conditions, records
from pipelines.targets.local.artifacts import Artifact
from pipelines.targets.local.placeholders import Values
from pipelines.targets.local.processes import Stop
from pipelines.targets.local.values import to_text, typed

_FAN_OUT = 64
"""Iterations of one loop that are under way at most; the steps themselves are bounded by the run's workers."""

Handed = Artifact | list[Artifact]


@dataclass(frozen=True)
class Outcome:
    """How a task ended and what it gave."""

    state: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, Handed] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Scope:
    """Where a component runs: its inputs, its place below the root, and whether it is (in) an exit handler."""

    parameters: Mapping[str, Any]
    artifacts: Mapping[str, Handed]
    path: tuple[str, ...] = ()
    exiting: bool = False


class Steps(Protocol):
    """Runs single steps."""

    def run(self, task: ir.Task, component: ir.Component, scope: Scope) -> Outcome:
        """Runs a container or importer; errors of the step are an outcome, not an exception."""

    def note(self, task: ir.Task, path: tuple[str, ...], state: str, error: str = "") -> None:
        """Takes down that the steps of a task will not run."""

    def placeholders(self, path: tuple[str, ...]) -> Mapping[str, str]:
        """Returns what the run's placeholders stand for at a place."""


class Scheduler:
    """Runs a pipeline's DAGs; independent tasks run at the same time, each in a thread that mostly waits.

    Args:
        pipeline: What to run.
        steps: Who runs the single steps.
        stop: Says when no more is to be begun.
    """

    def __init__(self, pipeline: ir.Pipeline, steps: Steps, stop: Stop) -> None:
        self.pipeline, self.steps, self.stop = pipeline, steps, stop
        self.crashed: BaseException | None = None

    def run(self, parameters: Mapping[str, Any]) -> Outcome:
        """Runs the whole pipeline.

        Args:
            parameters: The pipeline's, checked and complete.
        """
        outcome = self._component(self.pipeline.root, Scope(parameters, {}))
        if self.crashed:
            raise self.crashed
        return outcome

    def _component(self, component: ir.Component, scope: Scope, task: ir.Task | None = None) -> Outcome:
        parameters = {
            name: typed(declared.default, declared.kind)
            for name, declared in component.inputs.parameters.items()
            if declared.default not in (ir.ABSENT, None)
        }
        scope = replace(scope, parameters={**parameters, **scope.parameters})
        if isinstance(component.body, ir.Dag):
            return self._dag(component.body, scope)
        if task is None:
            raise PipelineError("expected a DAG as the root, found a single step")
        return self.steps.run(task, component, scope)

    def _dag(self, dag: ir.Dag, scope: Scope) -> Outcome:
        waiting, done = dict(dag.tasks), dict[str, Outcome]()
        finished: queue.SimpleQueue[tuple[str, Outcome]] = queue.SimpleQueue()
        running = 0
        while waiting or running:
            for task in [task for task in waiting.values() if all(other in done for other in task.after)]:
                del waiting[task.name]
                before = {other: done[other] for other in task.after}
                job = threading.Thread(target=lambda t=task, b=before: finished.put((t.name, self._task(t, scope, b))))
                job.start()
                running += 1
            name, outcome = finished.get()
            done[name] = outcome
            running -= 1
        return self._together(dag, done)

    def _together(self, dag: ir.Dag, done: Mapping[str, Outcome]) -> Outcome:
        states = {outcome.state for outcome in done.values()}
        for state in (records.PLANNED, records.FAILED, records.CANCELLED):
            if state in states:
                errors = [outcome.error for outcome in done.values() if outcome.state == state and outcome.error]
                return Outcome(state, error="; ".join(dict.fromkeys(errors)))
        parameters = {name: _first(sources, done, "parameters") for name, sources in dag.parameters.items()}
        artifacts = {name: _first(sources, done, "artifacts") for name, sources in dag.artifacts.items()}
        return Outcome(records.SUCCEEDED, _present(parameters), _present(artifacts))

    def _task(self, task: ir.Task, scope: Scope, before: Mapping[str, Outcome]) -> Outcome:
        path = (*scope.path, task.name)
        inner = replace(scope, path=path, exiting=scope.exiting or task.exits)
        try:
            state = self._hindered(task, inner, before)
            return self._noted(task, path, state) if state else self._begin(task, inner, scope, before)
        except RoadworthyError as error:
            return self._noted(task, path, records.FAILED, f"step '{task.name}': {error}")
        except BaseException as error:  # a bug in the runner: stop everything, then let it be seen
            self.crashed = error
            self.stop.request()
            return Outcome(records.FAILED, error=str(error))

    def _noted(self, task: ir.Task, path: tuple[str, ...], state: str, error: str = "") -> Outcome:
        self.steps.note(task, path, state, error)
        return Outcome(state, error=error)

    def _hindered(self, task: ir.Task, scope: Scope, before: Mapping[str, Outcome]) -> str:
        """Returns the state of a task that cannot run because of those before it or of a stop, or nothing."""
        if self.stop.requested.is_set() and not scope.exiting:
            return records.CANCELLED
        states = {outcome.state for outcome in before.values()}
        if records.PLANNED in states:
            return records.PLANNED
        if states & {records.FAILED, records.OMITTED, records.CANCELLED} and not task.always:
            return records.OMITTED
        return ""

    def _begin(self, task: ir.Task, inner: Scope, scope: Scope, before: Mapping[str, Outcome]) -> Outcome:
        component = self.pipeline.components[task.component]
        given, artifacts, lacking = self._inputs(task, component, scope, before, inner.path)
        if lacking:
            return self._noted(task, inner.path, records.SKIPPED)
        if task.condition and not conditions.evaluate(task.condition, given):
            return self._noted(task, inner.path, records.SKIPPED)
        inner = replace(inner, parameters=given, artifacts=artifacts)
        return self._loop(task, task.loop, component, inner) if task.loop else self._component(component, inner, task)

    def _inputs(
        self,
        task: ir.Task,
        component: ir.Component,
        scope: Scope,
        before: Mapping[str, Outcome],
        path: tuple[str, ...],
    ) -> tuple[dict[str, Any], dict[str, Handed], bool]:
        """Returns a task's parameters and artifacts, and whether a skipped task left out one that it needs."""
        parameters, artifacts, lacking = dict[str, Any](), dict[str, Handed](), False
        # Constants may hold placeholders of the other inputs, so they come last.
        for name, source in sorted(task.parameters.items(), key=lambda item: isinstance(item[1], ir.Constant)):
            if isinstance(source, ir.Constant):
                value = Values(parameters=parameters, run=self.steps.placeholders(path)).fill_all(source.value)
            elif isinstance(source, ir.FinalStatus):
                value = self._status(source.task, before[source.task], path)
            else:
                value = _looked_up(source, scope.parameters, before, "parameters")
            declared = component.inputs.parameters.get(name)
            if value not in (ir.ABSENT, None):
                parameters[name] = _fitted(name, value, declared)
            elif not (declared and (declared.optional or declared.default is not ir.ABSENT)):
                lacking |= _skipped(source, before)
        for name, source in task.artifacts.items():
            handed = _looked_up(source, scope.artifacts, before, "artifacts")
            kind = component.inputs.artifacts.get(name)
            if handed is not ir.ABSENT:
                artifacts[name] = handed
            elif not (kind and kind.optional):
                lacking |= _skipped(source, before)
        return parameters, artifacts, lacking

    def _status(self, name: str, outcome: Outcome, path: tuple[str, ...]) -> dict[str, Any]:
        """KFP's PipelineTaskFinalStatus, in the backend's own spelling (protojson: camelCase)."""
        run = self.steps.placeholders(path)
        status: dict[str, Any] = {
            "state": outcome.state,
            "pipelineJobName": run["pipeline_job_name"],
            "pipelineJobResourceName": run["pipeline_job_resource_name"],
            "pipelineJobUuid": run["pipeline_job_uuid"],
            "pipelineTaskName": name,
        }
        if outcome.state != records.SUCCEEDED:
            status["error"] = {"code": 1, "message": outcome.error or outcome.state.lower()}
        return status

    def _loop(self, task: ir.Task, loop: ir.Loop, component: ir.Component, scope: Scope) -> Outcome:
        items = _items(loop, scope)
        if not items:
            return Outcome(records.SUCCEEDED, *_collected(component, []))

        def each(index: int) -> Outcome:
            given = {loop.item: items[index]}
            parameters = scope.parameters if loop.over_artifacts else {**scope.parameters, **given}
            artifacts = {**scope.artifacts, **given} if loop.over_artifacts else scope.artifacts
            inner = replace(scope, parameters=parameters, artifacts=artifacts, path=(*scope.path, str(index)))
            if self.stop.requested.is_set() and not scope.exiting:
                return self._noted(task, inner.path, records.CANCELLED)
            return self._component(component, inner, task)

        with ThreadPoolExecutor(min(loop.limit or _FAN_OUT, len(items), _FAN_OUT)) as pool:
            outcomes = list(pool.map(each, range(len(items))))
        for state in (records.PLANNED, records.FAILED, records.CANCELLED):
            errors = [outcome.error for outcome in outcomes if outcome.state == state]
            if errors:
                return Outcome(state, error="; ".join(dict.fromkeys(error for error in errors if error)))
        return Outcome(records.SUCCEEDED, *_collected(component, outcomes))


def _first(sources: tuple[ir.FromTask, ...], done: Mapping[str, Outcome], what: str) -> Any:
    """The first of several outputs that exists: of the branches of a condition, one has run."""
    for source in sources:
        found = getattr(done[source.task], what)
        if source.key in found:
            return found[source.key]
    return ir.ABSENT


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not ir.ABSENT}


def _looked_up(source: ir.Source, inputs: Mapping[str, Any], before: Mapping[str, Outcome], what: str) -> Any:
    if isinstance(source, ir.FromTask):
        return getattr(before[source.task], what).get(source.key, ir.ABSENT)
    if not isinstance(source, ir.FromInput):
        raise PipelineError(f"expected an output or an input, found {source}")
    # The compiler at times passes on inputs that no pipeline has (loop items out of an exit handler); nobody uses them.
    value = inputs.get(source.name, ir.ABSENT)
    if source.member is None or value is ir.ABSENT:
        return value
    fields = json.loads(value) if isinstance(value, str) else value
    if not isinstance(fields, dict) or source.member not in fields:
        raise InputError(f"expected a field {source.member!r} in {source.name!r}, found {to_text(value)[:60]!r}")
    return fields[source.member]


def _skipped(source: ir.Source, before: Mapping[str, Outcome]) -> bool:
    return isinstance(source, ir.FromTask) and before[source.task].state in (records.SKIPPED, records.SUCCEEDED)


def _fitted(name: str, value: Any, declared: ir.Parameter | None) -> Any:
    if declared is None:
        return value
    if declared.kind == "STRING" and not isinstance(value, str):
        return to_text(value)
    try:
        return typed(value, declared.kind)
    except InputError as error:
        raise InputError(f"input {name!r}: {error}") from None


def _items(loop: ir.Loop, scope: Scope) -> list[Any]:
    if loop.items is not None:
        return list(loop.items)
    inputs: Mapping[str, Any] = scope.artifacts if loop.over_artifacts else scope.parameters
    items = inputs.get(loop.source or "", ir.ABSENT)
    if isinstance(items, str):
        items = json.loads(items)
    if not isinstance(items, list):
        raise InputError(f"expected a list to loop over in {loop.source!r}, found {items!r:.60}")
    return items


def _collected(
    component: ir.Component, outcomes: list[Outcome]
) -> tuple[dict[str, list[Any]], dict[str, list[Artifact]]]:
    """``dsl.Collected``: one value an iteration, in the items' order.

    Of loops within loops it is one flat list: a list of artifact lists cannot be said in KFP's ExecutorInput. An
    iteration whose condition left the output out adds nothing.
    """
    parameters: dict[str, list[Any]] = {name: [] for name in component.outputs.parameters}
    artifacts: dict[str, list[Artifact]] = {name: [] for name in component.outputs.artifacts}
    for outcome in outcomes:
        for name, value in outcome.parameters.items():
            nested = _from_loop(component, name) and isinstance(value, list)
            parameters.setdefault(name, []).extend(value if nested else [value])
        for name, handed in outcome.artifacts.items():
            artifacts.setdefault(name, []).extend(handed if isinstance(handed, list) else [handed])
    return parameters, artifacts


def _from_loop(component: ir.Component, name: str) -> bool:
    if not isinstance(component.body, ir.Dag):
        return False
    sources = component.body.parameters.get(name, ())
    return any(component.body.tasks[source.task].loop for source in sources)
