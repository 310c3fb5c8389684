"""A small server that speaks as much of the Kubernetes API as a submitted workflow asks of it.

Objects are kept by plural and name; server-side apply keeps the manager of a whole object and answers 409 to another
who would change it; a created workflow goes through the statuses that the test gives, one a look; refusals are answered
in the API server's own words. It stands in for a cluster where there is none: tests/cluster asks a real one the same.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Object = dict[str, Any]

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?:/namespaces/(?P<space>[^/]+))?"
    r"(?:/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+)(?:/(?P<part>[a-z]+))?)?)?"
)


class Cluster:
    """What the server knows and what it was asked.

    ``plan`` are the statuses of a workflow, the last one stays; ``refuse`` maps ``"create workflows"`` to a status and
    a message; ``broken`` counts the answers with status 503 that come first.
    """

    def __init__(self, namespace: str = "signs", crds: bool = True) -> None:
        self.namespace, self.crds = namespace, crds
        self.objects: dict[tuple[str, str], Object] = {
            ("namespaces", namespace): {"metadata": {"name": namespace}},
            ("serviceaccounts", "roadworthy-pipelines"): {"metadata": {"name": "roadworthy-pipelines"}},
        }
        self.managers: dict[tuple[str, str], str] = {}
        self.plan: list[Object] = [{"phase": "Succeeded"}]
        self.logs: dict[str, str] = {}
        self.refuse: dict[str, tuple[int, str]] = {}
        self.broken = 0
        self.asked: list[tuple[str, str, Object]] = []
        self.sent: list[Object] = []
        self.url = ""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Object) -> tuple[int, Any]:
        found = _PATH.fullmatch(path)
        plural, name = (found["plural"] or "namespaces", found["name"] or "") if found else ("", "")
        if found and plural == "namespaces":
            name = name or found["space"] or ""
        verb = {"GET": "get" if name else "list", "POST": "create", "PATCH": "patch"}[method]
        self.asked.append((verb, f"{plural}/{name}", body))
        if self.broken:
            self.broken -= 1
            return 503, _status(503, "the server is currently unable to handle the request")
        if not found or (found["group"] == "argoproj.io" and not self.crds):
            return 404, "404 page not found\n"
        if refusal := self.refuse.get(f"{verb} {plural}"):
            return refusal[0], _status(*refusal)
        if found["part"] == "log":
            return (200, self.logs[name]) if name in self.logs else (404, _status(404, f'pods "{name}" not found'))
        return getattr(self, f"_{verb}")(plural, name, query, body)

    def _get(self, plural: str, name: str, query: Any, body: Any) -> tuple[int, Object]:
        key = plural, name
        if key not in self.objects:
            return 404, _status(404, f'{plural} "{name}" not found')
        if plural == "workflows":
            self.objects[key]["status"] = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        return 200, self.objects[key]

    def _list(self, plural: str, name: str, query: Any, body: Any) -> tuple[int, Object]:
        items = [one for (kind, _), one in self.objects.items() if kind == plural]
        return 200, {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}

    def _patch(self, plural: str, name: str, query: dict[str, list[str]], body: Object) -> tuple[int, Object]:
        key, manager = (plural, name), query["fieldManager"][0]
        owner = self.managers.get(key, manager)
        if owner != manager and self.objects[key]["spec"] != body["spec"]:
            return 409, _status(409, f'Apply failed with 1 conflict: conflict with "{owner}": .spec.templates')
        self.managers.setdefault(key, manager)
        self.objects[key] = body
        self.sent.append(body)
        return 200, body

    def _create(self, plural: str, name: str, query: Any, body: Object) -> tuple[int, Object]:
        metadata = dict(body["metadata"])
        metadata["name"] = metadata.pop("generateName") + f"x{len(self.sent)}y2z"
        self.sent.append(body)
        made = {**body, "metadata": metadata}
        self.objects[plural, metadata["name"]] = made
        return 201, made

    def pod(self, name: str, node: str, log: str | None = None, before: Object | None = None) -> None:
        """Adds a pod of a node; without a log it has not started; ``before`` is its init container's state."""
        state = {"terminated": {"exitCode": 1}} if log is not None else {"waiting": {"reason": "ContainerCreating"}}
        status = {"name": "main", "image": "i", "imageID": "i", "ready": False, "restartCount": 0, "state": state}
        metadata = {"name": name, "annotations": {"workflows.argoproj.io/node-id": node}}
        earlier = [{**status, "name": "init", "state": before}] if before else []
        statuses = {"initContainerStatuses": earlier, "containerStatuses": [status]}
        self.objects["pods", name] = {"metadata": metadata, "status": statuses}
        if log is not None:
            self.logs[name] = log

    def configuration(self, folder: Path) -> Path:
        """Writes a kubeconfig for this server."""
        path = folder / "kubeconfig"
        context = {"cluster": "c", "user": "u", "namespace": self.namespace}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": "secret-token"}}],
            "contexts": [{"name": "c", "context": context}],
        }
        path.write_text(yaml.safe_dump(content))
        return path


def _status(code: int, message: str) -> Object:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message}


@contextmanager
def serving(cluster: Cluster) -> Iterator[Cluster]:
    """Serves a cluster on a port of its own as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = yaml.safe_load(self.rfile.read(length)) if length else {}
            where = urlsplit(self.path)
            code, found = cluster.answer(self.command, where.path, parse_qs(where.query), body)
            plain = isinstance(found, str)
            data = found.encode() if plain else json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain" if plain else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815 -- the base class asks for these names

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    cluster.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
