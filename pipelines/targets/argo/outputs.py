"""What DAGs give, as outputs of Argo templates: of a task, of the branch that ran, of every item of a loop."""

from __future__ import annotations

from components.errors import UnsupportedError
from pipelines.targets import ir
from pipelines.targets.argo import values
from pipelines.targets.argo.sources import Inside
from pipelines.targets.argo.values import Object


def collected(name: str) -> Object:
    """Returns the output of a loop's template: one value an item, as a JSON list."""
    # Without an item there is nothing to collect, and Argo would not know the variable.
    values.checked(name)
    return {
        "name": name,
        "valueFrom": {"parameter": f"{{{{tasks.each.outputs.parameters.{name}}}}}", "default": "[]"},
    }


def outputs(inside: Inside, encoded: bool) -> Object:
    """Returns the outputs of a DAG's template.

    Args:
        inside: The DAG.
        encoded: Text is given as JSON, since it will be collected.

    Raises:
        UnsupportedError: An output may be missing.
    """
    found: Object = {}
    if inside.dag.parameters:
        found["parameters"] = [
            {"name": values.checked(name), "valueFrom": _chosen(inside, sources, encoded)}
            for name, sources in sorted(inside.dag.parameters.items())
        ]
    if inside.dag.artifacts:
        found["artifacts"] = [
            {"name": values.checked(name), **_chosen_artifact(inside, sources)}
            for name, sources in sorted(inside.dag.artifacts.items())
        ]
    return found


def _chosen(inside: Inside, sources: tuple[ir.FromTask, ...], encoded: bool) -> Object:
    """An output parameter: of one task, or of the first that ran."""
    found = [inside.output(source) for source in sources]
    expression = _first([(inside, source) for source in sources], [value.expression for value in found])
    kinds = {value.kind for value in found}
    # Argo reads what it collects as JSON, if all of it is: "1" would become a number, and True stay text.
    if encoded and kinds == {"STRING"}:
        return {"expression": f"toJson({expression})"}
    if encoded and kinds == {"BOOLEAN"}:
        return {"expression": f"toJson(({expression}) in {values.TRUE})"}
    plain = len(found) == 1 and not found[0].tag.startswith("{{=")
    return {"parameter": found[0].tag} if plain else {"expression": expression}


def _chosen_artifact(inside: Inside, sources: tuple[ir.FromTask, ...]) -> Object:
    tags = [inside.artifact(source) for source in sources]
    if len(tags) == 1:
        _first([(inside, sources[0])], [""])
        return {"from": tags[0]}
    found = [f"tasks['{inside.names(s.task)}'].outputs.artifacts['{values.checked(s.key)}']" for s in sources]
    return {"fromExpression": _first([(inside, source) for source in sources], found)}


def _first(sources: list[tuple[Inside, ir.FromTask]], found: list[str]) -> str:
    """An expression for the first of several that exists: of the branches of a condition, one has run."""
    inside, only = sources[0]
    if len(sources) == 1:
        if inside.dag.tasks[only.task].condition:
            raise UnsupportedError(
                f"step '{only.task}': expected an output that always exists, found {only.key!r} of a step "
                "that may be skipped: use dsl.OneOf"
            )
        return found[0]
    *before, last = found
    chosen = last
    for (_, source), expression in zip(reversed(sources[:-1]), reversed(before), strict=True):
        chosen = f"tasks['{inside.names(source.task)}'].status == 'Succeeded' ? {expression} : ({chosen})"
    return chosen
