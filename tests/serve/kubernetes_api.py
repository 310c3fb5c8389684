"""As much of a Kubernetes API server as deploying needs, over HTTP: objects, server-side apply, and a script for pods.

Nothing runs here. A test plays the controllers and the kubelet: ``on_apply`` is called after each application of a
Deployment and sets its status and its pods. What it is not: a check of schemas; the real one's merging is only followed
for the lists in ``KEYS``, all others are one value.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Object = dict[str, Any]
Path_ = tuple[str, ...]

PLURALS = {
    "deployments": "Deployment",
    "services": "Service",
    "pods": "Pod",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler",
    "poddisruptionbudgets": "PodDisruptionBudget",
}
KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
PORTS = {"containers": ("containerPort", "protocol"), "spec": ("port", "protocol")}
IDENTITY = {("f:apiVersion",), ("f:kind",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace")}


class Api:
    """The objects of one cluster.

    Attributes:
        objects: By kind and name.
        asked: Method and path of each request.
        denied: Verb and kind of what is forbidden.
        on_apply: Called with the Deployment after each application of one.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.asked: list[str] = []
        self.denied: set[tuple[str, str]] = set()
        self.failing = 0
        self.on_apply: Callable[[Object], None] = lambda deployment: None
        self.on_delete: Callable[[str, str], None] = lambda kind, name: None
        self.lock = threading.RLock()

    def get(self, kind: str, name: str = "traffic-signs") -> Object:
        return self.objects[kind, name]

    def kinds(self) -> set[str]:
        return {kind for kind, _ in self.objects if kind != "Pod"}

    def pod(self, deployment: Object, number: int = 0, **status: Any) -> Object:
        """Makes or replaces a pod of a Deployment as it now is."""
        template = deployment["spec"]["template"]
        name = f"{deployment['metadata']['name']}-{template['metadata']['annotations']['roadworthy/revision']}-{number}"
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**copy.deepcopy(template["metadata"]), "name": name},
            "spec": copy.deepcopy(template["spec"]),
            "status": status,
        }
        self.objects["Pod", name] = pod
        return pod

    def ready(self, deployment: Object) -> None:
        """A kubelet with whom all goes well: the new pods run, the old ones are gone."""
        for key in [key for key in self.objects if key[0] == "Pod"]:
            del self.objects[key]
        asked = deployment["spec"].setdefault("replicas", 1)
        for number in range(asked):
            self.pod(deployment, number, phase="Running")
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), asked)
        deployment["status"] = {"observedGeneration": deployment["metadata"]["generation"], **counts}

    def waiting(self, deployment: Object, *conditions: Object, old: int = 0) -> None:
        """A Deployment that has been seen, and of whose new pods none is ready."""
        deployment["spec"].setdefault("replicas", 1)
        counts = {"replicas": old + 1, "updatedReplicas": 1, "availableReplicas": old}
        seen = deployment["metadata"]["generation"]
        deployment["status"] = {"observedGeneration": seen, **counts, "conditions": list(conditions)}

    def edit(self, manager: str, kind: str, change: Callable[[Object], None], *paths: Path_) -> None:
        """Someone else changes an object, and owns the fields at ``paths`` from then on."""
        live = self.objects[kind, "traffic-signs"]
        change(live)
        fields: Object = {}
        for path in paths:
            at = fields
            for part in path:
                at = at.setdefault(part, {})
        entry = {"manager": manager, "operation": "Update", "fieldsV1": fields}
        live["metadata"].setdefault("managedFields", []).append(entry)

    # What a request does

    def apply(self, kind: str, name: str, wanted: Object, manager: str, force: bool) -> tuple[int, Object]:
        live = self.objects.get((kind, name))
        new = live is None
        live = {"apiVersion": wanted["apiVersion"], "kind": kind, "metadata": {"name": name}} if live is None else live
        wanted = {**wanted, "metadata": {k: v for k, v in wanted["metadata"].items() if k != "namespace"}}
        paths = {path for path in leaves(wanted) if path not in IDENTITY}
        entries = live["metadata"].setdefault("managedFields", [])
        mine = next((one for one in entries if one["manager"] == manager and one["operation"] == "Apply"), None)
        others = [one for one in entries if one is not mine]
        conflicts = [
            (one["manager"], path)
            for one in others
            for path in sorted(paths & unfolded(one["fieldsV1"]))
            if at(live, path) != at(wanted, path)
        ]
        if conflicts and not force:
            return 409, conflict(conflicts)
        before = copy.deepcopy({k: v for k, v in live.items() if k != "status"})
        owned = set().union(*(unfolded(one["fieldsV1"]) for one in others)) if others else set()
        for path in sorted((unfolded(mine["fieldsV1"]) if mine else set()) - paths - owned, reverse=True):
            drop(live, path)
        for path in sorted(paths):
            put(live, path, at(wanted, path))
        entries[:] = [*others, {"manager": manager, "operation": "Apply", "fieldsV1": folded(paths)}]
        if live["metadata"].get("generation") is None or before.get("spec") != live.get("spec"):
            live["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
        self.objects[kind, name] = live
        if kind == "Deployment":
            self.on_apply(live)
        return (201 if new else 200), live

    def delete(self, kind: str, name: str) -> tuple[int, Object]:
        if self.objects.pop((kind, name), None) is None:
            return 404, failure(404, "NotFound", f'{kind} "{name}" not found')
        if kind == "Deployment":
            for key in [key for key in self.objects if key[0] == "Pod"]:
                del self.objects[key]
        self.on_delete(kind, name)
        return 200, {"apiVersion": "v1", "kind": "Status", "status": "Success"}

    def list(self, kind: str, selector: str) -> Object:
        wanted = dict(one.split("=", 1) for one in selector.split(",") if one)
        found = [
            one
            for (of, _), one in self.objects.items()
            if of == kind and wanted.items() <= one["metadata"].get("labels", {}).items()
        ]
        return {"apiVersion": "v1", "kind": f"{kind}List", "metadata": {"resourceVersion": "1"}, "items": found}


def leaves(value: Any, path: Path_ = (), name: str = "") -> Iterator[Path_]:
    """The paths of all that an object sets, as FieldsV1 spells them."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from leaves(one, (*path, f"f:{key}"), key)
    elif isinstance(value, list) and (keys := _keys(name, path)):
        for item in value:
            step = "k:" + json.dumps({key: item[key] for key in keys}, separators=(",", ":"))
            for key, one in item.items():
                yield from leaves(one, (*path, step, f"f:{key}"), key)
    else:
        yield path


def _keys(name: str, path: Path_) -> tuple[str, ...]:
    if name == "ports":
        return PORTS["containers"] if any(step.startswith("k:") for step in path) else PORTS["spec"]
    return KEYS.get(name, ())


def folded(paths: set[Path_]) -> Object:
    found: Object = {}
    for path in sorted(paths):
        at = found
        for number, step in enumerate(path):
            if step.startswith("k:"):
                at.setdefault(step, {".": {}})
            at = at.setdefault(step, {})
            del number
    return found


def unfolded(fields: Object, path: Path_ = ()) -> set[Path_]:
    inner = {step: below for step, below in fields.items() if step != "."}
    if not inner:
        return {path} if path else set()
    return set().union(*(unfolded(below, (*path, step)) for step, below in inner.items()))


def at(value: Any, path: Path_) -> Any:
    for step in path:
        value = _step(value, step)
    return value


def _step(value: Any, step: str) -> Any:
    if step.startswith("f:"):
        return value.get(step[2:]) if isinstance(value, dict) else None
    wanted = json.loads(step[2:])
    return next((one for one in value or [] if wanted.items() <= one.items()), None)


def put(value: Any, path: Path_, leaf: Any) -> None:
    for step, after in zip(path, [*path[1:], ""], strict=True):
        if not after:
            value[step[2:]] = copy.deepcopy(leaf)
            return
        found = _step(value, step)
        if found is None:
            found = [] if after.startswith("k:") else {}
            if step.startswith("k:"):
                found = json.loads(step[2:])
                value.append(found)
            else:
                value[step[2:]] = found
        value = found


def drop(value: Any, path: Path_) -> None:
    for step in path[:-1]:
        value = _step(value, step)
        if value is None:
            return
    value.pop(path[-1][2:], None)


def failure(code: int, reason: str, message: str, **details: Any) -> Object:
    status = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason}
    return {**status, "message": message, "details": details}


def conflict(found: list[tuple[str, Path_]]) -> Object:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{who}"',
            "field": "".join(f".{s[2:]}" for s in p),
        }
        for who, p in found
    ]
    return failure(409, "Conflict", f"Apply failed with {len(causes)} conflict", causes=causes)


class Handler(BaseHTTPRequestHandler):
    api: Api

    def _answer(self, code: int, content: Object) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _handle(self, verb: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts, query = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
        plural, *names = parts.path.split("/namespaces/")[1].split("/")[1:]
        kind = PLURALS[plural]
        verb = "list" if verb == "get" and not names else verb
        with self.api.lock:
            self.api.asked.append(f"{verb} {kind}")
            if self.api.failing:
                self.api.failing -= 1
                self._answer(503, failure(503, "ServiceUnavailable", "the server is currently unable"))
            elif self.headers.get("Authorization") != "Bearer a-token":
                self._answer(401, failure(401, "Unauthorized", "Unauthorized"))
            elif (verb, kind) in self.api.denied:
                message = (
                    f'{plural} is forbidden: User "system:serviceaccount:signs:x" cannot {verb} resource "{plural}"'
                )
                self._answer(403, failure(403, "Forbidden", message))
            elif verb == "list":
                self._answer(200, self.api.list(kind, query.get("labelSelector", [""])[0]))
            elif verb == "get":
                found = self.api.objects.get((kind, names[0]))
                self._answer(200, found) if found else self._answer(404, failure(404, "NotFound", "not found"))
            elif verb == "delete":
                self._answer(*self.api.delete(kind, names[0]))
            else:
                force = query.get("force", ["false"])[0].lower() == "true"
                self._answer(*self.api.apply(kind, names[0], json.loads(body), query["fieldManager"][0], force))

    def do_GET(self) -> None:
        self._handle("get")

    def do_PATCH(self) -> None:
        self._handle("patch")

    def do_DELETE(self) -> None:
        self._handle("delete")

    def log_message(self, *args: object) -> None:
        del args


class Served:
    """An ``Api`` on a port, and the file by which a client finds it."""

    def __init__(self, folder: Path) -> None:
        self.api = Api()
        handler = type("Handler", (Handler,), {"api": self.api})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        self.kubeconfig = folder / "kubeconfig"
        self.configure("a-token")

    def configure(self, token: str) -> None:
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "signs"}}],
            "current-context": "x",
        }
        self.kubeconfig.write_text(yaml.safe_dump(content))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
