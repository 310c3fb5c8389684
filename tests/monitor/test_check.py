"""The stages as programs: captured records as files in; verdicts, flagged records, metrics and a page out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from components.report import verdicts as format_
from tests.monitor.records import (
    HOUR,
    NOON,
    SEED_COUNTS,
    answer,
    check,
    line,
    make_baseline,
    png,
    put,
    stage,
    traffic,
    verdicts,
)
from tests.report.page_reading import read_page

WINDOW = ("--start", HOUR[0], "--end", HOUR[1])


@pytest.fixture(scope="session")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline of 200 records of the demo's kind."""
    root = tmp_path_factory.mktemp("baseline")
    put(root / "place", traffic(1, 200))
    return make_baseline(root, root / "place")


def message(root: Path) -> str:
    return (root / "message").read_text()


def test_the_seeds_counts_give_class_14_at_80_percent_violated(tmp_path: Path, baseline: Path) -> None:
    numbers = [class_id for class_id, count in SEED_COUNTS.items() for _ in range(count)]
    put(tmp_path / "place", [line(f"e{i}", b"[[%d]]" % class_id) for i, class_id in enumerate(numbers)])
    done = check(tmp_path, tmp_path / "place", baseline, *WINDOW)
    assert done.returncode == 0, done.stderr
    rule = verdicts(tmp_path)["over_predicted_class"]
    assert (rule["verdict"], rule["value"], rule["threshold"], rule["sample_size"]) == ("violated", 0.805, 0.5, 400)
    assert rule["interval"] == pytest.approx([0.763, 0.841], abs=1e-3)
    assert rule["details"]["flagged_classes"] == ["14"]
    first = format_.read_violations(tmp_path / "results")[0]
    assert first == (
        "PredictedClass",
        "baseline_drift_check",
        "Class 14 predicted 80.50% of the time: Exceeded 50.00% threshold",
    )
    flagged = list(format_.read_flagged(tmp_path / "results", "over_predicted_class"))
    assert {one.event_id for one in flagged} == {f"e{i}" for i, class_id in enumerate(numbers) if class_id == 14}
    assert {(one.class_index, one.label, one.score) for one in flagged} == {(14, None, None)}
    assert (tmp_path / "violated").read_text() == "true"
    assert message(tmp_path).startswith("CompletedWithViolations: Job completed successfully with ")
    assert done.stdout.splitlines()[-1] == message(tmp_path)


def test_a_clean_window_is_completed_and_an_attacked_one_names_stop(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "clean", traffic(2, 200))
    assert check(tmp_path / "a", tmp_path / "clean", baseline, *WINDOW).returncode == 0
    assert message(tmp_path / "a") == "Completed: Job completed successfully with no violations."
    assert (tmp_path / "a" / "violated").read_text() == "false"
    assert format_.read_violations(tmp_path / "a" / "results") == []
    assert list(format_.read_flagged(tmp_path / "a" / "results")) == []
    put(tmp_path / "bad", traffic(3, 200, lambda r: 14 if r.random() < 0.82 else int(r.integers(43))))
    assert check(tmp_path / "b", tmp_path / "bad", baseline, *WINDOW).returncode == 0
    found = verdicts(tmp_path / "b")
    assert {name for name, rule in found.items() if rule["verdict"] == "violated"} == {
        *("over_predicted_class", "class_mix_linf", "class_mix_chi_squared"),
    }
    assert "Class 14 (Sign 14) predicted" in message(tmp_path / "b")
    one = next(format_.read_flagged(tmp_path / "b" / "results"))
    assert (one.violation, one.class_index, one.label) == ("over_predicted_class", 14, "Sign 14")
    assert one.inference_id == f"images/{one.event_id.partition('-')[2]}.png"
    assert one.time.timestamp() == NOON + len(one.event_id) % 600


def test_an_empty_window_is_a_verdict(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", traffic(4, 3))
    done = check(tmp_path, tmp_path / "place", baseline, "--start", HOUR[1])
    assert done.returncode == 0, done.stderr
    results = format_.read(tmp_path / "results")
    assert {rule.verdict for rule in results.rules} == {"not_enough_data"}
    assert (results.counts["records"], results.reading["outside"]) == (0, 3)
    assert message(tmp_path) == "Completed: Job completed successfully with no violations."
    page = read_page((tmp_path / "report").read_text())
    assert "No record lies in this window, so nothing can be said about it." in page.text


def test_records_outside_again_and_unreadable_are_counted_apart(tmp_path: Path, baseline: Path) -> None:
    kept = [line(f"k{i}", answer(i % 43)) for i in range(40)]
    again = [*kept[:5], line("k6", answer(40))]  # the last with an id that another answer has
    outside = [line(f"o{i}", answer(1), seconds=NOON - 60) for i in range(3)]
    unread = [line("u1", b"what?"), line("u2", None)]
    put(tmp_path / "place", [*kept, *again, *outside, *unread, b"{broken\n", b"{broken\n", b"\xff\n", b'{"a": 1}\n'])
    assert check(tmp_path, tmp_path / "place", baseline, *WINDOW).returncode == 0
    results = format_.read(tmp_path / "results")
    assert results.counts == {"records": 42, "predictions": 40, "unreadable": 2, "broken": 3, "images": 0}
    assert (results.reading["outside"], results.reading["duplicates"]) == (3, 6)
    assert results.reading["broken_lines"] == {"not_a_record": 1, "not_json": 2, "not_utf8": 1}
    rule = verdicts(tmp_path)["completeness"]
    assert (rule["value"], rule["sample_size"], rule["verdict"]) == (40 / 45, 45, "violated")
    assert {one.event_id for one in format_.read_flagged(tmp_path / "results", "completeness")} == {"u1", "u2"}
    (violation,) = [v for v in format_.read_violations(tmp_path / "results") if v[1] == "completeness_check"]
    assert violation.feature_name == "PredictedClass"


def test_nothing_but_broken_lines_is_a_violation_and_not_silence(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", [b"broken %d\n" % i for i in range(50)])
    assert check(tmp_path, tmp_path / "place", baseline, *WINDOW).returncode == 0
    assert verdicts(tmp_path)["completeness"]["verdict"] == "violated"


ENCODINGS: dict[str, dict[str, Any]] = {
    "JSON": {"response": answer(14), "response_type": "application/json"},
    "BASE64": {"response": answer(14), "response_type": "application/vnd.any+json"},
    "CSV": {"response": b"14,0.9\n", "response_type": "text/csv; charset=utf-8"},
    "bare": {"response": b"[[14]]", "response_type": "application/json"},
    "v2": {
        "response": b'{"outputs": [{"name": "class", "shape": [1], "data": [14]}]}',
        "response_type": "application/json",
    },
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_payloads_of_every_encoding_are_read(tmp_path: Path, baseline: Path, name: str) -> None:
    one = ENCODINGS[name]
    lines = [line(f"e{i}", request=png(i), **one) for i in range(40)]
    assert (b'"encoding":"BASE64"' in lines[0].partition(b"endpointOutput")[2]) == (name == "BASE64")
    put(tmp_path / "place", lines)
    assert check(tmp_path, tmp_path / "place", baseline, *WINDOW).returncode == 0
    results = format_.read(tmp_path / "results")
    assert results.counts == {"records": 40, "predictions": 40, "unreadable": 0, "broken": 0, "images": 40}
    assert [(one.name, one.count) for one in results.class_counts[:1]] == [("14", 40)]


def test_sagemakers_own_records_are_read(tmp_path: Path, baseline: Path) -> None:
    head = b'{"captureData":{"endpointInput":{"observedContentType":"application/x-npy","mode":"INPUT","data":"",'
    head += b'"encoding":'
    meta = b'"eventMetadata":{"eventId":"%b","inferenceTime":"2022-02-14T12:%b:06Z"},"eventVersion":"0"}\n'
    out = b'"BASE64"},"endpointOutput":{"observedContentType":%b,"mode":"OUTPUT","data":"%b","encoding":"%b"}},'
    lines = [
        head + out % (b'"application/json"', b"[[14]]", b"JSON") + meta % (b"a", b"25"),
        head + out % (b"null", b"W1sxNF1d", b"BASE64") + meta % (b"b", b" 25"),
        head + out % (b'"text/csv; charset=utf-8"', b"14", b"CSV") + meta % (b"c", b"25"),
        b'{"captureData":{"batchTransformOutput":{"observedContentType":null,"mode":"OUTPUT","data":"14","encoding":"JSON"}},'
        b'"groundTruthData":{"data":"1","encoding":"CSV"},' + meta % (b"d", b"25"),
    ]
    put(tmp_path / "place", lines)
    assert check(tmp_path, tmp_path / "place", baseline, *WINDOW).returncode == 0
    results = format_.read(tmp_path / "results")
    assert (results.counts["predictions"], results.counts["unreadable"], results.counts["broken"]) == (4, 0, 0)


def test_a_server_that_stops_giving_scores_is_noticed(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", [line(f"e{i}", b"[[%d]]" % (i % 43)) for i in range(60)])
    assert check(tmp_path, tmp_path / "place", baseline, *WINDOW).returncode == 0
    found = verdicts(tmp_path)
    assert (found["completeness"]["verdict"], found["score_completeness"]["verdict"]) == ("ok", "violated")
    assert len(list(format_.read_flagged(tmp_path / "results", "score_completeness"))) == 60


def test_unsure_and_unrelated_answers_are_flagged(tmp_path: Path, baseline: Path) -> None:
    unrelated, related = answer(14, 0.4, [(34, 0.3), (8, 0.2)]), answer(1, 0.4, [(2, 0.3), (14, 0.2)])
    lines = [line(f"u{i}", unrelated) for i in range(20)] + [line(f"r{i}", related) for i in range(20)]
    put(tmp_path / "place", lines)
    assert check(tmp_path, tmp_path / "place", baseline, *WINDOW).returncode == 0
    found = verdicts(tmp_path)
    assert (found["low_confidence"]["value"], found["unrelated_top_three"]["value"]) == (1.0, 0.5)
    flagged = [one.event_id for one in format_.read_flagged(tmp_path / "results", "unrelated_top_three")]
    assert sorted(flagged) == sorted(f"u{i}" for i in range(20))
    own = '{"all of these": [14, 34, 8]}'
    assert check(tmp_path / "b", tmp_path / "place", baseline, "--related", own).returncode == 0
    rule = verdicts(tmp_path / "b")["unrelated_top_three"]
    assert (rule["value"], rule["sample_size"]) == (0.0, 20)  # of the others the table says nothing
    assert check(tmp_path / "c", tmp_path / "place", baseline, "--related", "none").returncode == 0
    assert verdicts(tmp_path / "c")["unrelated_top_three"]["verdict"] == "not_enough_data"


def test_classes_that_the_baseline_lacks_are_a_categorical_violation(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", [line(f"e{i}", answer(43 if i % 3 else 7)) for i in range(60)])
    assert check(tmp_path, tmp_path / "place", baseline).returncode == 0
    assert verdicts(tmp_path)["unknown_class"]["details"]["flagged_classes"] == ["43"]
    assert "categorical_values_check" in {v[1] for v in format_.read_violations(tmp_path / "results")}


def test_darker_images_are_a_drift_and_are_flagged(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", traffic(5, 150, brightness=0.3))
    assert check(tmp_path, tmp_path / "place", baseline).returncode == 0
    rule = verdicts(tmp_path)["brightness_drift"]
    assert (rule["verdict"], rule["details"]["lower"]) == ("violated", True)
    low, high = rule["interval"]
    assert low <= rule["value"] <= high
    flagged = list(format_.read_flagged(tmp_path / "results", "brightness_drift"))
    assert 0.4 * 150 < len(flagged) <= 150


def test_flagged_records_are_at_most_as_many_as_wanted_and_a_fair_draw(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", [line(f"e{i:03}", b"[[14]]") for i in range(300)])
    assert check(tmp_path, tmp_path / "place", baseline, "--flagged", 30).returncode == 0
    ids = [one.event_id for one in format_.read_flagged(tmp_path / "results", "over_predicted_class")]
    assert len(ids) == 30
    assert max(ids) > "e200" > "e100" > min(ids)


def test_metrics_are_in_prometheus_and_cloudwatchs_form(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", [line(f"e{i}", b'[{"no": 1}]' if i == 3 else answer(14)) for i in range(50)])
    assert check(tmp_path, tmp_path / "place", baseline, "--endpoint", "signs", "--end", HOUR[1]).returncode == 0
    samples = dict(
        row.rsplit(" ", 1) for row in (tmp_path / "results" / "metrics.prom").read_text().splitlines() if row[0] != "#"
    )
    whose = 'endpoint="signs",variant=""'
    assert samples[f'roadworthy_monitor_verdict{{{whose},rule="over_predicted_class",verdict="violated"}}'] == "1.0"
    assert samples[f'roadworthy_monitor_class_share{{{whose},class="14",label="Sign 14"}}'] == "1.0"
    assert samples[f'roadworthy_monitor_records{{{whose},kind="unreadable"}}'] == "1"
    lines = [json.loads(one) for one in (tmp_path / "results" / "metrics.jsonl").read_text().splitlines()]
    named = {one["MetricName"]: one for one in lines}
    assert named["feature_non_null_PredictedClass"]["Value"] == 49
    assert set(named["feature_data_Confidence"]["StatisticValues"]) == {"Maximum", "Minimum", "SampleCount", "Sum"}
    assert named["feature_baseline_drift_PredictedClass"]["Timestamp"] == HOUR[1]
    assert all(("Value" in one) != ("StatisticValues" in one) for one in lines)
    flat = json.loads((tmp_path / "metrics").read_text())
    assert flat["over_predicted_class"] == 1.0


@pytest.fixture
def gateway() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """A push gateway that writes down what it is given."""
    taken: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            taken.append(
                (self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"])))
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", taken
        server.shutdown()
        thread.join()


def test_metrics_are_pushed_when_a_gateway_is_given(
    tmp_path: Path, baseline: Path, gateway: tuple[str, list[tuple[str, str, bytes]]]
) -> None:
    put(tmp_path / "place", [line(f"e{i}", answer(14)) for i in range(50)])
    given = ("--gateway", gateway[0], "--endpoint", "signs", "--variant", "AllTraffic")
    done = check(tmp_path, tmp_path / "place", baseline, *given)
    assert done.returncode == 0, done.stderr
    ((path, kind, body),) = gateway[1]
    assert path == "/metrics/job/roadworthy_monitor/endpoint/signs/variant/AllTraffic"
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert body == (tmp_path / "results" / "metrics.prom").read_bytes()


def test_a_gateway_that_is_down_does_not_hide_the_violation(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", [line(f"e{i}", answer(14)) for i in range(50)])
    done = check(tmp_path, tmp_path / "place", baseline, "--gateway", "http://127.0.0.1:9")
    assert (done.returncode, (tmp_path / "violated").read_text()) == (0, "true")
    assert "gateway: expected the gateway to take the metrics, found" in done.stderr


def test_cron_gets_an_exit_status_of_its_own(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", [line(f"e{i}", answer(14)) for i in range(50)])
    given = {"outputs": {"artifacts": {}, "outputFile": str(tmp_path / "executor_output.json")}}
    flags = ("--fail-on-violation", "true", "--executor-input", json.dumps(given))
    done = check(tmp_path, tmp_path / "place", baseline, *flags)
    assert (done.returncode, done.stderr) == (3, "")
    assert (tmp_path / "executor_output.json").exists()
    assert format_.read(tmp_path / "results").violated
    put(tmp_path / "clean", traffic(2, 200))
    assert check(tmp_path / "b", tmp_path / "clean", baseline, *flags[:2]).returncode == 0


def test_a_hostile_label_changes_nothing_in_the_page_but_its_text(tmp_path: Path, baseline: Path) -> None:
    pages = []
    for name, label in (("good", "Sign"), ("bad", "<script>alert(1)</script>\u202e")):
        given = json.dumps({"predictions": [{"class": 50, "label": label, "score": 0.9}]}).encode()
        put(tmp_path / name / "place", [line(f"<img src=x>{i}", given) for i in range(50)])
        assert check(tmp_path / name, tmp_path / name / "place", baseline).returncode == 0
        pages.append(read_page((tmp_path / name / "report").read_text()))
    good, bad = pages
    assert (bad.skeleton, bad.problems) == (good.skeleton, good.problems)
    assert bad.headings() == [
        *("What the check found", "The rules", "Predicted classes, before and during"),
        *("Distributions that moved", "What the check would have seen"),
    ]
    assert "Class 50 (<script>" in bad.text


WRONG = {
    "nan": (["--share-threshold", "nan"], 2, "--share-threshold: expected a number from 0 to 1, found 'nan'"),
    "a decimal comma": (["--share-threshold", "0,5"], 2, "--share-threshold: expected a number, found '0,5'"),
    "negative": (["--alpha=-1"], 2, "--alpha: expected a number from 0 to 1, found '-1'"),
    "above 1": (["--share-threshold", "2"], 2, "found '2'"),
    "percent": (["--share-threshold", "50%"], 2, "found '50%'"),
    "empty": (["--share-threshold", ""], 2, "found ''"),
    "always": (["--share-threshold", "0"], 1, "share_threshold: expected a number between 0 and 1, found 0.0"),
    "never": (["--share-threshold", "1"], 1, "share_threshold: expected a number between 0 and 1, found 1.0"),
    "never drifts": (["--mix-effect-threshold", "1"], 1, "mix_effect_threshold: expected a number from 0 to below 1"),
    "too small an alpha": (["--alpha", "0.0001"], 1, "draws: expected at least"),
    "backwards": (["--start", HOUR[1], "--end", HOUR[0]], 1, "expected --start before --end"),
    "no time": (["--start", "yesterday"], 1, "--start: expected a time like"),
    "no table": (["--related", "mammals"], 1, "related: expected gtsrb, none, JSON or a file"),
    "a group of one": (["--related", '{"a": [1]}'], 1, "related: expected two or more classes in the group 'a'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_nonsensical_argument_is_an_error_at_the_start(tmp_path: Path, baseline: Path, name: str) -> None:
    arguments, status, said = WRONG[name]
    put(tmp_path / "place", traffic(2, 3))
    done = check(tmp_path, tmp_path / "place", baseline, *arguments)
    assert done.returncode == status
    assert said in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_gateway_that_is_no_address_is_an_error(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", traffic(2, 3))
    done = check(tmp_path, tmp_path / "place", baseline, "--gateway", "gateway:9091")
    assert (done.returncode, "gateway: expected an address" in done.stderr) == (1, True)
    assert not (tmp_path / "results").exists()


def test_a_baseline_of_nothing_is_an_error(tmp_path: Path) -> None:
    put(tmp_path / "place", [line("a", b"what?")])
    done = stage("baseline", "--place", tmp_path / "place", "--baseline", tmp_path / "b", "--metrics", tmp_path / "m")
    assert done.returncode == 1
    assert "expected predictions in the baseline's window, found 1 records without any" in done.stderr
    assert not (tmp_path / "b").exists()


def test_the_flagged_file_has_the_columns_that_others_read(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", traffic(2, 3))
    assert check(tmp_path, tmp_path / "place", baseline).returncode == 0
    schema = pq.read_schema(tmp_path / "results" / "flagged.parquet")
    assert schema.names == ["violation", "event_id", "inference_id", "time", "class", "label", "score"]
