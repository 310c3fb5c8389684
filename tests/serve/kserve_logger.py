"""KServe's logger as far as a sink sees it: events made by CloudEvents' own SDK, and the sink as a program."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import urllib3
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from components.capture.reader import read
from components.capture.record import Exchange

ROOT = Path(__file__).resolve().parents[2]
HTTP = urllib3.PoolManager(retries=False, maxsize=16)
ANSWER = b'{"predictions": [{"class": 14, "label": "Stop", "score": 0.9, "top": []}]}'


def event(kind: str, number: object, data: Any = ANSWER, **attributes: Any) -> CloudEvent:
    """What the agent makes of one half of an exchange; an attribute that is None is left out."""
    given = {
        "specversion": "1.0",
        "id": f"call-{number}",
        "source": "http://localhost:9081/",
        "type": f"org.kubeflow.serving.inference.{kind}",
        "time": datetime.now(UTC),
        "datacontenttype": "application/json",
        "inferenceservicename": "signs",
        "namespace": "models",
        "component": "predictor",
        "endpoint": "default",
        **attributes,
    }
    return CloudEvent({name: value for name, value in given.items() if value is not None}, data)


def binary(made: CloudEvent) -> tuple[dict[str, str], bytes]:
    message = to_binary_event(made)
    return dict(message.headers), message.body


def structured(made: CloudEvent) -> tuple[dict[str, str], bytes]:
    message = to_structured_event(made)
    return dict(message.headers), message.body


def post(url: str, message: tuple[dict[str, str], bytes], **headers: str) -> Any:
    return HTTP.request("POST", url + "/", body=message[1], headers={**message[0], **headers}, timeout=20)


def send(url: str, kind: str, number: object, data: Any = ANSWER, **attributes: Any) -> Any:
    """Posts one half in binary mode, as the agent does; returns its outcome."""
    answer = post(url, binary(event(kind, number, data, **attributes)))
    assert answer.status == 200, answer.data
    return answer.json()["outcome"]


@contextmanager
def sinking(place: Path | str, *arguments: object, name: str = "signs") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yields the url and the process of a sink; what it says goes into its pipe."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "components.serve", "sink", "--place", str(place), "--name", name),
                *("--socket", str(listening.fileno()), "--drain-delay", "0.1", *map(str, arguments)),
            ],
            pass_fds=[listening.fileno()],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        assert HTTP.request("GET", url + "/v2/health/ready", timeout=30).status == 200
        yield url, process
    finally:
        process.kill()
        process.wait()
        if process.stderr:  # not read to its end: the writer process has it too, and may outlive the sink for a while
            process.stderr.close()


def ended(process: subprocess.Popen[str]) -> str:
    """Asks a sink to stop, checks that it ends well, and returns what it said."""
    process.terminate()
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 0, said
    return said


def counts(url: str) -> dict[tuple[str, str], int]:
    """Returns the events that are decided, by kind and outcome, and those that wait as ``("waiting", "")``."""
    found = {}
    for line in HTTP.request("GET", url + "/metrics").data.decode().splitlines():
        if line.startswith("sink_events_total"):
            kind, outcome = line.split('"')[1:4:2]
            found[kind, outcome] = int(float(line.rpartition(" ")[2]))
        elif line.startswith("sink_waiting_events "):
            found["waiting", ""] = int(float(line.rpartition(" ")[2]))
    return {key: count for key, count in found.items() if count}


def captured(place: Path | str) -> dict[str, Exchange]:
    """The records at the place by inference id, of which none may be there twice."""
    found = list(read(str(place)))
    assert len({one.event_id for one in found}) == len(found)
    return {one.inference_id or "": one for one in found}


def until(condition: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "expected the condition to come true"
        time.sleep(0.02)


def refused(answer: Any, status: int, text: str) -> None:
    assert answer.status == status, answer.data
    message = answer.json()["error"]
    assert "expected" in message
    assert "found" in message
    assert text in message
