"""Anchors, targets and variation, each by its law or against GluonCV."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.data.scenes.dataset import Objects, read
from components.errors import DatasetError
from components.fine_tune.detector import anchors
from components.fine_tune.detector.evaluation import evaluate
from components.fine_tune.detector.matching import Detections
from components.fine_tune.detector.pictures import Pictures, load, vary
from components.fine_tune.detector.targets import Grid, targets
from components.images import Preprocessing

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mxnet = pytest.importorskip("mxnet", reason="expected the detector's environment, found another image's")
    from gluoncv.model_zoo.yolo.yolo_target import YOLOV3PrefetchTargetGenerator
from components.fine_tune.detector import folder, page
from components.fine_tune.detector import network as networks
from components.fine_tune.detector.training import History, Recipe

pytestmark = pytest.mark.filterwarnings("ignore")

SIDE = 96


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Boxes and classes of two pictures; no two boxes share a cell, where the later one would win."""
    boxes, ids = [], []
    for _ in range(2):
        places = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=3, unique=True))
        sizes = [(draw(st.integers(4, 60)) / 2, draw(st.integers(4, 60)) / 2) for _ in places]
        middles = [(32 * x + draw(st.integers(2, 30)), 32 * y + draw(st.integers(2, 30))) for x, y in places]
        boxes.append(
            np.array(
                [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(middles, sizes, strict=True)],
                np.float32,
            )
            .reshape(-1, 4)
            .clip(0, SIDE)
        )
        ids.append(np.array([draw(st.integers(0, 2)) for _ in places], np.int32))
    return boxes, ids


@pytest.fixture(scope="module")
def grid_and_maps() -> tuple[Grid, tuple[object, ...]]:
    network = networks.small(["a", "b", "c"])
    networks.initialize(network, mxnet.cpu(), 0)
    network(mxnet.nd.zeros((1, 3, SIDE, SIDE)))
    networks.set_anchors(network, np.array([[8, 9], [14, 12], [20, 22], [30, 28], [44, 40], [60, 64]]))
    with mxnet.autograd.train_mode():
        _, own_anchors, offsets, maps, *_ = network(mxnet.nd.zeros((1, 3, SIDE, SIDE)))
    return networks.grid(network, SIDE, SIDE), (maps, own_anchors, offsets)


@given(case=pictures())
@settings(max_examples=60)
def test_targets_are_those_of_gluoncv(
    case: tuple[list[np.ndarray], list[np.ndarray]], grid_and_maps: tuple[Grid, tuple[object, ...]]
) -> None:
    boxes, ids = case
    grid, maps = grid_and_maps
    padded, padded_ids = np.full((2, 3, 4), -1, np.float32), np.full((2, 3, 1), -1, np.float32)
    for i, (b, c) in enumerate(zip(boxes, ids, strict=True)):
        padded[i, : len(b)], padded_ids[i, : len(c), 0] = b, c
    generator = YOLOV3PrefetchTargetGenerator(3)
    expected = generator(
        mxnet.nd.zeros((1, 3, SIDE, SIDE)), *maps, mxnet.nd.array(padded), mxnet.nd.array(padded_ids), None
    )
    for theirs, ours in zip(expected, targets(grid, boxes, ids, 3), strict=True):
        np.testing.assert_allclose(ours, theirs.asnumpy(), atol=2e-5)


def test_the_grid_is_the_one_that_the_network_has(grid_and_maps: tuple[Grid, tuple[object, ...]]) -> None:
    grid, (maps, *_) = grid_and_maps
    assert grid.shapes == [tuple(one.shape[2:]) for one in maps]  # type: ignore[attr-defined]
    assert grid.cells == sum(3 * rows * columns for rows, columns in grid.shapes)
    assert (grid.anchors[0].prod(1).min() > grid.anchors[1].prod(1)).all()


@given(st.lists(st.tuples(st.floats(4, 100), st.floats(4, 100)), min_size=6, max_size=40), st.integers(1, 6))
def test_anchors_lie_among_the_boxes_from_small_to_large(sizes: list[tuple[float, float]], count: int) -> None:
    boxes = np.array(sizes)
    found = anchors.fit(boxes, count)
    assert found.shape == (count, 2)
    assert (np.diff(found.prod(1)) >= 0).all()
    assert ((found >= boxes.min(0)) & (found <= boxes.max(0))).all()
    np.testing.assert_array_equal(anchors.fit(boxes[::-1], 1), anchors.fit(boxes, 1))


def test_boxes_of_as_many_shapes_as_anchors_are_fitted_exactly() -> None:
    shapes = np.array([[10, 20], [30, 30], [80, 60]], float)
    found = anchors.fit(np.repeat(shapes, 7, axis=0), 3)
    assert found.tolist() == shapes.tolist()
    with pytest.raises(DatasetError, match="found 0"):
        anchors.fit(np.zeros((0, 2)), 3)


@given(st.integers(0, 2**31), st.booleans())
@settings(max_examples=40)
def test_boxes_stay_on_what_they_show(seed: int, mirror: bool) -> None:
    """One bright rectangle on black is found again, by its pixels, where its box says it is."""
    pixels, box = np.zeros((1, 64, 64, 3), np.uint8), np.array([[20, 24, 44, 36]], np.float32)
    pixels[0, 24:36, 20:44] = 255
    varied, (moved,) = vary(pixels, [box], np.random.default_rng(seed), mirror, 0.2)
    bright = varied[0].mean(-1) > varied[0].mean(-1).min() + 60
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    assert moved[0].tolist() == [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def test_signs_are_never_mirrored_unless_asked_for() -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None] * 3, (16, 64, 64, 3))
    for mirror in (False, True):
        varied, _ = vary(ramp, [np.zeros((0, 4), np.float32)] * 16, np.random.default_rng(0), mirror, 0.0)
        falling = varied[:, :, -8:].mean((1, 2, 3)) < varied[:, :, :8].mean((1, 2, 3))
        assert falling.any() == mirror


def test_the_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    recipe = Recipe(learning_rate=0.01, warm_up=0.1)
    rates = [recipe.rate(step, 100) for step in range(100)]
    assert max(rates) <= 0.01
    assert rates.index(max(rates)) in (8, 9)
    assert rates[-1] < 1e-5 < rates[0] == pytest.approx(0.001)


def test_a_class_without_objects_leaves_a_gap_and_no_error(shapes: Path) -> None:
    scenes = read(shapes)
    whole = load(scenes, "test", Preprocessing(32, 48))
    squares = [Objects(*(values[o.class_ids == 1] for values in vars(o).values())) for o in whole.objects]
    pictures = Pictures(whole.pixels, squares)
    found = [Detections(o.class_ids, np.linspace(0.9, 0.5, len(o), dtype=np.float32), o.boxes) for o in whole.objects]
    judged = evaluate(squares, found, 2, seed=0, resamples=10)
    told = folder.metrics(scenes.labels, History(), judged)
    assert told["map50"] == told["ap50_square"]
    assert "ap50_disc" not in told
    curves = json.loads(json.dumps(folder.curves(scenes.labels, judged), allow_nan=False))
    assert curves["classes"][0]["ap50"]["value"] is None
    rendered = page.page(scenes, pictures, found, judged, History()).render()
    assert rendered.count("<img") == 8
    assert "nan %" not in rendered.replace("\u00a0", " ")
    assert "average precision –, 0 objects" in rendered
    nothing = evaluate([Objects(*(v[:0] for v in vars(o).values())) for o in squares], found, 2, seed=0, resamples=10)
    assert "map50" not in folder.metrics(scenes.labels, History(), nothing)


def test_boxes_are_stretched_with_their_pictures(shapes: Path) -> None:
    part = read(shapes).split("test")
    stretched = load(read(shapes), "test", Preprocessing(32, 128))
    assert stretched.pixels.shape[1:] == (32, 128, 3)
    for i, one in enumerate(stretched.objects):
        np.testing.assert_allclose(one.boxes, part.objects(i).boxes * [2, 0.5, 2, 0.5])
