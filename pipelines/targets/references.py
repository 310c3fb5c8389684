"""What a compiled pipeline refers to must be there: components, steps, inputs and outputs, and no circles.

The compiler itself gets some of this wrong, without a word (2.17.0): an f-string over the items of two loops, or over
two fields of one item, refers to inputs and outputs that nobody declared. Such a pipeline would fail in the cluster,
in the middle of a run; here it is refused before.
"""

from __future__ import annotations

import graphlib
from collections.abc import Mapping, Sequence

from components.errors import UnsupportedError
from pipelines.targets import ir


def check(pipeline: ir.Pipeline) -> None:
    """Raises UnsupportedError, naming the step, for the first reference that leads nowhere."""
    for component in (pipeline.root, *pipeline.components.values()):
        if isinstance(component.body, ir.Dag):
            for task in component.body.tasks.values():
                try:
                    _check_task(task, component, component.body, pipeline)
                except UnsupportedError as error:
                    raise UnsupportedError(f"step '{task.name}': {error}") from None
            _check_outputs(component.body, pipeline)
            _check_order({name: task.after for name, task in component.body.tasks.items()}, "steps")
    uses = {name: _used(component) for name, component in pipeline.components.items()}
    _check_order({**uses, "root": _used(pipeline.root)}, "components")


def _check_task(task: ir.Task, enclosing: ir.Component, dag: ir.Dag, pipeline: ir.Pipeline) -> None:
    if task.component not in pipeline.components:
        raise UnsupportedError(f"expected a component, found none called {task.component!r}")
    group = isinstance(pipeline.components[task.component].body, ir.Dag)
    for other in task.after:
        if other not in dag.tasks:
            raise UnsupportedError(f"expected to come after a step, found none called {other!r}")
    if task.retry.times and group:
        raise UnsupportedError("expected retries of single steps, found them on a group")
    for name, source in (*task.parameters.items(), *task.artifacts.items()):
        if isinstance(source, ir.FromTask):
            _check_output(source, dag, pipeline)
        # The compiler also hands groups inputs that no one has and no one uses; those do no harm.
        elif isinstance(source, ir.FromInput) and not group and not _declares(enclosing.inputs, source.name):
            raise UnsupportedError(
                f"expected {name!r} from an input of what is around it, found none called {source.name!r}: "
                "give the value as an argument of its own instead of in an f-string"
            )
    if task.loop and task.loop.source and task.loop.source not in {**task.parameters, **task.artifacts}:
        raise UnsupportedError(f"expected a list to loop over, found no input called {task.loop.source!r}")


def _check_outputs(dag: ir.Dag, pipeline: ir.Pipeline) -> None:
    for sources in (*dag.parameters.values(), *dag.artifacts.values()):
        for source in sources:
            _check_output(source, dag, pipeline)


def _check_output(source: ir.FromTask, dag: ir.Dag, pipeline: ir.Pipeline) -> None:
    task = dag.tasks.get(source.task)
    if task is None or task.component not in pipeline.components:
        raise UnsupportedError(f"expected an output of a step, found no step called {source.task!r}")
    if not _declares(pipeline.components[task.component].outputs, source.key):
        raise UnsupportedError(
            f"expected an output {source.key!r} of step {source.task!r}, which declares none of that name; "
            "give fields of a loop's item as arguments of their own instead of in an f-string"
        )


def _declares(interface: ir.Interface, name: str) -> bool:
    return name in interface.parameters or name in interface.artifacts


def _used(component: ir.Component) -> tuple[str, ...]:
    return tuple(task.component for task in component.body.tasks.values()) if isinstance(component.body, ir.Dag) else ()


def _check_order(graph: Mapping[str, Sequence[str]], called: str) -> None:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise UnsupportedError(f"expected {called} without a circle, found {' → '.join(error.args[1])}") from None
