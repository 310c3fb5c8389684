"""What a pipeline will run, as far as its text says: the steps, what they are called, whether they can be run here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from components.errors import RoadworthyError, UnsupportedError
from pipelines.targets import ir
from pipelines.targets.local import conditions, placeholders

_GROUP = re.compile(r"(condition|condition-branches|exit-handler)-\d+")


@dataclass(frozen=True)
class Step:
    """A container or importer; ``path`` holds the task names from the root down, ``*`` for a loop's index."""

    path: tuple[str, ...]
    task: ir.Task
    component: ir.Component

    @property
    def image(self) -> str:
        """The step's image, empty for an importer."""
        return self.component.body.image if isinstance(self.component.body, ir.Container) else ""


def steps(pipeline: ir.Pipeline, component: ir.Component | None = None, path: tuple[str, ...] = ()) -> Iterator[Step]:
    """Yields the steps below a component (by default all), each after those it waits for."""
    body = (component or pipeline.root).body
    if not isinstance(body, ir.Dag):
        return
    for task in _in_order(body):
        inner = pipeline.components[task.component]
        below = (*path, task.name, "*") if task.loop else (*path, task.name)
        if isinstance(inner.body, ir.Dag):
            yield from steps(pipeline, inner, below)
        else:
            yield Step(below, task, inner)


def _in_order(dag: ir.Dag) -> Iterator[ir.Task]:
    waiting = dict(dag.tasks)
    while waiting:
        ready = [task for task in waiting.values() if not any(other in waiting for other in task.after)]
        for task in ready:
            yield waiting.pop(task.name)


class Labels:
    """What steps are called: their path without the groups of ``dsl.If`` and ``dsl.ExitHandler``.

    Should that make two steps of the pipeline share a name, groups stay in.
    """

    def __init__(self, pipeline: ir.Pipeline) -> None:
        short = [self._short(step.path) for step in steps(pipeline)]
        self.full = len(set(short)) < len(short)

    def __call__(self, path: tuple[str, ...]) -> str:
        """Returns the label of a path, which is also its folder's name in the run's: ``for-loop-1/0/train``."""
        return "/".join(path) if self.full else self._short(path)

    @staticmethod
    def _short(path: tuple[str, ...]) -> str:
        kept = [name for name in path if not _GROUP.fullmatch(name)]
        return "/".join(kept or path[-1:])


def check(pipeline: ir.Pipeline) -> None:
    """Raises UnsupportedError, naming the step, for a condition or placeholder that could not be read in a run."""
    for component in (pipeline.root, *pipeline.components.values()):
        if isinstance(component.body, ir.Dag):
            for task in component.body.tasks.values():
                _check_task(task)
        elif isinstance(component.body, ir.Container):
            container = component.body
            if not (*container.command, *container.args):
                raise UnsupportedError(f"step '{_name(component)}': expected a command, found only an image")
            texts = (container.image, *container.command, *container.args, *container.env.values())
            with_name(_name(component), lambda c=component, t=texts: placeholders.check(t, c))


def _check_task(task: ir.Task) -> None:
    condition = task.condition
    if condition:
        with_name(task.name, lambda: conditions.check(condition))


def with_name(name: str, check_it: object) -> None:
    """Calls a check and puts the step's name before what it raises."""
    try:
        check_it()  # type: ignore[operator]
    except RoadworthyError as error:
        raise type(error)(f"step '{name}': {error}") from None


def _name(component: ir.Component) -> str:
    return component.name.removeprefix("comp-")
