"""Average precision against GluonCV's own metrics, and by its laws."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.data.scenes.dataset import Objects
from components.fine_tune.detector import matching, precision
from components.fine_tune.detector.evaluation import COCO_IOUS, evaluate, quick
from components.fine_tune.detector.matching import Detections

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("mxnet", reason="expected the detector's environment, found another image's")
    from gluoncv.utils.metrics.voc_detection import VOC07MApMetric, VOCMApMetric

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CLASSES = ("stop", "yield", "priority")


class Judged(NamedTuple):
    """Pictures, and what was found in them."""

    truths: list[Objects]
    found: list[Detections]


def objects(
    ids: list[int], boxes: list[list[float]], difficult: list[bool], crowd: list[bool] | None = None
) -> Objects:
    return Objects(
        np.array(ids, np.int32),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(difficult, bool),
        np.array(crowd or [False] * len(ids), bool),
    )


def detections(ids: list[int], scores: list[float], boxes: list[list[float]]) -> Detections:
    return Detections(np.array(ids, np.int32), np.array(scores, np.float32), np.array(boxes, np.float32).reshape(-1, 4))


@st.composite
def boxes(draw: st.DrawFn) -> list[float]:
    """Boxes of a coarse grid, so that many overlap and many are equal."""
    x, y = draw(st.integers(0, 6)) * 4, draw(st.integers(0, 6)) * 4
    return [x, y, x + draw(st.integers(2, 6)) * 4, y + draw(st.integers(2, 6)) * 4]


@st.composite
def judged(draw: st.DrawFn, crowds: bool = False) -> Judged:
    truths, answers = [], []
    classes = st.integers(0, len(CLASSES) - 1)
    for _ in range(draw(st.integers(1, 5))):
        n = draw(st.integers(0, 4))
        there = [draw(boxes()) for _ in range(n)]
        truths.append(
            objects(
                [draw(classes) for _ in range(n)],
                there,
                [draw(st.booleans()) and draw(st.booleans()) for _ in range(n)],
                [crowds and draw(st.booleans()) and draw(st.booleans()) for _ in range(n)],
            )
        )
        m = draw(st.integers(0, 6))
        answers.append(
            (
                [draw(classes) for _ in range(m)],
                [draw(boxes() | st.sampled_from(there or [[0, 0, 8, 8]])) for _ in range(m)],
            )
        )
    total = sum(len(ids) for ids, _ in answers)
    # Scores without ties: between equal ones every implementation may choose, and each chooses otherwise.
    order = iter(draw(st.permutations(range(total))))
    found = [detections(ids, [(next(order) + 1) / 256 for _ in ids], there) for ids, there in answers]
    return Judged(truths, found)


def gluon(metric: type[VOCMApMetric], case: Judged) -> list[float]:
    """GluonCV's average precisions; it counts the last pixel as part of the box, which ours excludes."""
    judge = metric(iou_thresh=0.5, class_names=list(CLASSES))
    less = np.array([0, 0, 1, 1])
    for truth, answer in zip(*case, strict=True):
        judge.update(
            [answer.boxes[None] - less],
            [answer.class_ids[None].astype(float)],
            [answer.scores[None].astype(float)],
            [truth.boxes[None] - less],
            [truth.class_ids[None].astype(float)],
            [truth.difficult[None]],
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it takes the mean of no classes
        return list(judge.get()[1][:-1])


@given(judged())
@settings(max_examples=200)
def test_vocs_figures_are_those_of_gluoncv(case: Judged) -> None:
    if not any(len(o) for o in case.truths):
        return  # GluonCV cannot judge nothing
    weights = precision.draws(len(case.truths), 0, 0)
    rules = ((precision.AREA, VOCMApMetric), (precision.VOC07, VOC07MApMetric))
    for rule, metric in rules:
        expected = gluon(metric, case)
        for class_id in range(len(CLASSES)):
            found = precision.averages(matching.voc(*case, class_id), rule, weights)[0]
            np.testing.assert_allclose(found, expected[class_id], atol=1e-12, equal_nan=True)


@given(judged(crowds=True), st.integers(0, 2**31))
@settings(max_examples=60)
def test_a_picture_drawn_twice_counts_as_two_equal_ones(case: Judged, seed: int) -> None:
    count = np.random.default_rng(seed).integers(0, 3, len(case.truths))
    again = [i for i, n in enumerate(count) for _ in range(n)]
    for rule in (precision.AREA, precision.VOC07, precision.COCO):
        for class_id in range(len(CLASSES)):
            whole = matching.coco(*case, class_id, COCO_IOUS)
            part = matching.coco([case.truths[i] for i in again], [case.found[i] for i in again], class_id, COCO_IOUS)
            drawn = precision.averages(whole, rule, count[None].astype(np.int64))
            expected = precision.averages(part, rule, np.ones((1, len(again)), np.int64))
            np.testing.assert_allclose(drawn, expected, atol=1e-12, equal_nan=True)


@given(st.integers(1, 5), st.integers(1, 4))
@settings(max_examples=20)
def test_the_truth_itself_is_found_without_a_mistake(pictures: int, count: int) -> None:
    there = [[9.0 * i, 0, 9 * i + 8, 8] for i in range(count)]
    truths = [objects([i % 3 for i in range(count)], there, [False] * count)] * pictures
    found = [detections(o.class_ids.tolist(), [0.5] * count, there) for o in truths]
    result = evaluate(truths, found, 3, seed=0, resamples=20)
    for estimate in (result.area, result.voc07, result.coco):
        assert estimate == pytest.approx((1, 1, 1))


@given(judged(crowds=True), st.integers(0, 100))
@settings(max_examples=60)
def test_a_detection_of_nothing_never_helps_and_one_below_all_others_never_hurts(case: Judged, at: int) -> None:
    wrong = detections([0], [1.0], [[100, 100, 108, 108]])
    last = detections([0], [0.0], [[100, 100, 108, 108]])
    at %= len(case.found)

    def area(more: Detections | None) -> float:
        found = list(case.found)
        if more is not None:
            pairs = zip(*(vars(d).values() for d in (found[at], more)), strict=True)
            found[at] = Detections(*(np.concatenate(pair) for pair in pairs))
        weights = precision.draws(len(found), 0, 0)
        return float(precision.averages(matching.voc(case.truths, found, 0), precision.AREA, weights)[0])

    if not np.isnan(area(None)):
        assert area(wrong) <= area(None) + 1e-12
        assert area(last) == pytest.approx(area(None))


def test_difficult_objects_are_neither_to_be_found_nor_to_be_missed() -> None:
    truth = [objects([0, 0], [[0, 0, 10, 10], [20, 0, 30, 10]], [False, True])]
    both = [detections([0, 0], [0.9, 0.8], [[20, 0, 30, 10], [0, 0, 10, 10]])]
    one = [detections([0], [0.8], [[0, 0, 10, 10]])]
    assert quick(truth, both, 1) == quick(truth, one, 1) == 1.0


def test_a_crowd_takes_any_number_of_detections_in_cocos_rule() -> None:
    truth = [objects([0, 0], [[0, 0, 10, 10], [20, 0, 60, 40]], [False, False], [False, True])]
    inside = [[20 + 9.0 * i, 4, 28 + 9 * i, 12] for i in range(3)]
    found = [detections([0] * 4, [0.9, 0.8, 0.7, 0.6], [*inside, [0, 0, 10, 10]])]
    matches = matching.coco(truth, found, 0, COCO_IOUS)
    assert matches.outcomes[0].tolist() == [matching.IGNORED] * 3 + [matching.HIT]
    assert matches.positives.tolist() == [1]


def test_the_interval_is_the_same_for_a_seed_and_holds_the_figure() -> None:
    rng = np.random.default_rng(0)
    truths = [objects([0], [[0, 0, 10, 10]], [False]) for _ in range(60)]
    places = [[0.0, 0, 10, 10] if hit else [30, 30, 40, 40] for hit in rng.random(60) < 0.8]
    found = [detections([0], [float(s)], [place]) for s, place in zip(rng.random(60), places, strict=True)]
    first, again, other = (evaluate(truths, found, 1, seed=s, resamples=400) for s in (3, 3, 4))
    assert first.area == again.area != other.area
    assert first.area.low < first.area.value < first.area.high
    # Some 0.8 ± 2 · sqrt(0.8 · 0.2 / 60) of the objects are found, and the area is near that share's square.
    assert 0.1 < first.area.high - first.area.low < 0.4


def test_a_class_without_objects_has_no_figure_and_spoils_no_mean() -> None:
    truth, found = [objects([0], [[0, 0, 10, 10]], [False])], [detections([0, 1], [0.9, 0.8], [[0, 0, 10, 10]] * 2)]
    result = evaluate(truth, found, 2, seed=0, resamples=10)
    assert np.isnan(result.classes[1].area.value)
    assert result.area.value == result.coco.value == 1.0
