"""Captured traffic that is late, of another hour, always the same, or without spread: counted, and never a crash."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import hostile_pictures as pictures
import pytest

from components.capture.predictions import predictions
from components.capture.reader import Counts, read
from components.errors import RecordError
from components.report import verdicts as format_
from tests.monitor.records import HOUR, NOON, answer, check, line, make_baseline, png, put, stage, traffic, verdicts

DAY = 86_400.0


@pytest.fixture(scope="session")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("baseline")
    put(root / "place", traffic(1, 120))
    return make_baseline(root, root / "place")


def test_a_record_three_days_late_is_in_no_window_twice_and_is_counted_as_outside(tmp_path: Path) -> None:
    """A late file lies where it was delivered: its records are outside that hour's window, and the counts say so."""
    put(tmp_path, [line("late", answer(1), seconds=NOON)], seconds=NOON + 3 * DAY)
    put(tmp_path, [line("now", answer(1), seconds=NOON + 3 * DAY)], "b", seconds=NOON + 3 * DAY)
    counts = Counts()
    now = [one.event_id for one in read(str(tmp_path), start=NOON + 3 * DAY, end=NOON + 3 * DAY + 3600, counts=counts)]
    assert (now, counts.outside) == (["now"], 1)
    assert [one.event_id for one in read(str(tmp_path))] == ["late", "now"]


def test_the_hour_that_the_clock_has_twice_is_two_hours_in_a_window(tmp_path: Path) -> None:
    """Berlin, 2022-10-30: 02:30 comes twice, an hour apart; a time without its offset is UTC."""
    one = line("e", answer(1), seconds=1_667_089_800.0)
    for number, text in enumerate([b"2022-10-30T02:30:00+02:00", b"2022-10-30T02:30:00+01:00", b"2022-10-30T02:30:00"]):
        changed = one.replace(b"2022-10-30T00:30:00Z", text).replace(b'"e"', b'"e%d"' % number)
        put(tmp_path, [changed], str(number), seconds=1_667_089_800.0 + 3600 * number)
    found = {one.event_id: one.time for one in read(str(tmp_path))}
    assert found == {"e0": 1_667_089_800.0, "e1": 1_667_093_400.0, "e2": 1_667_097_000.0}


@pytest.mark.parametrize("seconds", [-1.0, 253_402_300_800.0, math.nan])
def test_a_time_before_1970_or_after_9999_cannot_be_written(seconds: float) -> None:
    with pytest.raises(RecordError, match="1970 to 9999"):
        line("e", answer(1), seconds=seconds)


def test_an_input_without_output_and_an_output_without_input_are_counted(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", [line("in", None, png(1)), line("out", answer(3), None), line("both", answer(3), png(2))])
    assert check(tmp_path, tmp_path / "place", baseline, "--start", HOUR[0], "--end", HOUR[1]).returncode == 0
    found = format_.read(tmp_path / "results")
    assert found.counts == {"records": 3, "predictions": 2, "unreadable": 1, "broken": 0, "images": 2}


def test_of_equal_scores_the_lower_class_comes_first_whichever_way_they_stand() -> None:
    for classes in ((7, 3, 5), (5, 7, 3), (3, 5, 7)):
        top = [{"class": one, "score": 0.25} for one in classes]
        found = predictions(json.dumps({"predictions": [{"class": 3, "score": 0.25, "top": top}]}).encode())
        assert [entry.class_index for entry in found[0].top] == [3, 5, 7]


@pytest.mark.parametrize("value", ["43", '"43"', "43.0", "-1", "9223372036854775807"])
def test_a_class_beyond_the_labels_is_a_class_of_its_own_and_not_another(value: str) -> None:
    (found,) = predictions(b'{"predictions": [{"class": %s}]}' % value.encode())
    assert found.class_index == int(float(json.loads(value))) or found.class_index == int(json.loads(value))


@pytest.mark.parametrize("value", ["true", "null", "[14]", '"14.0"', "14.5", "9223372036854775808", '{"a": 1}', "NaN"])
def test_what_is_no_class_is_unread(value: str) -> None:
    assert predictions(b'{"predictions": [{"class": %s}]}' % value.encode()) == []


CONSTANT = {
    "pictures of one colour": (pictures.plain(), lambda i: answer(i % 43, 0.9)),
    "one class with one score": (png(1), lambda i: answer(14, 0.9)),
    "scores of exactly 1": (pictures.plain(), lambda i: answer(i % 43, 1.0)),
}


NAMED = [*CONSTANT]


@pytest.mark.parametrize("name", [NAMED[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMED[1:])])
def test_a_baseline_without_variance_is_taken_and_its_own_traffic_is_no_drift(tmp_path: Path, name: str) -> None:
    body, response = CONSTANT[name]
    lines = [line(f"e{i}", response(i), body) for i in range(80)]
    put(tmp_path / "place", lines)
    made = make_baseline(tmp_path, tmp_path / "place")
    done = check(tmp_path, tmp_path / "place", made, "--share-threshold", "0.999")
    assert done.returncode == 0, done.stderr
    drifted = [rule for rule, one in verdicts(tmp_path).items() if one["verdict"] == "violated" and "drift" in rule]
    assert drifted == []
    assert {one["p_value"] for one in verdicts(tmp_path).values()} <= {None, 1.0}


@pytest.mark.slow
def test_ten_thousand_times_the_same_picture_is_a_verdict_and_no_division_by_nothing(
    tmp_path: Path, baseline: Path
) -> None:
    body = png(7)
    put(tmp_path / "place", [line(f"e{i}", answer(14), body) for i in range(10_000)])
    done = check(tmp_path, tmp_path / "place", baseline)
    assert done.returncode == 0, done.stderr
    found = format_.read(tmp_path / "results")
    assert (found.counts["records"], found.counts["images"]) == (10_000, 1_000)
    assert verdicts(tmp_path)["over_predicted_class"]["value"] == 1.0
    numbers = [number for rule in found.rules for number in (rule.value, rule.p_value, *(rule.interval or ()))]
    assert all(number is None or math.isfinite(number) for number in numbers)


TABLES: dict[str, Any] = {
    "as many pairs as there are atoms": json.dumps({"a": list(range(100_000))}),
    "a hundred thousand levels": '{"a": ' + "[" * 100_000,
    "a device without an end": "/dev/zero",
    "a class beyond 64 bits": '{"a": [1, ' + "9" * 5_000 + "]}",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_related_classes_that_means_harm_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    given = TABLES[name]
    if len(given) > 100_000:  # longer than an argument may be
        (tmp_path / "table.json").write_text(given)
        given = str(tmp_path / "table.json")
    outputs = [word for one in ("results", "metrics", "report", "violated", "message") for word in (f"--{one}", "x")]
    done = stage("check", "--place", tmp_path, "--baseline", tmp_path, *outputs, "--related", given)
    assert done.returncode == 1
    assert done.stderr.startswith("monitor check: related: expected")
    assert len(done.stderr.splitlines()) == 1
