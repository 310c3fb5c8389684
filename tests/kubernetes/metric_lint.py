"""Alerts and dashboards ask for series that exist, by labels and values that these have.

What exists is what the programs export (``exported_metrics``), what the WorkflowTemplates make Argo's controller count,
and the few series of others named here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser as promql
from pod_lint import Object

Series = Mapping[str, Mapping[str, list[str]]]
"""The labels of each series, each with the values that are known of it."""

THEIRS: Series = {
    "push_time_seconds": {"endpoint": [], "variant": []},  # the push gateway's, with the labels of what was pushed
    "kube_pod_container_status_restarts_total": {"container": [], "uid": []},
    "kube_deployment_status_replicas_available": {"deployment": []},
}
TARGET = {"namespace", "pod", "job", "instance", "service", "container"}
"""Labels that Prometheus adds to all that it collects."""

VARIABLES = {"$__rate_interval": "5m", "$namespace": ".*", "$model": ".*"}
"""Grafana's own, and those of the dashboard."""

ARGO = "argo_workflows_"
"""Argo's controller puts it before the names of a workflow's metrics."""


def argo_series(documents: list[Object]) -> dict[str, dict[str, list[str]]]:
    """Returns what Argo's controller counts for the WorkflowTemplates."""
    found: dict[str, dict[str, list[str]]] = {}
    for one in documents:
        if one["kind"] == "WorkflowTemplate":
            for part in (one["spec"], *one["spec"]["templates"]):
                for metric in part.get("metrics", {}).get("prometheus", []):
                    for name, more in _names(ARGO + metric["name"], "histogram" in metric):
                        labels = (*more, *(label["key"] for label in metric.get("labels", [])))
                        found.setdefault(name, {}).update({label: [] for label in labels})
    return found


def _names(name: str, histogram: bool) -> list[tuple[str, tuple[str, ...]]]:
    if not histogram:
        return [(name, ())]
    return [(f"{name}_bucket", ("le",)), (f"{name}_count", ()), (f"{name}_sum", ())]


def problems(documents: list[Object], exported: Series) -> Iterator[str]:
    """Yields what is wrong with the alerts and dashboards among some objects, a line each."""
    known = {**THEIRS, **exported, **argo_series(documents)}
    for one in documents:
        if one["kind"] == "PrometheusRule":
            for group in one["spec"]["groups"]:
                for rule in group["rules"]:
                    for problem in [*_expression(rule["expr"], known), *_alert(rule, known)]:
                        yield f"{rule['alert']}: {problem}"
        elif one["metadata"].get("labels", {}).get("grafana_dashboard"):
            for name, text in one["data"].items():
                yield from (f"{name}: {problem}" for problem in _dashboard(text, known))


def _dashboard(text: str, known: Series) -> Iterator[str]:
    try:
        board = json.loads(text)
    except ValueError as error:
        yield f"no JSON: {error}"
        return
    ids = [panel["id"] for panel in board["panels"]]
    yield from (f"two panels of the id {one}" for one in sorted({i for i in ids if ids.count(i) > 1}))
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            expression = _filled(target["expr"])
            shown = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
            for problem in [*_expression(expression, known), *_shown(expression, shown, known)]:
                yield f"{panel['title']}: {problem}"
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = re.findall(r"^label_values\((.*), (\w+)\)$", variable["query"])[0]
            for problem in [*_expression(_filled(selector), known), *_shown(_filled(selector), [label], known)]:
                yield f"{variable['name']}: {problem}"


def _filled(expression: str) -> str:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def _alert(rule: Object, known: Series) -> Iterator[str]:
    for key in ("summary", "description"):
        if key not in rule.get("annotations", {}):
            yield f"no {key}"
    if rule.get("labels", {}).get("severity") not in ("critical", "warning", "info"):
        yield "no severity among critical, warning, info"
    texts = " ".join(rule.get("annotations", {}).values())
    yield from _shown(rule["expr"], re.findall(r"\$labels\.(\w+)", texts), known)


def _shown(expression: str, labels: list[str], known: Series) -> Iterator[str]:
    try:
        there = _labels(promql.parse(expression), known)
    except ValueError:
        return  # said by _expression
    yield from (f"shows the label {one}, which the result has not" for one in labels if one not in there)


def _expression(expression: str, known: Series) -> Iterator[str]:
    try:
        parsed = promql.parse(expression)
    except ValueError as error:
        yield f"no PromQL: {error}"
        return
    if "$" in expression:
        yield f"an unknown variable: {expression}"
    for one in _nodes(parsed):
        if isinstance(one, promql.VectorSelector):
            yield from _selector(one, known)
        elif isinstance(one, promql.AggregateExpr) and one.modifier:
            there = _labels(one.expr, known)
            yield from (
                f"by the label {label}, which is not there" for label in one.modifier.labels if label not in there
            )
        elif isinstance(one, promql.MatrixSelector):
            name = str(one.vector_selector.name)
            if not name.endswith(("_total", "_bucket", "_count", "_sum")):
                yield f"a range of {name}, which is no counter"


def _selector(one: Any, known: Series) -> Iterator[str]:
    if one.name not in known:
        yield f"nobody exports {one.name}"
        return
    for matcher in one.matchers.matchers:
        values = known[one.name].get(matcher.name, [])
        if matcher.name not in known[one.name] and matcher.name not in TARGET:
            yield f"{one.name} has no label {matcher.name}"
        elif len(values) > 1:  # one value alone is a made-up one
            texts = matcher.value.split("|") if matcher.op == promql.MatchOp.Re else [matcher.value]
            yield from (f"{one.name} has no {matcher.name}={t}" for t in texts if t not in values and t != ".*")


def _nodes(one: Any) -> Iterator[Any]:
    yield one
    for key in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if (below := getattr(one, key, None)) is not None and not isinstance(below, str):
            yield from _nodes(below)
    for below in getattr(one, "args", []):
        yield from _nodes(below)


def _labels(one: Any, known: Series) -> set[str]:
    """The labels of an expression's result; a function or operator keeps those of what it is given first."""
    if isinstance(one, promql.AggregateExpr):
        if str(one.op) in ("topk", "bottomk"):
            return _labels(one.expr, known)
        return set(one.modifier.labels) if one.modifier else set()
    if isinstance(one, promql.VectorSelector):
        return {*known.get(str(one.name), {}), *TARGET}
    below = [_labels(node, known) for node in _below(one)]
    return set().union(*below) if below else set()


def _below(one: Any) -> list[Any]:
    found = [getattr(one, key) for key in ("lhs", "expr", "vector_selector") if getattr(one, key, None) is not None]
    if isinstance(one, promql.BinaryExpr) and isinstance(one.lhs, promql.Call) and one.lhs.func.name == "time":
        found.append(one.rhs)
    return [*found, *getattr(one, "args", [])]
