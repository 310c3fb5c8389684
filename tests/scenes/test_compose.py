"""Composed scenes: the same bytes every time, boxes that an independent measurement finds, nothing shown twice."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.data.scenes.compose import Scene, compose, scene
from components.data.scenes.cut_out import CutOut, cut_out, seen
from components.data.scenes.dataset import verify
from components.data.scenes.layout import SCALE, SEEN, Placed, arrange, tight, visible
from components.data.scenes.stock import SIGNS, CutOutStock, SignStock
from components.data.scenes.streams import scene_stream
from components.data.signs.pose import Pose
from components.errors import ImageError
from tests.scenes.cut_out_copy import blob

SPLITS = ("train", "validation", "test")
SMALL = {"train": 17, "validation": 3, "test": 9}
SIGN_STOCK = SignStock(SIGNS, 0, 77)


def stock(*classes: Sequence[Image.Image]) -> CutOutStock:
    cuts = [[cut_out(image, 77) for image in images] for images in classes]
    return CutOutStock(tuple(f"c{i}" for i in range(len(cuts))), dict.fromkeys(SPLITS, cuts), ())


def pixels(made: Scene) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(made.jpeg)).convert("RGB"))


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_any_number_of_processes_writes_the_same_bytes(tmp_path: Path) -> None:
    animals = stock([blob(1), blob(2)], [blob(3)])
    for workers in (1, 3):
        options = {"name": "n", "source": "s", "seed": 4, "counts": SMALL, "workers": workers}
        compose(animals, tmp_path / str(workers), **options)
    assert files(tmp_path / "1") == files(tmp_path / "3")
    scenes = verify(tmp_path / "1")
    assert scenes.counts == SMALL
    assert all(1 <= len(rows) <= 3 for rows in scenes.rows.values())


def test_a_scene_depends_on_its_arguments_alone() -> None:
    alone = scene(SIGN_STOCK, "test", 13, seed=2)
    for number in (40, 3):
        scene(SIGN_STOCK, "test", number, seed=2)
    assert scene(SIGN_STOCK, "test", 13, seed=2) == alone
    others = [
        scene(SIGN_STOCK, "train", 13, seed=2),
        scene(SIGN_STOCK, "test", 14, seed=2),
        scene(SIGN_STOCK, "test", 13, seed=3),
        scene(SIGN_STOCK, "test", 13, seed=2, side=96),
    ]
    assert alone.jpeg not in [other.jpeg for other in others]


def silhouettes(placed: Sequence[Placed], side: int) -> list[tuple[int, int, int, int] | None]:
    """The box of each object's pixels after all are painted in flat colours, by Pillow alone."""
    canvas = Image.new("L", (side, side))
    for i, one in enumerate(placed, 1):
        mask = Image.fromarray(one.layer).getchannel("A").point(lambda alpha: 255 if alpha > 127.5 else 0)
        canvas.paste(i, (one.x, one.y), mask)
    return [canvas.point(lambda v, i=i: 255 if v == i else 0).getbbox() for i in range(1, len(placed) + 1)]


@pytest.mark.parametrize("side", [96, 128, 203])
def test_the_boxes_are_those_that_flat_silhouettes_have(side: int) -> None:
    animals = stock([blob(1), blob(2)], [blob(3)], [blob(4)])
    cut = hidden = 0
    for number in range(120):
        placed = arrange(animals, "train", side, scene_stream(1, "train", number))
        masks = visible(placed, side)
        assert [tight(mask) for mask in masks] == silhouettes(placed, side)
        for one, mask in zip(placed, masks, strict=True):
            assert mask.sum() >= SEEN * one.area
            hidden += mask.sum() < one.area
            cut += one.x < 0 or one.y < 0
        made = scene(animals, "train", number, seed=1, side=side)
        assert [thing.box for thing in made.objects] == [tight(mask) for mask in masks]
    assert cut > 3
    assert hidden > 10


def test_the_finished_picture_shows_each_object_in_its_box() -> None:
    """Two stocks of the same outlines, black and white: their pictures differ where the objects are."""
    black, white = stock([blob(5, (0, 0, 0))]), stock([blob(5, (255, 255, 255))])
    alone = 0
    for number in range(60):
        dark, light = (scene(one, "test", number, seed=8) for one in (black, white))
        assert dark.objects == light.objects
        difference = np.abs(pixels(dark).astype(int) - pixels(light)).mean(axis=2)
        if len(dark.objects) > 1:
            continue
        alone += 1
        found = tight(difference > difference.max() / 2)
        assert np.abs(np.subtract(found, dark.objects[0].box)).max() <= 3, number
    assert alone > 10


def test_objects_are_as_large_as_they_should_be_and_of_every_class() -> None:
    things = [thing for n in range(200) for thing in scene(SIGN_STOCK, "train", n, seed=0).objects]
    sides = [max(t.box[2] - t.box[0], t.box[3] - t.box[1]) / 128 for t in things]
    assert SCALE[0] * SEEN - 0.03 < min(sides) < SCALE[0] + 0.06
    assert SCALE[1] - 0.06 < max(sides) < SCALE[1] + 0.02
    counted = np.bincount([t.class_id for t in things], minlength=4)
    assert counted.min() > len(things) / 4 * 0.7
    assert 1.6 < len(things) / 200 < 2.1


def test_no_sign_of_one_split_is_seen_in_another() -> None:
    shown = {}
    for split in SPLITS:
        rng = np.random.default_rng(0)
        drawn = [SIGN_STOCK.individual(split, 0, rng) for _ in range(500)]
        shown[split] = {cut.levels[0].tobytes() for cut in drawn}
    assert [len(shown[split]) for split in SPLITS] == [32, 8, 16]
    assert len(shown["train"] | shown["validation"] | shown["test"]) == 56


def box_of(layer: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(layer[..., 3] >= 128).getbbox(), float)


@pytest.mark.parametrize("longer", [24.0, 50.0, 77.0])
@pytest.mark.parametrize("pose", [Pose(0, 0, 0, 7), Pose(25, -10, 8, 5), Pose(-18, 5, -14, 6)], ids=str)
def test_a_cut_out_is_seen_as_long_as_was_asked(longer: float, pose: Pose) -> None:
    for art in (blob(3), SIGN_STOCK.individual("train", 2, np.random.default_rng(1)).levels[0].convert("RGBA")):
        canvas = Image.new("RGBA", (art.width + 20, art.height + 20))
        canvas.paste(art, (10, 10))
        box = box_of(seen(cut_out(canvas, 77), pose, longer, stretch=1.1))
        assert abs(max(box[2:] - box[:2]) - longer) <= 1.5


def test_a_mirrored_cut_out_is_the_mirror_image() -> None:
    image = blob(3)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    straight = Pose(0, 0, 0, 7)
    one = seen(cut_out(image, 77), straight, 60, mirrored=True).astype(int)
    other = seen(cut_out(mirrored, 77), straight, 60).astype(int)
    assert one.shape == other.shape
    assert np.abs(box_of(one.astype(np.uint8)) - box_of(other.astype(np.uint8))).max() <= 1
    assert np.abs(one - other).mean() < 4
    assert np.abs(one[:, ::-1] - other).mean() > 20


def rectangle(width: int, height: int) -> Image.Image:
    image = Image.new("RGBA", (400, 400))
    image.paste((10, 200, 30, 255), (50, 60, 50 + width, 60 + height))
    return image


def test_the_smallest_level_that_has_enough_pixels_is_taken() -> None:
    made: CutOut = cut_out(rectangle(300, 40), 100)
    assert [level.size for level in made.levels] == [(150, 20), (75, 10), (38, 5), (19, 3)]
    straight = Pose(0, 0, 0, 7)
    assert (box_of(seen(made, straight, 76)) == (2, 2, 78, 12)).all()
    assert (box_of(seen(made, straight, 30)) == (2, 2, 32, 6)).all()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.new("RGBA", (50, 50), (1, 2, 3, 255)), "expected transparent surroundings, found none"),
        (Image.new("RGBA", (50, 50)), "expected something visible"),
        (rectangle(15, 12), "found 15 × 12"),
    ],
    ids=["opaque", "empty", "tiny"],
)
def test_what_is_no_cut_out_is_refused(image: Image.Image, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        cut_out(image, 77)


def test_a_line_that_vanishes_when_it_is_small_is_never_pasted() -> None:
    thread = stock([rectangle(300, 1)])
    for number in range(20):
        for thing in scene(thread, "train", number, seed=0).objects:
            assert thing.box[2] > thing.box[0]
            assert thing.box[3] > thing.box[1]
