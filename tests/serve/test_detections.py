"""A detector's raw outputs, however they lie, become rows that nobody needs to look at again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components.errors import WeightsError
from components.serve.protocols import media, sagemaker
from components.serve.runtimes.detections import Detected, rows

SIDES = (100, 200)  # height, width
LABELS = ("dog", "elephant", "zebra")
BOX = (20.0, 10.0, 120.0, 60.0)
ROW = [1, 0.5, 0.1, 0.1, 0.6, 0.6]


def outputs(*images: list[tuple[float, float, tuple[float, ...]]], most: int = 4) -> Any:
    """Pads lists of (class, score, box) as GluonCV does."""
    padded = [[*image, *[(-1.0, -1.0, (-1.0,) * 4)] * (most - len(image))] for image in images]
    return (
        np.array([kind for image in padded for kind, _, _ in image], np.float32).reshape(len(images), most, 1),
        np.array([score for image in padded for _, score, _ in image], np.float32).reshape(len(images), most, 1),
        np.array([box for image in padded for _, _, box in image], np.float32).reshape(len(images), most, 4),
    )


def bare(*images: list[tuple[float, float, tuple[float, ...]]], most: int = 4) -> Any:
    return Detected(LABELS, most).bare(rows(*outputs(*images, most=most), len(LABELS), SIDES))


def test_a_box_is_told_in_shares_of_the_images_sides() -> None:
    found = rows(*outputs([(1, 0.5, BOX)]), 3, SIDES)
    assert (found.shape, found.dtype) == ((1, 4, 6), np.float32)
    np.testing.assert_allclose(found[0, 0], ROW, rtol=1e-6)
    assert (found[0, 1:] == -1).all()


NONE: dict[str, tuple[float, float, tuple[float, ...]]] = {
    "padding": (-1, -1, (-1, -1, -1, -1)),
    "padding with a box": (-1, 0.9, BOX),
    "a class that has no label": (3, 0.9, BOX),
    "half a class": (1.5, 0.9, BOX),
    "a class that is NaN": (np.nan, 0.9, BOX),
    "an infinite class": (np.inf, 0.9, BOX),
    "a score that is NaN": (1, np.nan, BOX),
    "a score over 1": (1, 1.01, BOX),
    "a score that is a logit": (1, 7.5, BOX),
    "a negative score": (1, -0.1, BOX),
    "a corner that is NaN": (1, 0.9, (20, np.nan, 120, 60)),
    "an infinite corner": (1, 0.9, (20, 10, np.inf, 60)),
    "x2 before x1": (1, 0.9, (120, 10, 20, 60)),
    "y2 before y1": (1, 0.9, (20, 60, 120, 10)),
    "no width": (1, 0.9, (20, 10, 20, 60)),
    "no height": (1, 0.9, (20, 60, 120, 60)),
    "left of the image": (1, 0.9, (-50, 10, -20, 60)),
    "below the image": (1, 0.9, (20, 100, 120, 160)),
    "right of the image": (1, 0.9, (200.5, 10, 300, 60)),
}


@pytest.mark.parametrize("case", NONE)
def test_a_row_that_is_no_detection_is_dropped_and_its_neighbours_stay(case: str) -> None:
    assert bare([NONE[case]]) == [[]]
    found = bare([NONE[case], (1, 0.5, BOX)])
    assert found == [[[1, pytest.approx(0.5), *(pytest.approx(v) for v in ROW[2:])]]]


def test_a_box_over_the_edge_is_cut_to_the_image() -> None:
    assert bare([(0, 0.5, (-20, -1e30, 1e30, 101))]) == [[[0, 0.5, 0.0, 0.0, 1.0, 1.0]]]


def test_a_box_in_shares_instead_of_pixels_is_a_small_one_and_no_error() -> None:
    ((row,),) = bare([(0, 0.5, (0.1, 0.1, 0.6, 0.6))])
    assert row[2:] == pytest.approx([0.0005, 0.001, 0.003, 0.006])


def test_a_score_that_rounding_put_over_1_is_1() -> None:
    assert bare([(0, np.nextafter(np.float32(1), np.float32(2)), BOX)])[0][0][1] == 1.0


def test_images_keep_their_own_numbers_of_detections() -> None:
    found = bare([], [(0, 0.5, BOX)] * 4, [(2, 0.5, BOX)])
    assert [len(image) for image in found] == [0, 4, 1]
    assert found[2][0][0] == 2


def test_an_image_with_nothing_is_an_empty_list_and_an_empty_document() -> None:
    detected = Detected(LABELS, 4)
    found = rows(*outputs([]), 3, SIDES)
    assert json.dumps(detected.bare(found)) == "[[]]"
    assert detected.document(found) == {"predictions": [{"detections": []}]}


def test_ten_thousand_detections_are_all_told_best_first() -> None:
    generator = np.random.default_rng(3)
    scores = generator.random((2, 10_000, 1), np.float32)
    boxes = np.tile(np.array(BOX, np.float32), (2, 10_000, 1))
    found = Detected(LABELS, 10_000).bare(rows(np.ones_like(scores), scores, boxes, 3, SIDES))
    assert [len(image) for image in found] == [10_000, 10_000]
    assert [row[1] for row in found[0]] == sorted(scores[0, :, 0].tolist(), reverse=True)


def test_equal_scores_stay_in_the_networks_order() -> None:
    found = bare([(2, 0.5, BOX), (0, 0.5, BOX), (1, 0.75, BOX)])
    assert [row[0] for row in found[0]] == [1, 2, 0]


def test_a_network_without_rows_finds_nothing() -> None:
    assert bare([], [], most=0) == [[], []]


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_outputs_of_other_shapes_are_refused(wrong: int) -> None:
    given_outputs = list(outputs([(1, 0.5, BOX)]))
    given_outputs[wrong] = given_outputs[wrong][:, :3]
    with pytest.raises(WeightsError, match=r"expected outputs \(batch, n, 1\)"):
        rows(*given_outputs, 3, SIDES)
    with pytest.raises(WeightsError, match="expected outputs"):
        rows(given_outputs[0][:, :, 0], *given_outputs[1:], 3, SIDES)


VALUES = st.one_of(
    st.floats(-0.5, 1.5, width=32), st.floats(width=32), st.sampled_from([-1.0, 0.0, 1.0, 2.0, 50.0, 100.0, 200.0])
)


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(0, 6), st.just(6)), elements=VALUES))
def test_whatever_a_network_gives_the_rows_keep_their_promise(raw: Any) -> None:
    found = rows(raw[:, :, :1], raw[:, :, 1:2], raw[:, :, 2:], 3, SIDES)
    assert (found.shape, found.dtype) == (raw.shape, np.float32)
    for image in found:
        kinds = image[:, 0]
        real = image[kinds >= 0]
        assert (kinds[len(real) :] == -1).all()
        assert set(real[:, 0].tolist()) <= {0.0, 1.0, 2.0}
        assert ((real[:, 1:] >= 0) & (real[:, 1:] <= 1)).all()
        assert (real[:, 4:] > real[:, 2:4]).all()
        assert (np.diff(real[:, 1]) <= 0).all()
    alone = [
        rows(raw[i : i + 1, :, :1], raw[i : i + 1, :, 1:2], raw[i : i + 1, :, 2:], 3, SIDES)[0] for i in range(len(raw))
    ]
    np.testing.assert_array_equal(found, alone)


def answered(accept: str) -> tuple[bytes, str]:
    found = rows(*outputs([(1, 0.5, BOX)], []), 3, SIDES)
    detected: Any = Detected(LABELS, 4)
    return sagemaker.answer(found, detected, media.parse(accept))


def test_the_answer_unless_asked_for_is_clarifys() -> None:
    for accept in ("application/json", "application/json; format=bare"):
        body, content_type = answered(accept)
        assert content_type == "application/json"
        assert orjson.loads(body) == [[[pytest.approx(v) for v in ROW]], []]


def test_the_full_answer_has_labels_and_named_corners() -> None:
    (one, other) = orjson.loads(answered("application/json; format=full")[0])["predictions"]
    assert other == {"detections": []}
    (detection,) = one["detections"]
    assert detection == {
        "class": 1,
        "label": "elephant",
        "score": 0.5,
        "box": {k: pytest.approx(v) for k, v in zip(("xmin", "ymin", "xmax", "ymax"), ROW[2:], strict=True)},
    }
