"""Folders of cut-outs for the tests: blobs with legs, each another colour, transparent around."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def blob(number: int, colour: tuple[int, int, int] | None = None) -> Image.Image:
    """An animal of a sort; another number, another shape and colour."""
    rng = np.random.default_rng(number)
    image = Image.new("RGBA", (180, 140))
    pen = ImageDraw.Draw(image)
    red, green, blue = colour or (int(v) for v in rng.integers(20, 240, 3))
    fill = (red, green, blue, 255)
    pen.ellipse((20, 40, 110 + number % 7, 100), fill=fill)
    pen.ellipse((95, 15, 150, 70 + number % 5), fill=fill)
    pen.rectangle((35, 80, 45, 130), fill=fill)
    pen.rectangle((90, 80, 100, 130), fill=fill)
    return image


def folder(base: Path, classes: Mapping[str, int]) -> Path:
    """Writes so many cut-outs of each class."""
    number = 0
    for label, count in classes.items():
        (base / label).mkdir(parents=True)
        for i in range(count):
            blob(number := number + 1).save(base / label / f"{label}{i}.{'webp' if i % 2 else 'png'}", lossless=True)
    return base
