"""Runs an emitted ``WorkflowTemplate`` as local processes: a simulator for tests, not Argo's controller.

It follows Argo's documentation and workflow/controller/{dag,operator}.go for the subset that the compiler emits:
templates are filled in several passes, a DAG's end is decided by its target tasks, what loops give is read as JSON
where all of it is, artifacts travel by key through a bucket that knows no empty folders, a kubelet expands ``$(NAME)``.
What is outside the subset raises. A pod is a process in the virtual environment of its image; its ``/roadworthy`` is a
folder of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argo_expressions import Scope, UnresolvedError, evaluate, fill

from pipelines.targets.local.backends import ROOT, VenvBackend

SUCCEEDED, FAILED, ERROR, SKIPPED, OMITTED = "Succeeded", "Failed", "Error", "Skipped", "Omitted"
_BAD = (FAILED, ERROR)


@dataclass
class Node:
    """A task or pod that ended: its phase, output parameters, and output artifacts by key in the bucket."""

    phase: str
    parameters: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    attempts: int = 0
    folder: Path | None = None

    def scope(self) -> dict[str, Any]:
        return {"status": self.phase, "outputs": {"parameters": self.parameters, "artifacts": self.artifacts}}


class Simulator:
    """Runs one workflow of a template.

    Args:
        manifest: The WorkflowTemplate.
        folder: Where pods' folders and the bucket lie.
        secrets: Values of Secrets and ConfigMaps, by name and key.
    """

    def __init__(self, manifest: Mapping[str, Any], folder: Path, secrets: Mapping[tuple[str, str], str]) -> None:
        self.spec = manifest["spec"]
        self.templates = {template["name"]: template for template in self.spec["templates"]}
        self.folder, self.bucket, self.secrets = folder, folder / "bucket", secrets
        self.name = f"{manifest['metadata']['name']}-x1y2z"
        self.nodes: dict[tuple[str, ...], Node] = {}
        self.workflow: dict[str, Any] = {}

    def submit(self, **given: str) -> Node:
        """Runs the workflow to its end, with the exit handler; returns its outcome."""
        parameters = {}
        for one in self.spec.get("arguments", {}).get("parameters", []):
            if one["name"] not in given and "value" not in one:
                raise ValueError(f"spec.arguments.{one['name']}.value is required")
            parameters[one["name"]] = given.get(one["name"], one.get("value"))
        self.workflow = {
            "name": self.name,
            "namespace": "test",
            "uid": "11111111-2222-3333-4444-555555555555",
            "creationTimestamp": {"RFC3339": "2026-01-02T03:04:05Z"},
            "parameters": parameters,
        }
        outcome = self.run(self.spec["entrypoint"], {}, {}, ())
        self.workflow["status"] = outcome.phase
        if "onExit" in self.spec and self.run(self.spec["onExit"], {}, {}, ()).phase in _BAD:
            outcome.phase = FAILED
        return outcome

    def run(
        self, name: str, parameters: Mapping[str, str], artifacts: Mapping[str, str], path: tuple[str, ...]
    ) -> Node:
        """Runs a template with its arguments."""
        template = self.templates[name]
        inputs: dict[str, dict[str, str]] = {"parameters": {}, "artifacts": {}}
        for one in template.get("inputs", {}).get("parameters", []):
            value = parameters.get(one["name"], one.get("value"))
            if value is None:
                raise ValueError(f"{name}: inputs.parameters.{one['name']} was not supplied")
            inputs["parameters"][one["name"]] = fill(value, {"workflow": self.workflow})
        for one in template.get("inputs", {}).get("artifacts", []):
            inputs["artifacts"][one["name"]] = artifacts[one["name"]]
        scope = {"inputs": inputs, "workflow": self.workflow}
        node = self._dag(template, scope, path) if "dag" in template else self._pods(template, scope, path)
        self.nodes[path] = node
        return node

    # DAGs

    def _dag(self, template: Mapping[str, Any], scope: Scope, path: tuple[str, ...]) -> Node:
        if template["dag"]["failFast"]:
            raise ValueError("only DAGs that go on after a failure are known here")
        tasks = {task["name"]: task for task in template["dag"]["tasks"]}
        needs = {name: _names(task.get("depends", "")) for name, task in tasks.items()}
        done: dict[str, Node] = {}
        while len(done) < len(tasks):
            name = next(n for n in tasks if n not in done and all(one in done for one in needs[n]))
            done[name] = self._task(tasks[name], done, scope, path)
        targets = template["dag"].get("target", "").split() or [
            name for name in tasks if not any(name in others for others in needs.values())
        ]
        phases = [_branch(name, needs, done) for name in targets]
        bad = next((phase for phase in phases if phase in _BAD), "")
        if bad:
            return Node(bad)
        known = {**scope, "tasks": {n: node.scope() for n, node in done.items()}}
        try:
            return _with_outputs(template.get("outputs", {}), known)
        except UnresolvedError:
            return Node(ERROR)

    def _task(self, task: Mapping[str, Any], done: Mapping[str, Node], scope: Scope, path: tuple[str, ...]) -> Node:
        below = (*path, task["name"])
        if not _depends(task.get("depends", ""), done):
            return self._noted(below, OMITTED)
        known = {**scope, "tasks": {name: node.scope() for name, node in done.items()}}
        # One pass with what is known of the whole workflow, one with the rest: a value with a tag in it is filled too.
        filled = _filled(_filled(task, {"workflow": self.workflow}), known)
        if "when" in filled and filled["when"] not in ("true", "false"):
            return self._noted(below, ERROR)
        if filled.get("when") == "false":
            return self._noted(below, SKIPPED)
        if "withParam" in filled:
            return self._loop(filled, path)
        return self._call(filled, below)

    def _call(self, task: Mapping[str, Any], path: tuple[str, ...]) -> Node:
        arguments = task.get("arguments", {})
        parameters = {one["name"]: one["value"] for one in arguments.get("parameters", [])}
        artifacts = {one["name"]: one["from"] for one in arguments.get("artifacts", [])}
        if any("{{tasks." in value or "{{=" in value for value in (*parameters.values(), *artifacts.values())):
            return self._noted(path, ERROR)
        return self.run(task["template"], parameters, artifacts, path)

    def _loop(self, task: Mapping[str, Any], path: tuple[str, ...]) -> Node:
        each = {key: value for key, value in task.items() if key != "withParam"}
        nodes = []
        for index, item in enumerate(json.loads(task["withParam"])):
            text = item if isinstance(item, str) else json.dumps(item, separators=(",", ":"))
            nodes.append(self._call(_filled(each, {"item": text}), (*path, str(index))))
        good = [node for node in nodes if node.phase == SUCCEEDED]
        names = {name for node in good for name in node.parameters}
        collected = {name: _aggregated([node.parameters[name] for node in good]) for name in sorted(names)}
        bad = next((node.phase for node in nodes if node.phase in _BAD), "")
        return Node(bad or SUCCEEDED, collected)

    def _noted(self, path: tuple[str, ...], phase: str) -> Node:
        self.nodes[path] = Node(phase)
        return self.nodes[path]

    # Pods

    def _pods(self, template: Mapping[str, Any], scope: Scope, path: tuple[str, ...]) -> Node:
        retry = template.get("retryStrategy", {"limit": "0", "retryPolicy": "Always"})
        if retry["retryPolicy"] != "Always":
            raise ValueError("only the policy Always is known here")
        node = Node(ERROR)
        for attempt in range(int(retry["limit"]) + 1):
            pod = f"{self.name}-{template['name']}-{len(self.nodes)}{''.join(path[-2:])}-{attempt}"
            node = self._pod(template, {**scope, "pod": {"name": pod}}, self.folder / pod)
            node.attempts = attempt + 1
            if node.phase == SUCCEEDED:
                break
        return node

    def _pod(self, template: Mapping[str, Any], scope: Mapping[str, Any], folder: Path) -> Node:
        for side in ("in", "out"):
            (folder / side).mkdir(parents=True)
        for one in template.get("inputs", {}).get("artifacts", []):
            _copied(self.bucket / scope["inputs"]["artifacts"][one["name"]], _inside(one["path"], folder))
        container = _filled(_filled(template["container"], scope), {"workflow": self.workflow})
        given = {one["name"]: found for one in container.get("env", []) if (found := self._env(one)) is not None}
        command = [_expanded(text, given) for text in (*container["command"], *container["args"])]
        status = self._process(
            container["image"],
            [text.replace("/roadworthy/", f"{folder}/") for text in command],
            {name: _expanded(value, given) for name, value in given.items()},
            template.get("activeDeadlineSeconds"),
            folder,
        )
        return Node(FAILED, folder=folder) if status else self._kept(template.get("outputs", {}), scope, folder)

    def _kept(self, outputs: Mapping[str, Any], scope: Scope, folder: Path) -> Node:
        node = Node(SUCCEEDED, folder=folder)
        for one in outputs.get("parameters", []):
            file = _inside(one["valueFrom"]["path"], folder)
            if not file.is_file():
                return Node(ERROR, folder=folder)
            node.parameters[one["name"]] = file.read_text().removesuffix("\n")
        for one in outputs.get("artifacts", []):
            made = _inside(one["path"], folder)
            if not made.exists():
                if one.get("optional"):
                    continue
                return Node(ERROR, folder=folder)
            key = fill(one["s3"]["key"], scope)
            if (self.bucket / key).exists() or "{{" in key:
                raise ValueError(f"two artifacts of the key {key}")
            _copied(made, self.bucket / key)
            node.artifacts[one["name"]] = key
        return node

    def _env(self, entry: Mapping[str, Any]) -> str | None:
        if "value" in entry:
            return str(entry["value"])
        reference = entry["valueFrom"].get("secretKeyRef") or entry["valueFrom"]["configMapKeyRef"]
        key = (reference["name"], reference["key"])
        return self.secrets.get(key) if reference.get("optional") else self.secrets[key]

    def _process(
        self, image: str, command: list[str], env: Mapping[str, str], limit: float | None, folder: Path
    ) -> int:
        environment = VenvBackend().environment(image)
        path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        program = shutil.which(command[0], path=path)
        if program is None:
            return 127
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [program, *command[1:]],
                env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **env},
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                return process.wait(limit)
            except subprocess.TimeoutExpired:
                return 1
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def _names(depends: str) -> set[str]:
    return set(re.findall(r"[\w-]+", re.sub(r"\.\w+", "", depends)))


def _depends(text: str, done: Mapping[str, Node]) -> bool:
    """``a && (b.Succeeded || b.Failed)``; a task without a state is one that Succeeded or was Skipped."""
    if not text:
        return True

    def one(member: str) -> bool:
        name, _, state = member.strip(" ()").partition(".")
        wanted = (state.replace("Errored", ERROR),) if state else (SUCCEEDED, SKIPPED)
        return done[name].phase in wanted

    return all(any(one(member) for member in part.split("||")) for part in text.split("&&"))


def _branch(name: str, needs: Mapping[str, set[str]], done: Mapping[str, Node]) -> str:
    """A task's phase; one that did not run has that of those before it, a failure first."""
    if done[name].phase not in (SKIPPED, OMITTED):
        return done[name].phase
    before = [_branch(other, needs, done) for other in needs[name]]
    return next((phase for phase in before if phase in _BAD), SUCCEEDED)


def _with_outputs(outputs: Mapping[str, Any], known: Scope) -> Node:
    node = Node(SUCCEEDED)
    for one in outputs.get("parameters", []):
        source = one["valueFrom"]
        if "expression" in source:
            found = evaluate(source["expression"], known)
        else:
            found = fill(source["parameter"], known)
            if "{{" in found and "default" in source:
                found = source["default"]
        if not isinstance(found, str):
            raise ValueError(f"an output that is no text: {found!r}")
        node.parameters[one["name"]] = found
    for one in outputs.get("artifacts", []):
        found = evaluate(one["fromExpression"], known) if "fromExpression" in one else fill(one["from"], known)
        if "{{" in found:
            raise UnresolvedError(found)
        node.artifacts[one["name"]] = found
    return node


def _filled(value: Any, scope: Scope) -> Any:
    if isinstance(value, str):
        return fill(value, scope)
    if isinstance(value, list):
        return [_filled(item, scope) for item in value]
    return {key: _filled(item, scope) for key, item in value.items()} if isinstance(value, dict) else value


def _aggregated(texts: list[str]) -> str:
    try:
        return json.dumps([json.loads(text) for text in texts], separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        return json.dumps(texts, separators=(",", ":"), ensure_ascii=False)


def _expanded(text: str, env: Mapping[str, str]) -> str:
    """Kubernetes' expansion (third_party/forked/golang/expansion): ``$$`` is a dollar, ``$(KNOWN)`` a variable."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else env.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", one, text)


def _inside(path: str, folder: Path) -> Path:
    return folder / Path(path).relative_to("/roadworthy")


def _copied(source: Path, target: Path) -> None:
    """As S3 does it: only files, under their whole names."""
    files = [source] if source.is_file() else [path for path in sorted(source.rglob("*")) if path.is_file()]
    for file in files:
        place = target / file.relative_to(source) if file != source else target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
