"""Scenes of two plain classes, bright discs and dark squares on grey, that a network learns in seconds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from components.data.scenes.dataset import ScenesWriter, Thing
from components.images import encode_png

LABELS = ("disc", "square")
COUNTS = {"train": 240, "validation": 16, "test": 24}
SIDE = 64


def scene(seed: int) -> tuple[np.ndarray, list[Thing]]:
    rng = np.random.default_rng(seed)
    pixels = rng.normal(120, 10, (SIDE, SIDE, 3))
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    things = []
    for left in (0, 32)[: rng.integers(1, 3)]:
        radius, class_id = int(rng.integers(8, 14)), int(rng.integers(2))
        cx, cy = left + 16, int(rng.integers(radius, SIDE - radius))
        inside = np.hypot(x - cx, y - cy) < radius if class_id == 0 else np.maximum(abs(x - cx), abs(y - cy)) < radius
        pixels[inside] = ((230, 210, 60), (20, 30, 110))[class_id]
        things.append(Thing(class_id, (cx - radius, cy - radius, cx + radius, cy + radius)))
    return pixels.clip(0, 255).astype(np.uint8), things


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "shapes"
    with ScenesWriter(folder, name="shapes", source="drawn", labels=LABELS, seed=1) as writer:
        for part, (split, count) in enumerate(COUNTS.items()):
            for number in range(count):
                pixels, things = scene(1000 * part + number)
                writer.add(encode_png(pixels), split=split, number=number, size=(SIDE, SIDE), objects=things)
    return folder
