"""The overlay's CronWorkflow, started by Argo's controller at its time, over traffic that was attacked an hour ago."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cluster_overlay import until
from cluster_room import BUCKET, Room
from cluster_story import Story

CRON = "workflows.argoproj.io/cron-workflow=monitoring"
PLACE = f"{BUCKET}/an-hour-ago"

# A schedule judges the last whole hour. The story's traffic is younger, so its records are moved: half into the hour
# before this one and, for the case that the hour ends meanwhile, again into this one.
MOVED = """
import json, sys
from datetime import UTC, datetime, timedelta
from components.storage import place

source, target, start, end = place(sys.argv[1]), place(sys.argv[2]), *sys.argv[3:]
now, moved = datetime.now(UTC).replace(minute=30, second=0, microsecond=0), []
for entry in source.files():
    for line in entry.place.read_bytes().splitlines():
        record = json.loads(line)
        if start <= record["eventMetadata"]["inferenceTime"] < end:
            moved.append(record)
for time in (now - timedelta(hours=1), now):
    for record in moved:
        record["eventMetadata"]["inferenceTime"] = f"{time:%Y-%m-%dT%H:%M:%SZ}"
    data = "".join(json.dumps(record) + "\\n" for record in moved).encode()
    hour = target.child("signs", "AllTraffic", *f"{time:%Y %m %d %H}".split())
    hour.child("30-00-000-00000000-0000-4000-8000-000000000000.jsonl").write_bytes(data)
print(len(moved))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(5400)]


def moved(signs: Story, replay: str) -> int:
    """Moves what was captured of a replay into the last hour; returns the number of records."""
    captured = f"{BUCKET}/runs/{signs.name}/captured"
    window = (signs.value(replay, "start"), signs.value(replay, "end"))
    return int(signs.room.python(MOVED, captured, PLACE, *window))


@pytest.fixture
def scheduled(signs: Story) -> Iterator[Room]:
    """The room with a schedule that comes each minute and knows the story's places."""
    room = signs.room
    parameters = {
        "place": PLACE,
        "archive": signs.place("package", "archive"),
        "baseline": signs.place("baseline", "baseline"),
    }
    room.kubectl("patch", "configmap", "monitoring-parameters", "--type=merge", "-p", json.dumps({"data": parameters}))
    room.kubectl("delete", "workflows", "-l", CRON)
    each_minute = {"spec": {"schedules": ["* * * * *"], "suspend": False}}
    room.kubectl("patch", "cronworkflow", "monitoring", "--type=merge", "-p", json.dumps(each_minute))
    yield room
    _suspend(room)


def _suspend(room: Room) -> None:
    room.kubectl("patch", "cronworkflow", "monitoring", "--type=merge", "-p", '{"spec": {"suspend": true}}')


def ended(room: Room) -> Story:
    """The first workflow that the schedule starts, when it has ended."""
    first = until("a workflow of the schedule", lambda: room.get("workflows", "-l", CRON)["items"], 180)[0]
    _suspend(room)
    name = first["metadata"]["name"]
    phases = ("Succeeded", "Failed", "Error")
    until(
        f"an end of {name}",
        lambda: room.get("workflow", name).get("status", {}).get("phase") in phases,
        1500,
        every=5,
    )
    return Story(room, name)


def test_the_schedule_alarms_on_attacked_traffic_and_explains_it(signs: Story, scheduled: Room) -> None:
    assert moved(signs, "replay-3") == int(signs.value("replay-3", "captured")) > 0
    run = ended(scheduled)
    assert run.workflow["status"]["phase"] == "Succeeded", run.workflow["status"]
    assert run.value("check", "violated") == "true"
    # The same records under the same baseline: the same verdict as in the story, hour or not.
    assert run.value("check", "message") == signs.value("check-2", "message")
    assert {run.step(name)["phase"] for name in ("explain", "incident")} == {"Succeeded"}
    page, summary = run.place("incident", "page"), f"{run.place('explain', 'explanations')}/summary.json"
    texts = run.texts(page, summary)
    assert json.loads(texts[summary])["counts"]["explained"] > 0
    assert "Stop" in texts[page]


def test_the_schedule_is_calm_about_usual_traffic(signs: Story, scheduled: Room) -> None:
    assert moved(signs, "replay-2") > 0
    run = ended(scheduled)
    assert run.workflow["status"]["phase"] == "Succeeded", run.workflow["status"]
    assert run.value("check", "violated") == "false"
    assert "explain" not in {node["displayName"] for node in run.nodes if node["type"] == "Pod"}
