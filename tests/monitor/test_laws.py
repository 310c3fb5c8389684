"""What must not matter: the order of the records, the files they lie in, and how often each comes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.capture.record import Exchange, encode
from components.capture.window import Window as Asked
from components.monitor import evaluate, flagging, schema
from components.monitor.constraints import read, suggest
from components.monitor.related import read as related
from components.monitor.settings import Settings
from components.monitor.window import Window, collect
from components.report import verdicts as format_
from tests.monitor.records import NOON, answer, check, line, make_baseline, png, put, traffic

ANSWERS = st.sampled_from(
    [
        *(answer(i % 43, 0.2 + i / 20) for i in range(12)),
        *(
            b"[[14]]",
            b"[[1], [2]]",
            b"what?",
            b'{"predictions": [{"label": "Stop"}]}',
            b'{"predictions": [{"label": "7"}]}',
        ),
        b'{"predictions": [{"class": 7, "label": "b", "score": 0.5}, {"class": 7, "label": "a", "score": 7.5}]}',
    ]
)
PICTURES = st.sampled_from([png(1), png(2, 12), b"no picture", None])
RECORDS = st.lists(st.tuples(st.integers(0, 12), ANSWERS, PICTURES, st.integers(-5, 20)), max_size=25)
BROKEN = st.lists(st.sampled_from([b"{\n", b"x\n", b"\xff\n"]), max_size=3)


def counted(root: Path, scratch: Path, images: int = 6) -> tuple[str, Window]:
    scratch.mkdir()
    window = collect(Asked(str(root), start=NOON, end=NOON + 15), scratch, related=related("gtsrb"), images=images)
    return json.dumps(schema.to_json(window.statistics)), window


def spread(root: Path, lines: list[bytes], order: random.Random) -> None:
    """Writes the lines in another order into other files, some of them again."""
    shuffled = [*lines, *order.choices(lines, k=order.randrange(6))] if lines else []
    order.shuffle(shuffled)
    files = order.randrange(1, 5)
    for file in range(files):
        put(root, shuffled[file::files], f"part-{file}", NOON + order.randrange(-3000, 3000))


@given(RECORDS, BROKEN, st.randoms(use_true_random=False))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_order_files_and_copies_change_not_a_bit(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[tuple[int, bytes, bytes | None, int]],
    broken: list[bytes],
    order: random.Random,
) -> None:
    root = tmp_path_factory.mktemp("law")
    lines = [
        encode(Exchange(f"event {i}", NOON + at, body, "image/png", text, "application/json", f"{at}"))
        for i, text, body, at in records
    ]
    lines += broken
    put(root / "one", lines)
    spread(root / "other", lines, order)
    (one, first), (other, second) = (counted(root / name, root / f"{name}-scratch") for name in ("one", "other"))
    assert one == other
    assert schema.to_json(schema.from_json(json.loads(one))) == json.loads(one)
    assert rows(first) == rows(second)


def rows(window: Window) -> list[tuple[object, ...]]:
    """Every distinct prediction of a window with its ids."""
    found: list[tuple[object, ...]] = []
    for partition in window.spill.partitions():
        for row, ids in zip(partition.rows, partition.ids(partition.rows), strict=True):
            name = window.names[row["category"]] if row["category"] >= 0 else None
            found.append((*ids, name, int(row["position"]), int(row["time"]), str(row["score"]), int(row["flags"])))
    return found


@given(RECORDS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_counts_are_what_a_dictionary_would_count(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[int, bytes, bytes | None, int]]
) -> None:
    from components.capture.predictions import predictions

    root = tmp_path_factory.mktemp("count")
    unique = {i: (text, body, at) for i, text, body, at in records}
    put(root / "place", [line(f"e{i}", text, body, seconds=NOON + at) for i, (text, body, at) in unique.items()])
    found = counted(root / "place", root / "scratch", images=100)[1].statistics
    inside = [(text, body) for text, body, at in unique.values() if 0 <= at < 15]
    answers = [one for text, _ in inside for one in predictions(text)]
    assert found.records == len(inside)
    assert found.unreadable == sum(not predictions(text) for text, _ in inside)
    assert found.predictions == len(answers) == sum(tally.count for tally in found.classes.values())
    for name, tally in found.classes.items():
        assert tally.count == sum(name in (str(one.class_index), one.label) for one in answers)
    assert found.scored == sum(one.score is not None and one.score <= 1 for one in answers)
    assert found.images == sum(body is not None and body.startswith(b"\x89PNG") for _, body in inside)


def test_a_whole_check_is_the_same_over_shuffled_copies(tmp_path: Path) -> None:
    lines = traffic(3, 120, lambda r: 14 if r.random() < 0.82 else int(r.integers(43)))
    put(tmp_path / "base", traffic(1, 150))
    baseline = make_baseline(tmp_path, tmp_path / "base")
    put(tmp_path / "one", lines)
    spread(tmp_path / "other", lines, random.Random(5))
    for name in ("one", "other"):
        assert check(tmp_path / f"out-{name}", tmp_path / name, baseline).returncode == 0
    one, other = (tmp_path / f"out-{name}" / "results" for name in ("one", "other"))
    for name in ("statistics.json", "constraint_violations.json", "metrics.jsonl"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert list(format_.read_flagged(one)) == list(format_.read_flagged(other))
    mine, theirs = (json.loads((folder / "verdicts.json").read_text()) for folder in (one, other))
    assert mine.pop("reading") != theirs.pop("reading")
    assert json.dumps(mine) == json.dumps(theirs)


def test_the_sample_of_images_is_a_fair_draw_and_no_larger_than_wanted(tmp_path: Path) -> None:
    dark, bright = png(1, brightness=0.2), png(2, brightness=0.8)
    put(tmp_path / "place", [line(f"{i}", b"[[1]]", dark if i % 4 else bright, seconds=NOON) for i in range(800)])
    found = counted(tmp_path / "place", tmp_path / "scratch", images=200)[1].statistics
    assert (found.sampled, found.images) == (200, 200)
    assert 0.25 * 200 * 0.6 < found.histograms["Brightness"].counts[64:].sum() < 0.25 * 200 * 1.4


def test_memory_of_a_check_does_not_grow_with_the_records(tmp_path: Path) -> None:
    from tests.monitor.many_records import baseline_and_check, write

    peaks = []
    for count in (5_000, 60_000):
        write(tmp_path / f"{count}" / "place", count, 0.8)
        peaks.append(
            [one.megabytes for one in baseline_and_check(tmp_path / f"{count}", tmp_path / f"{count}" / "place")]
        )
    growth = np.subtract(peaks[1], peaks[0])
    # What may grow: 256 buffers of up to 64 KiB, rows and ids, and a file's chunk of a megabyte or two.
    assert (growth < 40).all(), peaks
    assert max(peaks[1]) < 300, peaks


def test_the_rules_and_the_flags_agree(tmp_path: Path) -> None:
    put(tmp_path / "place", [line(f"e{i}", answer(i % 2 and 14, 0.3), seconds=NOON) for i in range(60)])
    _, window = counted(tmp_path / "place", tmp_path / "scratch")
    base = window.statistics
    found = evaluate.evaluate(
        base, base, read(suggest(base)), Settings(share_threshold=0.4, low_confidence_threshold=0.1)
    )
    counts = flagging.write(tmp_path / "flagged.parquet", window, found.rules, 10)
    assert counts == {"over_predicted_class": 60, "low_confidence": 60}
