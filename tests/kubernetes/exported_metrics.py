"""Prints what the programs export, as JSON: names, labels and values of series. The torch image's environment runs it.

The registries are those of a real server and a real sink, which have counted nothing yet but one request; the monitor's
numbers are of one made-up result.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

from components.monitor import metrics as monitor
from components.report.verdicts import ClassCount, Finding, Results
from components.serve.app import Server
from components.serve.handlers import Handler
from components.serve.loading import Loaded
from components.serve.metrics import Metrics
from components.serve.sink.endpoints import Endpoints
from components.serve.sink.metrics import metrics as sink_metrics
from components.serve.sink.pairs import Pairs

CODE = b"""
def model_fn(folder):
    return None

def transform_fn(model, body, content_type, accept):
    return b""
"""


def serve() -> str:
    """The page of a server with everything switched on."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Loaded("m", "v", "sha256:0", Handler(Path(folder), CODE)), "m")
    server.metrics.capture(dict)
    server.metrics.tensors(dict)
    return _counted(server.metrics)


def sink() -> str:
    """The page of a sink."""
    return _counted(sink_metrics("s", Pairs(lambda request, response: True), Endpoints("", 1, lambda name: None)))


def _counted(metrics: Metrics) -> str:
    metrics.count("sagemaker", 200)
    metrics.reject("timeout")
    return metrics.page().decode()


def checked() -> str:
    """The monitor's metrics of one violated rule."""
    rule = Finding("class_share", "violated", 0.6, 0.5, (0.5, 0.7), 0.95, 100, 0.01, 0.01, "")
    counts = {"records": 1, "predictions": 1, "unreadable": 0, "broken": 0, "images": 1}
    reading = {"outside": 0, "duplicates": 0, "files": 1}
    window = {"endpoint": "e", "variant": "v", "start": None, "end": None}
    return monitor.prometheus(Results("", window, counts, reading, (ClassCount("1", "one", 1, 1),), (rule,), (), {}))


def series(page: str) -> dict[str, dict[str, list[str]]]:
    """Returns the labels of each series of a page in Prometheus' text format, each with the values that it has."""
    found: dict[str, dict[str, set[str]]] = {}
    for line in page.splitlines():
        if line and not line.startswith("#"):
            name, labels = re.findall(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ", line)[0]
            known = found.setdefault(name, {})
            for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
                known.setdefault(label, set()).add(value)
    return {name: {label: sorted(values) for label, values in known.items()} for name, known in sorted(found.items())}


if __name__ == "__main__":
    json.dump(series(serve() + sink() + checked()), sys.stdout, indent=1)
