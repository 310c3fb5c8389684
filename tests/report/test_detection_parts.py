"""Curves, their chart, boxes on pictures: what the page computes again is what the detector's evaluation computed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from detection_artifacts import LABELS, curves
from hostile_texts import HOSTILE
from hypothesis import example, given, settings
from hypothesis import strategies as st
from page_reading import read_page

from components.data.scenes.dataset import Objects
from components.fine_tune.detector import evaluation, matching
from components.images import decode
from components.report.boxed import boxed
from components.report.detection.curves import ClassCurve, Curves, read
from components.report.inside import read_inside
from components.report.page import Page, Section
from components.report.recall import PrecisionRecall
from components.report.sections import precision

seeds = st.integers(0, 2**32 - 1)


def judged(seed: int, pictures: int) -> tuple[list[Objects], list[matching.Detections], evaluation.Evaluation]:
    """A detector that finds some things at random."""
    rng, truths, found = np.random.default_rng(seed), [], []
    for _ in range(pictures):
        n, m = rng.integers(0, 4, 2)
        corner = rng.uniform(0, 20, (n, 2))
        boxes = np.hstack([corner, corner + rng.uniform(5, 15, (n, 2))]).astype(np.float32)
        none = np.zeros(n, bool)
        truths.append(Objects(rng.integers(0, 3, n).astype(np.int32), boxes, rng.random(n) < 0.1, none))
        near = boxes[rng.integers(0, n, m)] if n else rng.uniform(0, 10, (m, 4)) + np.array([0, 0, 12, 12])
        moved = (near + rng.uniform(-2, 2, (m, 4))).astype(np.float32)
        kinds = rng.integers(0, 3, m).astype(np.int32)
        found.append(matching.Detections(kinds, rng.random(m).astype(np.float32), moved))
    return truths, found, evaluation.evaluate(truths, found, 3, 0, 20)


def as_read(folder: Path, result: evaluation.Evaluation) -> Curves:
    path = folder / "curves.json"
    path.write_text(json.dumps(curves(LABELS, result)))
    return read(path)


@settings(max_examples=40)
@given(seed=seeds, pictures=st.integers(1, 12), threshold=st.floats(0, 1))
@example(seed=0, pictures=1, threshold=0.5)
def test_what_was_judged_is_read_and_computed_again(
    tmp_path_factory: pytest.TempPathFactory, seed: int, pictures: int, threshold: float
) -> None:
    threshold = round(threshold, 3) + 0.0005  # no score of six digits is between it and its rounding
    truths, found, result = judged(seed, pictures)
    shown = as_read(tmp_path_factory.mktemp("curves"), result)
    assert shown.pictures == pictures
    for class_id, (one, there) in enumerate(zip(result.classes, shown.classes, strict=True)):
        assert there.objects == one.objects
        assert (there.ap50 is None) == math.isnan(one.area.value)
        if there.ap50 is None:
            continue
        assert there.ap50.value == pytest.approx(one.area.value, abs=1e-6)
        assert there.area == pytest.approx(one.area.value, abs=1e-4)
        hits = matching.voc(truths, found, class_id)
        wanted = int(((hits.outcomes[0] == matching.HIT) & (hits.scores >= threshold)).sum())
        assert there.found(threshold) == wanted


def test_a_curve_without_detections_has_no_area_and_finds_nothing() -> None:
    one = ClassCurve(0, "Stop", 7, None, None, (), (), ())
    assert (one.area, one.found(0.0), one.at(0.0)) == (0.0, 0, None)


shares = st.floats(0, 1)


@given(points=st.lists(st.tuples(shares, shares), max_size=40), data=st.data())
def test_a_curve_stays_inside_its_chart(points: list[tuple[float, float]], data: st.DataObject) -> None:
    recall, precision = sorted(r for r, _ in points), [p for _, p in points]
    mark = data.draw(st.none() | st.integers(0, len(points) - 1)) if points else None
    chart = PrecisionRecall("Stop", recall, precision, "note", mark, "marked")
    found = read_page(Page("p", [Section("s", [chart])]).render())
    assert found.problems == []
    document = chart.render()
    path = document.split('class="band"')[0].split(' d="M')[-1].split('"')[0].rstrip("Z") if points else ""
    places = [tuple(map(float, point.split())) for point in path.split("L") if point]
    assert len(places) == (len(points) + 3 if points else 0)
    assert all(46 <= x <= 272 and 10 <= y <= 200 for x, y in places)
    assert document.count('class="marked"') == (mark is not None)


@pytest.mark.parametrize(
    "chart",
    [
        PrecisionRecall("t", [0.5], [], "n"),
        PrecisionRecall("t", [0.5], [1.5], "n"),
        PrecisionRecall("t", [math.nan], [0.5], "n"),
        PrecisionRecall("t", [0.5] * 10_001, [0.5] * 10_001, "n"),
    ],
)
def test_a_chart_of_what_is_no_curve_is_refused(chart: PrecisionRecall) -> None:
    with pytest.raises(ValueError, match="expected as many recalls as precisions, at most 10000 shares"):
        chart.render()


@pytest.mark.parametrize("mark", [-1, 2])
def test_a_point_that_there_is_not_is_not_marked(mark: int) -> None:
    with pytest.raises(ValueError, match="expected the place of one of 2 points to mark"):
        PrecisionRecall("t", [0.5, 1], [1, 0.5], "n", mark).render()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_chart_adds_an_element(text: str) -> None:
    pages = [
        Page("p", [Section("s", [PrecisionRecall(t, [0.5], [0.5], t, 0, t)])]).render() for t in (text, "harmless")
    ]
    found, harmless = map(read_page, pages)
    assert found.problems == harmless.problems == []
    assert found.skeleton == harmless.skeleton


def test_many_classes_have_a_row_each_and_the_first_a_chart() -> None:
    one = ClassCurve(0, "c", 1, None, None, (1.0,), (1.0,), (0.9,))
    whole = Curves((), 5, 0.5, 10, None, None, None, (one,) * 30, "")
    found = read_page(Page("p", [precision.section(whole, 0.5)]).render())
    assert sum(tag[0] == "svg" for tag in found.skeleton) == 1 + precision.CHARTS
    assert sum(tag[0] == "tr" for tag in found.skeleton) == 1 + 30
    assert "The first 12 of 30 classes." in found.texts


@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    edges=st.tuples(*[st.floats(0, 1)] * 4),
    class_id=st.integers(0, 10**6),
)
def test_boxes_are_drawn_on_pictures_of_any_size(
    size: tuple[int, int], edges: tuple[float, ...], class_id: int
) -> None:
    (x1, x2), (y1, y2) = sorted(edges[:2]), sorted(edges[2:])
    box = np.array([[x1, y1, x2, y2]]) * 0.9 * [*size[::-1], *size[::-1]]
    drawn = boxed(np.zeros((*size, 3), np.uint8), [class_id], box, 64)
    pixels = decode(drawn)
    assert max(pixels.shape) == 64
    assert pixels.max() > 60 or min(pixels.shape[:2]) < 8  # something coloured is seen, but in a sliver


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(b"12345")
    assert read_inside(tmp_path, "inner/file", 100) == b"12345"
    assert read_inside(tmp_path, "inner/file", 3) == b"1234"  # one more than allowed, so that it is seen
