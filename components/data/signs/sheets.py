"""Sheets: all signs on one picture, clean or as the camera sees them."""

from __future__ import annotations

from collections.abc import Iterable

from PIL import Image, ImageDraw

from components.data.classes import LABELS
from components.data.signs.art import sign_art
from components.data.signs.catalogue import CLASSES
from components.data.signs.frames import render_frame
from components.data.signs.randomness import checked

_PAPER, _INK = "#e4e7ea", "#30343a"
_FOOT = 18


def contact_sheet(*, columns: int = 9, side: int = 128, labels: bool = False) -> Image.Image:
    """The 43 clean signs in GTSRB's order, row by row.

    Args:
        columns: Signs in a row, 1 to 43.
        side: Pixels along each sign, 16 to 1024.
        labels: Whether to write its number and name under each sign.

    Raises:
        InputError: An argument is out of its range.
    """
    side = checked("side", side, 16, 1024)
    return _sheet((sign_art(class_id, side) for class_id in range(CLASSES)), columns, side, labels)


def photo_sheet(
    *, columns: int = 9, side: int = 128, labels: bool = False, seed: int = 0, track: int = 0, nearness: float = 0.75
) -> Image.Image:
    """A rendered frame of each class, enlarged or reduced to the same longer side.

    Args:
        columns: Frames in a row, 1 to 43.
        side: Pixels along each frame's longer side, 16 to 1024.
        labels: Whether to write its number and name under each frame.
        seed: Seed of :func:`~components.data.signs.frames.render_frame`.
        track: Which sign of each class.
        nearness: Which frame: 0 far away, 1 near.

    Raises:
        InputError: An argument is out of its range.
    """
    side = checked("side", side, 16, 1024)
    frame = checked("nearness in percent", round(100 * nearness), 0, 100)

    def pictures() -> Iterable[Image.Image]:
        for class_id in range(CLASSES):
            picture = Image.fromarray(render_frame(class_id, track, frame, seed=seed, frames=101).image)
            scale = side / max(picture.size)
            size = round(picture.width * scale), round(picture.height * scale)
            yield picture.resize(size, Image.Resampling.BICUBIC)

    return _sheet(pictures(), columns, side, labels)


def _sheet(pictures: Iterable[Image.Image], columns: int, side: int, labels: bool) -> Image.Image:
    """Lays the classes' pictures out on a grid, each centred in its square."""
    columns = checked("columns", columns, 1, CLASSES)
    gap, foot = max(3, side // 12), _FOOT if labels else 0
    across, down = side + gap, side + gap + foot
    sheet = Image.new("RGB", (gap + columns * across, gap + -(-CLASSES // columns) * down), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for class_id, picture in enumerate(pictures):
        x, y = gap + class_id % columns * across, gap + class_id // columns * down
        place = (x + (side - picture.width) // 2, y + (side - picture.height) // 2)
        sheet.paste(picture, place, picture if picture.mode == "RGBA" else None)
        if labels:
            pen.text((x + side / 2, y + side + 3), _caption(pen, class_id, side), _INK, anchor="ma")
    return sheet


def _caption(pen: ImageDraw.ImageDraw, class_id: int, width: int) -> str:
    """Number and name of a class, shortened until it fits the width."""
    caption = whole = f"{class_id} {LABELS[class_id]}"
    while len(caption) > 2 and pen.textlength(caption) > width:
        whole = whole[:-1]
        caption = whole.rstrip() + "…"
    return caption
