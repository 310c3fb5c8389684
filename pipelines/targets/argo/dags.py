"""DAGs as Argo templates: tasks and what they wait for, conditions, loops, outputs, exit handlers.

What differs from what Argo does by itself, so that a run tells the same story as on one machine:

* ``failFast: false``: a failure stops only what comes after it.
* Argo asks only the last tasks whether a DAG failed; where a task runs *despite* a failure, all are asked (``target``).
* A loop is a DAG of its own with one task, so that its limit holds for it alone and its outputs are collected in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from components.errors import RoadworthyError, UnsupportedError
from pipelines.targets import ir
from pipelines.targets.argo import conditions, containers, importers, outputs, values
from pipelines.targets.argo.names import Names
from pipelines.targets.argo.placeholders import Given
from pipelines.targets.argo.platform import Placed
from pipelines.targets.argo.sources import Inside
from pipelines.targets.argo.templates import Templates
from pipelines.targets.argo.values import Object, Part, Value
from pipelines.targets.local.values import to_json, typed

_ANY_END = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted")


class Dags:
    """Translates the components of one pipeline.

    Args:
        pipeline: Its views.
        placed: What its steps ask of the cluster, by component.
    """

    def __init__(self, pipeline: ir.Pipeline, placed: Mapping[str, Placed]) -> None:
        self.pipeline, self.placed = pipeline, placed
        self.templates = Templates()
        self._known: dict[object, str] = {}

    def root(self, given: Given) -> tuple[str, str]:
        """Adds the pipeline itself; returns the templates to begin with and to end with (empty: none).

        The handler of a pipeline that is one guarded group is the workflow's own: it also runs after `argo stop`.
        """
        dag = self.pipeline.root.body
        if not isinstance(dag, ir.Dag):
            raise UnsupportedError("expected a DAG as the pipeline, found a single step")
        inputs = [{"name": n, "value": f"{{{{workflow.parameters.{n}}}}}"} for n in sorted(given.parameters)]
        handlers = [task for task in dag.tasks.values() if task.exits]
        whole = len(dag.tasks) == 2 and len(handlers) == 1 and not dag.parameters and not dag.artifacts
        names = Names()
        exits = ""
        if whole:
            over = Inside(dag, self.pipeline.components, given, names, values.variable("workflow", "status"))
            ending = self._task(handlers[0], over)
            ending.pop("depends", None)
            exits = self.templates.add("on-exit", _dag_template([ending], inputs))
            dag = ir.Dag({name: task for name, task in dag.tasks.items() if not task.exits})
        inside = Inside(dag, self.pipeline.components, given, names)
        return self.templates.add("main", self._dag(dag, inside, inputs)), exits

    def _component(self, component: ir.Component, given: Given, task: ir.Task, collected: bool = False) -> str:
        """Adds what stands behind a task and returns its template's name."""
        parameters = tuple(sorted(given.parameters.items()))
        # The task's name can be part of a command; a DAG asks only for what its tasks are given.
        own = None if isinstance(component.body, ir.Dag) else task.name
        key = (component.name, parameters, given.artifacts, task.retry, own, collected)
        if key not in self._known:
            self._known[key] = self._added(component, given, task, collected)
        return self._known[key]

    def _added(self, component: ir.Component, given: Given, task: ir.Task, collected: bool) -> str:
        name = component.name.removeprefix("comp-")
        body = component.body
        if isinstance(body, ir.Dag):
            inside = Inside(body, self.pipeline.components, given, Names())
            inputs = [
                {"name": values.checked(one), **containers.default(component, one)} for one in sorted(given.parameters)
            ]
            template = self._dag(body, inside, inputs, collected)
            return self.templates.add(f"{name}-each" if collected else name, template)
        if isinstance(body, ir.Importer):
            component = importers.as_step(component, body)
            body = component.body
        if not isinstance(body, ir.Container):
            raise UnsupportedError(f"expected a container, an importer or a DAG, found {body}")
        placed = self.placed.get(component.name, Placed())
        template = containers.template(component, body, given, task, placed, self.pipeline.name)
        return self.templates.add(task.name, template)

    def _dag(self, dag: ir.Dag, inside: Inside, inputs: list[Object], collected: bool = False) -> Object:
        tasks = [self._task(task, inside) for _, task in sorted(dag.tasks.items())]
        template = _dag_template(tasks, inputs, sorted(inside.given.artifacts))
        if any(task.always for task in dag.tasks.values()):
            template["dag"]["target"] = " ".join(task["name"] for task in tasks)
        template["outputs"] = outputs.outputs(inside, collected)
        return template

    def _task(self, task: ir.Task, inside: Inside) -> Object:
        try:
            return self._translated(task, inside)
        except RoadworthyError as error:
            if str(error).startswith("step '"):
                raise
            raise UnsupportedError(f"step '{task.name}': {error}") from None

    def _translated(self, task: ir.Task, inside: Inside) -> Object:
        values.refused(task.name)  # it labels the step's metrics
        component = self.pipeline.components[task.component]
        parameters, artifacts = inside.arguments(task, component), inside.artifacts(task)
        kinds = {name: inside.kind(component, name, task.parameters[name]) for name in parameters}
        defaults = {
            name: declared.kind
            for name, declared in component.inputs.parameters.items()
            if declared.default not in (ir.ABSENT, None)
        }
        given = Given({**defaults, **kinds}, frozenset(artifacts))
        if task.loop:
            template = self._loop(task, task.loop, component, given)
            parameters.pop(task.loop.item, None)
        else:
            template = self._component(component, given, task)
        found: Object = {"name": inside.names(task.name), "template": template}
        if arguments := _arguments(parameters, artifacts):
            found["arguments"] = arguments
        if task.after:
            names = [inside.names(other) for other in sorted(task.after)]
            found["depends"] = " && ".join(_ended(name) if task.always else name for name in names)
        if task.condition:
            known = {name: _condition_value(parts, kinds[name]) for name, parts in parameters.items()}
            found["when"] = conditions.when(task.condition, known)
        return found

    def _loop(self, task: ir.Task, loop: ir.Loop, component: ir.Component, given: Given) -> str:
        if loop.over_artifacts:
            raise UnsupportedError("expected a loop over parameters, found one over artifacts")
        if component.outputs.artifacts:
            raise UnsupportedError("expected a loop that collects parameters, found artifacts collected")
        declared = component.inputs.parameters.get(loop.item)
        kind = declared.kind if declared else "STRING"
        each = Given({**given.parameters, loop.item: kind}, given.artifacts)
        handed = {name for name in given.parameters if name != loop.item}
        if loop.items is not None:
            items = to_json([typed(item, kind) if kind.startswith("NUMBER") else item for item in loop.items])
            values.refused(items)
        else:
            if loop.source not in handed:
                raise UnsupportedError(f"expected a list to loop over, found no value for {loop.source!r}")
            items = f"{{{{inputs.parameters.{loop.source}}}}}"
        arguments: dict[str, list[Part]] = {
            name: [values.parameter("inputs", "parameters", name, kind="")] for name in handed
        }
        arguments[loop.item] = [values.variable("item")]
        artifacts = {name: f"{{{{inputs.artifacts.{name}}}}}" for name in given.artifacts}
        step = {
            "name": "each",
            "template": self._component(component, each, task, isinstance(component.body, ir.Dag)),
            "arguments": _arguments(arguments, artifacts),
            "withParam": items,
        }
        inputs = [{"name": values.checked(name), **containers.default(component, name)} for name in sorted(handed)]
        template = _dag_template([step], inputs, sorted(given.artifacts))
        template["outputs"] = {"parameters": [outputs.collected(name) for name in sorted(component.outputs.parameters)]}
        if not component.outputs.parameters:
            del template["outputs"]
        if loop.limit:
            template["parallelism"] = loop.limit
        return self.templates.add(component.name.removeprefix("comp-"), template)


def _dag_template(tasks: list[Object], inputs: list[Object], artifacts: list[str] | None = None) -> Object:
    taken: Object = {"parameters": inputs} if inputs else {}
    if artifacts:
        taken["artifacts"] = [{"name": values.checked(name)} for name in artifacts]
    return {"inputs": taken, "dag": {"failFast": False, "tasks": tasks}}


def _arguments(parameters: Mapping[str, list[Part]], artifacts: Mapping[str, str]) -> Object:
    found: Object = {}
    if parameters:
        found["parameters"] = [
            {"name": values.checked(name), "value": values.text(parts)} for name, parts in sorted(parameters.items())
        ]
    if artifacts:
        found["artifacts"] = [{"name": values.checked(name), "from": one} for name, one in sorted(artifacts.items())]
    return found


def _condition_value(parts: list[Part], kind: str) -> Value:
    return values.computed(values.expression(parts), kind)


def _ended(name: str) -> str:
    return "(" + " || ".join(f"{name}.{state}" for state in _ANY_END) + ")"
