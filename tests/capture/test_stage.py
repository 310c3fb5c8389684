"""The stage as a program: a window of traffic in, a dataset out."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.capture.predictions import Prediction, predictions
from components.capture.record import Exchange, encode
from tests.capture.test_reader import NOON, put
from tests.capture.traffic import exchange, jpeg, writing

ROOT = Path(__file__).resolve().parents[2]


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the stage with KFP's executor input; its outputs lie under ``root/out``."""
    artifacts = {
        name: {"artifacts": [{"name": name, "uri": f"minio://bucket/{name}", "metadata": {}}]}
        for name in ("records", "metrics")
    }
    values = {f"window_{name}": {"outputFile": str(root / "out" / name)} for name in ("start", "end")}
    given = {
        "outputs": {"artifacts": artifacts, "parameters": values, "outputFile": str(root / "out/executor_output.json")}
    }
    command = [
        *(sys.executable, "-m", "components.capture", "--executor-input", json.dumps(given)),
        *("--records", str(root / "out" / "records"), "--metrics", str(root / "out" / "metrics")),
        *("--window-start", str(root / "out" / "start"), "--window-end", str(root / "out" / "end")),
        *("--place", str(root / "place"), *arguments),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


def answered(event_id: str, response: bytes, request: bytes = b"", seconds: float = NOON) -> bytes:
    exchange = Exchange(event_id, seconds, request, "image/jpeg", response, "application/json", "inference-7")
    return encode(exchange._replace(model=None if event_id == "c" else f"sha256:{event_id}"))


def test_a_window_becomes_an_index_images_and_metrics(tmp_path: Path) -> None:
    picture = jpeg()
    two = b'{"predictions": [{"class": 14, "label": "Stop", "score": 0.5, "top": []}, {"class": 1}]}'
    lines = [
        answered("<script>/../../x", two, picture),
        answered("b", b"[[25]]", b"\xff\xd8\xff no picture"),
        answered("b", b"[[25]]", picture),
        answered("c", b"not json", b"npy"),
        b"broken\n",
        answered("later", b"[[1]]", picture, NOON + 60),
    ]
    put(tmp_path / "place", NOON, b"".join(lines))
    done = run(tmp_path, "--start", "2022-02-14T12:00:00Z", "--end", "2022-02-14T12:01:00Z", "--images", "10")
    assert (done.returncode, done.stdout) == (0, "")
    table = pq.read_table(tmp_path / "out" / "records" / "index.parquet").to_pylist()
    columns = ("event_id", "position", "class", "label", "score", "duplicate")
    assert [tuple(row[name] for name in columns) for row in table] == [
        ("<script>/../../x", 0, 14, "Stop", 0.5, False),
        ("<script>/../../x", 1, 1, None, None, False),
        ("b", 0, 25, None, None, False),
        ("b", 0, 25, None, None, True),
        ("c", 0, None, None, None, False),
    ]
    assert {row["time"].timestamp() for row in table} == {NOON}
    assert [row["model"] for row in table[1:]] == ["sha256:<script>/../../x", "sha256:b", "sha256:b", None]
    assert (table[0]["request_bytes"], table[0]["response_bytes"]) == (len(picture), len(two))
    (image,) = (tmp_path / "out" / "records" / "images").iterdir()
    assert image.read_bytes() == picture
    assert [row["image"] for row in table] == [image.name, image.name, None, None, None]
    metrics = json.loads((tmp_path / "out" / "metrics").read_text())
    assert metrics == {
        **{"records": 4, "outside_window": 1, "files": 1, "bytes": metrics["bytes"], "broken": 1, "broken_not_json": 1},
        **{"predictions": 4, "unread": 1, "duplicates": 1, "images": 1, "undecodable": 1},
    }
    listed = json.loads((tmp_path / "out" / "executor_output.json").read_text())["artifacts"]
    assert listed["metrics"]["artifacts"][0]["metadata"] == metrics
    assert listed["records"]["artifacts"][0]["metadata"] == {"records": 4, "images": 1}


def test_an_empty_window_is_an_empty_dataset(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(tmp_path / "out" / "records" / "index.parquet").num_rows == 0
    assert json.loads((tmp_path / "out" / "metrics").read_text())["records"] == 0


def test_the_number_of_images_is_bounded(tmp_path: Path) -> None:
    put(tmp_path / "place", NOON, b"".join(answered(str(n), b"[[1]]", jpeg(n)) for n in range(5)))
    assert run(tmp_path, "--images", "3").returncode == 0
    kept = sorted(path.name for path in (tmp_path / "out" / "records" / "images").iterdir())
    rows = pq.read_table(tmp_path / "out" / "records" / "index.parquet").to_pylist()
    assert sorted(row["image"] for row in rows[:3]) == kept
    assert [row["image"] for row in rows[3:]] == [None, None]


def bounds(root: Path) -> tuple[str, str]:
    return (root / "out" / "start").read_text(), (root / "out" / "end").read_text()


def test_it_tells_the_window_that_it_read(tmp_path: Path) -> None:
    put(tmp_path / "place", NOON, answered("a", b"[[1]]"))
    assert run(tmp_path).returncode == 0
    assert bounds(tmp_path) == ("", "")
    assert run(tmp_path, "--end", "2022-02-14T13:30:00+01:00", "--hours", "1.5").returncode == 0
    assert bounds(tmp_path) == ("2022-02-14T11:00:00Z", "2022-02-14T12:30:00Z")
    assert run(tmp_path, "--start", "2022-02-14T12:00:00.25Z", "--hours", "1").returncode == 0
    assert bounds(tmp_path) == ("2022-02-14T12:00:00.250000Z", "")


def test_hours_alone_are_those_to_the_last_whole_one(tmp_path: Path) -> None:
    hour = time.time() // 3600 * 3600
    put(tmp_path / "place", hour - 2000, answered("a", b"[[1]]", seconds=hour - 2000))
    put(tmp_path / "place", hour - 4000, answered("b", b"[[1]]", seconds=hour - 4000), name="early")
    put(tmp_path / "place", hour, answered("c", b"[[1]]", seconds=hour), name="late")
    assert run(tmp_path, "--hours", "1").returncode == 0
    assert pq.read_table(tmp_path / "out" / "records" / "index.parquet")["event_id"].to_pylist() == ["a"]
    start, end = (datetime.fromisoformat(one).timestamp() for one in bounds(tmp_path))
    assert (end - start, end % 3600) == (3600, 0)


def test_it_waits_for_the_writer(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool", rotate_seconds=1.0) as writer:

        def offer() -> None:
            time.sleep(1)
            for number in range(20):
                writer.offer(exchange(number, body=jpeg()))

        threading.Thread(target=offer).start()
        done = run(tmp_path, "--wait-for", "20", "--wait-seconds", "30", "--endpoint", "signs")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "metrics").read_text())["records"] == 20


WRONG = {
    "too few": (["--wait-for", "2", "--wait-seconds", "0.1"], "expected 2 records within 0.1 s, found 1"),
    "no time": (["--start", "yesterday"], "--start: expected a time like"),
    "end before start": (
        ["--start", "2022-02-14T12:00:00Z", "--end", "2022-02-14T12:00:00Z"],
        "expected --start before --end, found 2022-02-14T12:00:00Z and",
    ),
    "no place": (["--place", "http://169.254.169.254"], "expected file:///path, s3://bucket/key or a path"),
    "no endpoint": (["--endpoint", "../../etc"], "expected a name"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_failure_is_one_line_and_leaves_no_output(tmp_path: Path, name: str) -> None:
    put(tmp_path / "place", NOON, answered("a", b"[[1]]"))
    arguments, message = WRONG[name]
    done = run(tmp_path, *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"[[14], [25.0], ['1']]".replace(b"'", b'"'), [14, 25, 1]),
        (b"[14, 25]", [14, 25]),
        (b"[[true]]", []),
        (b"[[null]]", []),
        (b"[[0.5]]", []),
        (b"[[1, 2]]", []),
        (b"[]", []),
        (b"{}", []),
        (b'{"predictions": 3}', []),
        (b'{"predictions": [3]}', []),
        (b'{"predictions": [{}]}', []),
        (b'{"predictions": [{"class": "14"}]}', [14]),
        (b'{"predictions": [{"class": 1e999}]}', []),
        (b"NaN", []),
        (b"\xff", []),
        (None, []),
    ],
)
def test_classes_are_read_in_every_spelling_and_nothing_else(answer: bytes | None, expected: list[int]) -> None:
    assert [one.class_index for one in predictions(answer)] == expected


def test_a_label_alone_is_a_prediction() -> None:
    assert predictions(b'{"predictions": [{"label": "Stop", "score": true}]}') == [Prediction(None, "Stop", None)]
