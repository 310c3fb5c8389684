"""A lint of Argo objects: every reference leads somewhere, every task waits for what it takes, every pod is restricted.

Schemas cannot say this, and Argo's own lint needs Argo. Each rule has a wrong sample in ``argo_wrong/``.
"""

from __future__ import annotations

import graphlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Object = Mapping[str, Any]

LIMIT = 1_000_000
"""Bytes: etcd takes 1.5 MB, and a running workflow holds its template and the state of each node."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'(\])?")
_PATH = re.compile(r"\b(inputs|tasks|workflow|outputs|item|pod)((?:\.\w+|\['[^']*'\])*)")
_WORKFLOW = {"name", "namespace", "uid", "creationTimestamp.RFC3339"}
_METRIC = {"status", "duration", "workflow.status", "workflow.duration"}


def problems(documents: list[Object]) -> list[str]:
    """Returns what is wrong with the objects of one file, a line each."""
    found = []
    templates = {one["metadata"]["name"]: one for one in documents if one["kind"] == "WorkflowTemplate"}
    for one in documents:
        name = one["metadata"]["name"]
        if not _NAME.fullmatch(name) or len(name) > 52:
            found.append(f"{name}: the name is no DNS label of at most 52 characters")
        if len(json.dumps(one)) > LIMIT:
            found.append(f"{name}: over {LIMIT} bytes")
        check = _cron(one, templates) if one["kind"] == "CronWorkflow" else _Workflow(one["spec"]).problems()
        found += [f"{name}: {problem}" for problem in check]
    return found


def _cron(document: Object, templates: Mapping[str, Object]) -> Iterator[str]:
    spec = document["spec"]
    if spec.get("concurrencyPolicy") != "Forbid":
        yield "two runs may overlap: concurrencyPolicy is not Forbid"
    for key in ("timezone", "startingDeadlineSeconds", "schedules"):
        if key not in spec:
            yield f"no {key}"
    for one in spec.get("schedules", []):
        if len(one.split()) != 5:
            yield f"no schedule of five fields: {one}"
    named = spec["workflowSpec"].get("workflowTemplateRef", {}).get("name")
    if named not in templates:
        yield f"no WorkflowTemplate {named}"
        return
    declared = templates[named]["spec"].get("arguments", {}).get("parameters", [])
    given = {one["name"] for one in spec["workflowSpec"].get("arguments", {}).get("parameters", [])}
    yield from (f"no value for {one['name']}" for one in declared if "value" not in one and one["name"] not in given)
    yield from (f"surplus value for {name}" for name in sorted(given - {one["name"] for one in declared}))


class _Workflow:
    def __init__(self, spec: Object) -> None:
        self.spec = spec
        self.templates = {one["name"]: one for one in spec["templates"]}
        self.parameters = {one["name"] for one in spec.get("arguments", {}).get("parameters", [])}
        self.ending = self._reached(spec.get("onExit"))

    def problems(self) -> Iterator[str]:
        names = [one["name"] for one in self.spec["templates"]]
        yield from (f"two templates called {name}" for name in sorted({n for n in names if names.count(n) > 1}))
        for key in ("entrypoint", "onExit"):
            if self.spec.get(key, names[0]) not in self.templates:
                yield f"{key}: no template {self.spec[key]}"
        security = self.spec.get("securityContext", {})
        if security.get("runAsNonRoot") is not True or security.get("seccompProfile", {}).get("type") is None:
            yield "pods are not restricted: runAsNonRoot and a seccompProfile are wanted"
        for value in self.spec.get("metrics", {}).get("prometheus", []):
            yield from self._texts("metrics", value, {}, metric=True)
        for name, template in self.templates.items():
            for problem in self._template(template):
                yield f"{name}: {problem}"

    def _reached(self, name: str | None) -> set[str]:
        """The templates below one."""
        found: set[str] = set()
        waiting = [name] if name else []
        while waiting:
            one = waiting.pop()
            if one in self.templates and one not in found:
                found.add(one)
                waiting += [task["template"] for task in self.templates[one].get("dag", {}).get("tasks", [])]
        return found

    def _template(self, template: Object) -> Iterator[str]:
        name = template["name"]
        if not _NAME.fullmatch(name) or len(name) > 63:
            yield "the name is no DNS label"
        rest = {key: value for key, value in template.items() if key not in ("dag", "metrics", "outputs")}
        yield from self._texts("", rest, template)
        yield from self._texts("metrics", template.get("metrics", {}), template, metric=True)
        if "dag" in template:
            yield from self._dag(template)
        elif "container" in template:
            yield from self._texts("outputs", template.get("outputs", {}), template)
            yield from self._container(template)
        else:
            yield "neither a DAG nor a container"

    def _container(self, template: Object) -> Iterator[str]:
        container = template["container"]
        security = container.get("securityContext", {})
        if (
            security.get("allowPrivilegeEscalation") is not False
            or security.get("capabilities", {}).get("drop") != ["ALL"]
            or security.get("readOnlyRootFilesystem") is not True
        ):
            yield "the container is not restricted"
        tag = container["image"].rpartition("/")[2].partition("@")
        if not tag[2] and tag[0].partition(":")[2] in ("", "latest"):
            yield f"an image without a version: {container['image']}"
        volumes = {one["name"] for one in (*self.spec.get("volumes", []), *template.get("volumes", []))}
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"no volume {mount['name']}"
        paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        yield from (f"two volumes at {path}" for path in sorted({p for p in paths if paths.count(p) > 1}))
        for one in template.get("outputs", {}).get("parameters", []):
            yield from self._written(one["valueFrom"]["path"], paths)
        for one in template.get("outputs", {}).get("artifacts", []):
            yield from self._written(one["path"], paths)
            if "{{pod.name}}" not in one.get("s3", {}).get("key", ""):
                yield f"artifact {one['name']}: the key is not the pod's own, so that attempts and loops overwrite it"
        selector = template.get("nodeSelector")
        if selector is not None and not (
            selector and all(isinstance(value, str) and value for pair in selector.items() for value in pair)
        ):
            yield f"a node selector that selects nothing: {selector}"

    def _written(self, path: str, mounts: list[str]) -> Iterator[str]:
        if not any(path.startswith(f"{mount}/") for mount in mounts):
            yield f"the output {path} lies in no volume, and the root file system is read-only"

    def _dag(self, template: Object) -> Iterator[str]:
        tasks = template["dag"]["tasks"]
        names = [task["name"] for task in tasks]
        yield from (f"two tasks called {name}" for name in sorted({n for n in names if names.count(n) > 1}))
        needs = {task["name"]: _depended(task.get("depends", "")) for task in tasks}
        for name in template["dag"].get("target", "").split():
            if name not in needs:
                yield f"target: no task {name}"
        for name, others in needs.items():
            yield from (f"{name}: depends on no task: {other}" for other in sorted(others - needs.keys()))
        try:
            graphlib.TopologicalSorter(needs).prepare()
        except graphlib.CycleError as error:
            yield f"tasks in a circle: {' → '.join(error.args[1])}"
            return
        for task in tasks:
            for problem in self._task(task, template, _before(task["name"], needs)):
                yield f"{task['name']}: {problem}"
        outputs = template.get("outputs", {})
        yield from self._texts("outputs", _marked(outputs), template, before=set(names))

    def _task(self, task: Object, template: Object, before: set[str]) -> Iterator[str]:
        if not _NAME.fullmatch(task["name"]) or len(task["name"]) > 63 or task["name"][0].isdigit():
            yield "the name is no DNS label that begins with a letter"
        looped = "withParam" in task
        rest = {key: value for key, value in task.items() if key != "withParam"}
        yield from self._texts("", rest, template, before=before, item=looped)
        if looped:
            yield from self._texts("withParam", task["withParam"], template, before=before)
            if "{{" not in task["withParam"] and not isinstance(json.loads(task["withParam"]), list):
                yield "withParam is no list"
        if task["template"] not in self.templates:
            yield f"no template {task['template']}"
            return
        inputs = self.templates[task["template"]].get("inputs", {})
        for kind in ("parameters", "artifacts"):
            declared = {one["name"]: one for one in inputs.get(kind, [])}
            given = {one["name"] for one in task.get("arguments", {}).get(kind, [])}
            needed = {name for name, one in declared.items() if "value" not in one and not one.get("optional")}
            yield from (f"no value for {kind} {name}" for name in sorted(needed - given))
            yield from (f"surplus {kind} {name}" for name in sorted(given - declared.keys()))

    def _texts(
        self, where: str, value: Any, template: Object, *, before: set[str] | None = None, **allowed: bool
    ) -> Iterator[str]:
        for text in _each(value):
            for tag in _TAG.findall(text):
                if tag.startswith("="):
                    # What stands in an output's expression is no tag, and evaluated as it is.
                    yield from _trapped(tag[1:]) if where != "outputs" else ()
                    paths = [_path(found) for found in _PATH.finditer(_without_literals(tag[1:]))]
                else:
                    paths = [_split(tag)]
                for path in paths:
                    if not self._known(path, template, before, **allowed):
                        yield f"{where}{': ' if where else ''}{{{{{tag}}}}}: nothing known as {'.'.join(path)}"

    def _known(
        self, path: list[str], template: Object, before: set[str] | None, metric: bool = False, item: bool = False
    ) -> bool:
        whole = ".".join(path)
        if path[0] == "workflow" and path[1:2] == ["parameters"]:
            return path[2] in self.parameters
        if path[0] == "workflow" and ".".join(path[1:]) in _WORKFLOW:
            return True
        if whole == "workflow.status" and template.get("name") in self.ending:
            return True
        if (metric and whole in _METRIC) or (item and whole == "item"):
            return True
        if path[0] == "inputs":
            return path[2] in {one["name"] for one in template.get("inputs", {}).get(path[1], [])}
        if whole == "pod.name":
            return "container" in template
        if path[0] == "tasks" and before is not None and path[1] in before:
            task = next(one for one in template["dag"]["tasks"] if one["name"] == path[1])
            outputs = self.templates.get(task["template"], {}).get("outputs", {})
            if len(path) == 5 and path[2] == "outputs":
                return path[4] in {one["name"] for one in outputs.get(path[3], [])}
            return path[2:] == ["status"]
        return False


def _depended(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+", re.sub(r"\.\w+", "", text)))


def _before(name: str, needs: Mapping[str, set[str]]) -> set[str]:
    """All tasks that have ended when this one begins."""
    found: set[str] = set()
    waiting = list(needs[name])
    while waiting:
        one = waiting.pop()
        if one in needs and one not in found:
            found.add(one)
            waiting += needs[one]
    return found


def _marked(outputs: Object) -> list[Any]:
    """Outputs, with the expressions that stand without braces marked as what they are."""
    parameters = [one["valueFrom"] for one in outputs.get("parameters", [])]
    return [
        *(one.get("parameter", "") for one in parameters),
        *("{{=" + one["expression"] + "}}" for one in parameters if "expression" in one),
        *(one.get("from", "") for one in outputs.get("artifacts", [])),
        *("{{=" + one["fromExpression"] + "}}" for one in outputs.get("artifacts", []) if "fromExpression" in one),
    ]


def _trapped(expression: str) -> Iterator[str]:
    if "??" in expression:
        yield f"?? counts as resolved before its left side is known: {expression}"
    before, question, _ = expression.partition("?")
    # Argo evaluates what stands before the first question mark on its own.
    if question and before.count("(") != before.count(")"):
        yield f"a choice that is not outermost: {expression}"


def _without_literals(expression: str) -> str:
    """An expression without its texts, but with the names that index."""
    return _LITERAL.sub(lambda found: found[0] if found[1] else "''", expression)


def _path(found: re.Match[str]) -> list[str]:
    return [found[1], *(name or key for name, key in re.findall(r"\.(\w+)|\['([^']*)'\]", found[2]))]


def _split(tag: str) -> list[str]:
    return tag.strip().split(".")


def _each(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _each(one)
    elif isinstance(value, list):
        for one in value:
            yield from _each(one)
    elif isinstance(value, str):
        yield value
