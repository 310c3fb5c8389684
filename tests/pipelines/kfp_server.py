"""A small server that speaks as much of KFP's REST API (v2beta1) as a submitted pipeline asks of it.

Uploaded files are read as KFP's API server reads them (backend/src/apiserver/template/v2_template.go): all YAML
documents, of which one is the pipeline and one the platform's part.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Object = dict[str, Any]


class Service:
    """What the server knows and what it was asked; ``plan`` are the looks at a run, the last one stays."""

    def __init__(self) -> None:
        self.pipelines: list[Object] = []
        self.versions: list[Object] = []
        self.experiments: list[Object] = []
        self.runs: list[Object] = []
        self.uploads: list[list[Any]] = []
        self.plan: list[Object] = [{"state": "SUCCEEDED"}]
        self.refuse: dict[str, tuple[int, str]] = {}
        self.tokens: set[str] = set()
        self.namespaces: set[str] = set()
        self.url = ""

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, kind: str) -> tuple[int, Object]:
        if "namespace" in query:
            self.namespaces.add(query["namespace"])
        for pattern, refusal in self.refuse.items():
            if re.fullmatch(pattern, f"{method} {path}"):
                return refusal[0], {"code": 7, "error": refusal[1], "message": refusal[1]}
        if path.endswith("/healthz"):
            return 200, {"multi_user": False}
        if path.endswith("/pipelines/upload_version"):
            return 200, self._uploaded(query, body, kind)
        if found := re.fullmatch(r"/apis/v2beta1/pipelines/([^/]+)/versions", path):
            mine = [one for one in self.versions if one["pipeline_id"] == found[1]]
            return 200, {"pipeline_versions": _filtered(mine, query)}
        if re.fullmatch(r"/apis/v2beta1/runs/[^/]+", path):
            look = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
            return 200, {**self.runs[-1], **look}
        plural = path.rsplit("/", 1)[-1]
        known: list[Object] = getattr(self, plural)
        if method == "GET":
            return 200, {plural: _filtered(known, query)}
        made = json.loads(body)
        known.append({**made, f"{plural.removesuffix('s')}_id": f"{plural}-{len(known)}"})
        return 200, known[-1]

    def _uploaded(self, query: dict[str, str], body: bytes, kind: str) -> Object:
        message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        text = message.get_payload()[0].get_payload(decode=True)
        self.uploads.append([document for document in yaml.safe_load_all(text) if document])
        made = {"pipeline_id": query["pipelineid"], "display_name": query["name"]}
        self.versions.append({**made, "pipeline_version_id": f"versions-{len(self.versions)}"})
        return self.versions[-1]


def _filtered(known: list[Object], query: dict[str, str]) -> list[Object]:
    if not query.get("filter"):
        return known
    wanted = json.loads(query["filter"])["predicates"]
    return [one for one in known if all(one.get(p["key"]) == p["stringValue"] for p in wanted)]


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Serves on a port of its own as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            service.tokens.add(self.headers.get("Authorization") or "")
            where = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(where.query).items()}
            code, found = service.answer(self.command, where.path, query, body, self.headers.get("Content-Type") or "")
            data = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _do  # noqa: N815 -- the base class asks for these names

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
