"""The overlay's endpoint with the story's model: it serves, captures, and loses no request when a pod goes."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator

import pytest
from cluster_overlay import ENDPOINT, overlay, until
from cluster_room import BUCKET, Room
from cluster_story import Story

CAPTURES = f"{BUCKET}/served-{uuid.uuid4().hex}"
SECONDS = 75  # of load; a pod goes after a third of it

# Sends the test split over and over. Without a retry a request that fails fails the pod, and so the test.
LOAD = """
import json, subprocess, sys, time
from pathlib import Path
from components.capture.record import sampled
from components.data.dataset import read
from components.serve.client import Client
from components.serve.replay import send

dataset, url, seconds, retries = sys.argv[1:]
subprocess.run([sys.executable, "-m", "components.storage", dataset, "/tmp/dataset"], check=True)
split, answers = read(Path("/tmp/dataset")).split("test"), []
with Client(url, connections=4, retries=int(retries), timeout=30.0) as client:
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        answers += send(client, split, range(len(split)), 4)
        print("sending", flush=True)
found = {
    "answers": len(answers),
    "right": sum(one.predicted == one.true_class for one in answers),
    "retries": sum(one.retries for one in answers),
    "captured": sorted(one.event_id for one in answers if sampled(one.event_id, 20.0)),
}
print(json.dumps(found))
"""

CAPTURED = """
import json, sys
from components.storage import place

lines = [line for entry in place(sys.argv[1]).files() for line in entry.place.read_bytes().splitlines()]
print(json.dumps(sorted(json.loads(line)["eventMetadata"]["eventId"] for line in lines)))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(5400)]


@pytest.fixture(scope="module")
def served(signs: Story) -> Iterator[Room]:
    """The overlay with the story's model in its settings, two pods of it ready."""
    room = signs.room
    place = signs.place("deploy", "endpoint")
    deployed = json.loads(signs.texts(place)[place])
    _, endpoint = overlay(room.name, model=deployed["archive"], digest=deployed["digest"], captured=CAPTURES)
    for one in endpoint:
        if one["kind"] == "HorizontalPodAutoscaler":
            one["spec"]["minReplicas"] = 2
        if one["kind"] == "Deployment":
            one["spec"]["replicas"] = 2
    room.apply(*endpoint)
    room.ready(ENDPOINT, 600)
    yield room
    for one in endpoint:
        room.kubectl("delete", one["kind"], one["metadata"]["name"], "--ignore-not-found")


def pods(room: Room) -> list[str]:
    """The endpoint's pods that are ready and not on their way out."""
    found = room.get("pods", "-l", f"app.kubernetes.io/name={ENDPOINT}")["items"]
    return [
        one["metadata"]["name"]
        for one in found
        if "deletionTimestamp" not in one["metadata"]
        and any(each["type"] == "Ready" and each["status"] == "True" for each in one["status"]["conditions"])
    ]


def under_load(signs: Story, served: Room, *how: str, retries: int) -> dict[str, object]:
    """Deletes a pod while requests come; returns what became of these."""
    until("two pods that are ready", lambda: len(pods(served)) == 2, 300)
    url = f"http://{ENDPOINT}"
    load = served.start(LOAD, signs.place("data", "dataset"), url, str(SECONDS), str(retries))
    until("requests", lambda: "sending" in served.log(load), 300)
    time.sleep(SECONDS / 3)
    gone = pods(served)[0]
    served.kubectl("delete", "pod", gone, "--wait=false", *how)
    found = dict(served.finish(load, SECONDS + 600))
    assert gone not in pods(served)
    return found


def test_a_pod_that_is_deleted_under_load_costs_no_request_and_no_record(signs: Story, served: Room) -> None:
    found = under_load(signs, served, retries=0)
    assert found["retries"] == 0
    assert int(str(found["right"])) > 0.8 * int(str(found["answers"])) > 0
    wanted = found["captured"]
    assert wanted
    until("every sampled record, once", lambda: served.python(CAPTURED, CAPTURES) == wanted, 240)


def test_a_pod_that_is_killed_under_load_costs_no_request_of_a_client_that_asks_again(
    signs: Story, served: Room
) -> None:
    found = under_load(signs, served, "--grace-period=0", "--force", retries=8)
    assert int(str(found["answers"])) > 0
