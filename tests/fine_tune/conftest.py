"""A dataset of three plain classes (a disc, a square, a cross) that learns in seconds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.data.dataset import DatasetWriter

LABELS = ("disc", "square", "cross")
SPLITS = ("train",) * 6 + ("validation", "test")


def picture(class_id: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:40j, -1:1:40j] + rng.uniform(-0.1, 0.1, (2, 1, 1))
    inside = [x**2 + y**2 < 0.4, np.maximum(abs(x), abs(y)) < 0.5, np.minimum(abs(x), abs(y)) < 0.15][class_id]
    pixels = np.where(inside[..., None], (200, 60, 60), (60, 90, 160)) + rng.normal(0, 8, (40, 40, 1))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "shapes"
    with DatasetWriter(folder, name="shapes", source="drawn", labels=LABELS, seed=1) as writer:
        for class_id in range(3):
            for track, split in enumerate(SPLITS):
                for frame in range(4):
                    image = picture(class_id, 1000 * class_id + 10 * track + frame)
                    where = {"class_id": class_id, "track": track, "frame": frame, "split": split}
                    writer.add(image, **where, size=(40, 40), box=(5, 5, 35, 35))
    return folder
