"""An endpoint over a toy, as little as HTTP needs, with the troubles that endpoints have."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

from components.images import decode


class Endpoint:
    """What an endpoint does, and what it saw.

    Args:
        toy: The model.
        most_bytes: Of a body; more is answered with 413.
        batches: Whether several pictures in a request are understood; if not, they are answered with 500.
        npy: Whether it offers answers as .npy, and a choice in Accept.
        full: Whether it tells labels.
        answer: What it answers in the place of the toy's, if that is not None.
    """

    def __init__(
        self, toy: Any, *, most_bytes: int = 10**9, batches: bool = True, npy: bool = True, full: bool = False
    ) -> None:
        self.toy, self.most_bytes, self.batches, self.npy, self.full = toy, most_bytes, batches, npy, full
        self.answer: Any = None
        self.sizes: list[int] = []
        self.types: set[str] = set()
        self.together = self.most_together = 0
        self.broken = 0
        self.left = 10**9
        self.lock = threading.Lock()
        self.model = threading.Lock()  # one of its own: what comes in is counted while the model is at work
        self.url = ""

    def handle(self, body: bytes, content_type: str, accept: str) -> tuple[int, bytes, str]:
        """Returns status, body and type of an answer."""
        with self.lock:
            self.left -= 1
        if self.left < 0:
            return 500, b'{"error": "the model broke"}', "application/json"
        if len(body) > self.most_bytes:
            return 413, b'{"error": "expected less"}', "application/json"
        if not self.npy and accept != "application/json":
            return 406, b'{"error": "expected application/json"}', "application/json"
        if content_type == "application/x-npy":
            pictures = np.load(io.BytesIO(body), allow_pickle=False)
        else:
            pictures = decode(body)[None]
        self.sizes.append(len(pictures))
        self.types.add(content_type)
        if len(pictures) > 1 and not self.batches:
            return 500, b'{"error": "the model takes one picture"}', "application/json"
        with self.model:
            outputs = self.toy.predict(np.stack([self.toy.prepare(p) for p in pictures]))
        if "format=full" in accept:
            if not self.full:
                return 406, b"{}", "application/json"
            return 200, json.dumps(self._full(outputs)).encode(), "application/json"
        if self.answer is not None:
            return 200, json.dumps(self.answer).encode(), "application/json"
        if "npy" in accept and self.npy:
            buffer = io.BytesIO()
            np.save(buffer, outputs, allow_pickle=False)
            return 200, buffer.getvalue(), "application/x-npy"
        return 200, json.dumps(self.toy.document(outputs)).encode(), "application/json"

    def _full(self, outputs: Any) -> Any:
        names = ("xmin", "ymin", "xmax", "ymax")
        return {
            "predictions": [
                {
                    "detections": [
                        {
                            "class": int(kind),
                            "label": self.toy.labels[int(kind)],
                            "score": score,
                            "box": dict(zip(names, box, strict=True)),
                        }
                        for kind, score, *box in rows
                    ]
                }
                for rows in self.toy.document(outputs)
            ]
        }


@contextmanager
def served(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Serves an endpoint on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with endpoint.lock:
                broken = endpoint.broken > 0
                endpoint.broken -= broken
                endpoint.together += 1
                endpoint.most_together = max(endpoint.most_together, endpoint.together)
            try:
                if broken:  # as a server that dies with the request in its hands
                    self.close_connection = True
                    return
                status, answer, kind = endpoint.handle(body, self.headers["Content-Type"], self.headers["Accept"])
            finally:
                with endpoint.lock:
                    endpoint.together -= 1
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def png(picture: Any, form: str = "PNG") -> bytes:
    """Returns a picture as a file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form)
    return buffer.getvalue()
