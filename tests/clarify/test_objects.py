"""The value of a box in a masked picture, and rows of answers that cannot be detections (hostile inputs 61 and 62)."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.boxes import overlap
from components.clarify.objects import Detections, detections, usable, values

BOX = (0.2, 0.2, 0.6, 0.6)
PAD = (-1, -1, -1, -1, -1, -1)


def row(class_index=0, score=0.9, box=BOX):
    return (class_index, score, *box)


def picture(*rows):
    return np.array([rows], np.float32)


def wanted(*rows):
    return detections(np.array(rows, np.float32))


def value(*rows, threshold=0.5):
    return float(values(picture(*rows), wanted(row()), threshold)[0, 0])


def iou(a, b):
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (a, b)]
    return wide * high / (sum(areas) - wide * high)


class TestWhatMaskingDoesToAnObject:
    def test_it_is_still_there(self):
        assert value(row(score=0.7)) == pytest.approx(0.7)

    def test_it_vanishes(self):
        assert value(PAD) == 0

    def test_it_moves_away(self):
        assert value(row(box=(0.6, 0.6, 1.0, 1.0))) == 0

    def test_it_moves_a_little(self):
        assert value(row(score=0.6, box=(0.25, 0.2, 0.65, 0.6))) == pytest.approx(0.6)

    def test_it_splits_in_two_and_neither_half_overlaps_enough(self):
        halves = (row(score=0.8, box=(0.2, 0.2, 0.39, 0.6)), row(score=0.7, box=(0.41, 0.2, 0.6, 0.6)))
        assert value(*halves) == 0
        assert value(*halves, threshold=0.4) == pytest.approx(0.8)

    def test_it_changes_its_class(self):
        assert value(row(class_index=1, score=0.95)) == 0

    def test_it_is_found_twice_and_the_better_one_counts(self):
        assert value(row(score=0.3), row(score=0.8, box=(0.22, 0.2, 0.6, 0.6)), row(1, 0.99)) == pytest.approx(0.8)


class TestOverlapAtTheThreshold:
    @pytest.mark.parametrize("box", [(0.0, 0.0, 0.5, 1.0), (0.25, 0.0, 0.75, 1.0)])
    def test_exactly_the_threshold_counts(self, box):
        found = values(picture(row(0, 0.9, box)), wanted(row(0, 0.9, (0.0, 0.0, 1.0, 1.0))), 0.5)
        assert found[0, 0] == pytest.approx(0.9)

    def test_exactly_the_threshold_counts_in_numbers_that_float32_has_not(self):
        found = values(picture(row(0, 0.9, (0.1, 0.1, 0.2, 0.7))), wanted(row(0, 0.9, (0.1, 0.1, 0.3, 0.7))), 0.5)
        assert found[0, 0] == pytest.approx(0.9)

    def test_less_than_the_threshold_does_not(self):
        found = values(picture(row(0, 0.9, (0.0, 0.0, 0.4999, 1.0))), wanted(row(0, 0.9, (0.0, 0.0, 1.0, 1.0))), 0.5)
        assert found[0, 0] == 0


SIDES = st.floats(0, 1, width=32)
ROWS = st.tuples(st.integers(-1, 3), st.floats(0, 1, width=32), SIDES, SIDES, SIDES, SIDES)


@settings(max_examples=150)
@given(
    st.lists(st.lists(ROWS, min_size=4, max_size=4), min_size=1, max_size=3),
    st.lists(ROWS, min_size=1, max_size=4),
    st.sampled_from([0.0, 0.3, 0.5, 0.9]),
)
def test_values_are_what_a_loop_over_rows_and_boxes_finds(pictures, rows, threshold):
    boxes = wanted(*rows)
    answers = np.array(pictures, np.float32)
    found = values(answers, boxes, threshold)
    assert found.shape == (len(pictures), len(boxes))
    for i, there in enumerate(answers):
        kept = detections(there)
        for k in range(len(boxes)):
            scores = [
                kept.scores[j]
                for j in range(len(kept))
                if kept.classes[j] == boxes.classes[k] and iou(kept.boxes[j], boxes.boxes[k]) >= threshold - 1e-6
            ]
            assert found[i, k] == pytest.approx(max(scores, default=0.0), abs=1e-7)


class TestRowsThatAreNoDetections:
    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            (row(box=(0.6, 0.2, 0.2, 0.6)), "no_area"),
            (row(box=(0.2, 0.2, 0.2, 0.6)), "no_area"),
            (row(box=(0.2, 0.2, 1.4, 0.6)), "outside"),
            (row(box=(-0.4, 0.2, 0.4, 0.6)), "outside"),
            (row(box=(12.0, 30.0, 90.0, 110.0)), "in_pixels"),
            (row(score=1.5), "score_outside_0_1"),
            (row(score=-0.1), "score_outside_0_1"),
            (row(score=float("nan")), "not_finite"),
            (row(box=(0.2, float("nan"), 0.4, 0.6)), "not_finite"),
            (row(box=(0.2, 0.2, float("inf"), 0.6)), "not_finite"),
            (row(class_index=0.5), "no_class"),
            (row(class_index=-2), "no_class"),
            (row(class_index=float("inf")), "not_finite"),
        ],
    )
    def test_are_left_out_and_counted_by_what_is_wrong(self, bad, reason):
        dropped: Counter[str] = Counter()
        found = detections(np.array([bad, row(score=0.4)], np.float32), dropped)
        assert found.scores.tolist() == pytest.approx([0.4])
        assert dropped == {reason: 1}
        again: Counter[str] = Counter()
        assert values(picture(bad), wanted(row()), 0.0, again)[0, 0] == 0
        assert again == {reason: 1}

    def test_padding_is_left_out_and_not_counted(self):
        dropped: Counter[str] = Counter()
        assert len(detections(np.array([PAD, PAD], np.float32), dropped)) == 0
        assert not dropped

    def test_a_box_that_reaches_over_the_edge_by_rounding_is_cut_to_it(self):
        found = detections(np.array([row(box=(-0.0004, 0.2, 0.4, 1.0004))], np.float32))
        assert found.boxes[0] == pytest.approx([0, 0.2, 0.4, 1], abs=1e-6)

    def test_no_detection_and_no_row_at_all(self):
        assert len(detections(np.zeros((0, 6), np.float32))) == 0
        assert values(np.zeros((3, 0, 6), np.float32), wanted(row()), 0.5).tolist() == [[0], [0], [0]]
        assert values(picture(row()), wanted(row()).only(np.zeros(1, bool)), 0.5).shape == (1, 0)

    def test_ten_thousand_detections(self):
        many = np.array([row(i % 3, 1 - i / 20_000) for i in range(10_000)], np.float32)
        found = detections(many)
        assert len(found) == 10_000
        assert len(found.best(0.9, 5)) == 5
        assert values(many[None], found.best(0.9, 5), 0.5).tolist()[0] == pytest.approx(
            [1, 0.99995, 0.9999, 1, 0.99995], abs=1e-4
        )

    def test_a_batch_of_different_counts(self):
        rows = np.array([[row(score=0.5), row(1)], [row(score=0.6), PAD], [PAD, PAD]], np.float32)
        assert values(rows, wanted(row()), 0.5)[:, 0].tolist() == pytest.approx([0.5, 0.6, 0])
        assert usable(rows).sum(axis=1).tolist() == [2, 1, 0]


def test_the_best_come_first_and_of_equals_the_first():
    found = detections(np.array([row(2, 0.5), row(1, 0.9), row(0, 0.9), row(3, 0.1)], np.float32))
    assert found.classes.tolist() == [1, 0, 2, 3]
    assert found.best(0.5, 2).classes.tolist() == [1, 0]
    assert found.best(0.5, 9).classes.tolist() == [1, 0, 2]
    assert isinstance(found.only(0), Detections)


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_overlap_is_symmetric_in_0_to_1_and_1_of_a_box_with_itself(sides):
    a = np.sort(np.array(sides[:4]).reshape(2, 2), axis=0).reshape(-1)
    b = np.sort(np.array(sides[4:]).reshape(2, 2), axis=0).reshape(-1)
    assert 0 <= overlap(a, b) <= 1 + 1e-12
    assert overlap(a, b) == overlap(b, a)
    if (a[2:] - a[:2]).prod() > 1e-100:
        assert overlap(a, a) == pytest.approx(1)
