"""Small networks, a dataset of three plain classes, and a ResNet18 that learnt it in seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.data.dataset import DatasetWriter
from components.images import encode_png

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

LABELS = ("disc", "square", "cross")
SPLITS = ("train",) * 6 + ("validation", "test", "test")


def picture(class_id: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:40j, -1:1:44j] + rng.uniform(-0.1, 0.1, (2, 1, 1))
    inside = [x**2 + y**2 < 0.4, np.maximum(abs(x), abs(y)) < 0.5, np.minimum(abs(x), abs(y)) < 0.15][class_id]
    pixels = np.where(inside[..., None], (200, 60, 60), (60, 90, 160)) + rng.normal(0, 8, (40, 44, 1))
    return pixels.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "shapes"
    with DatasetWriter(folder, name="shapes", source="drawn", labels=LABELS, seed=1) as writer:
        for class_id in range(3):
            for track, split in enumerate(SPLITS):
                for frame in range(4):
                    image = encode_png(picture(class_id, 1000 * class_id + 10 * track + frame))
                    where = {"class_id": class_id, "track": track, "frame": frame, "split": split}
                    writer.add(image, **where, size=(44, 40), box=(5, 5, 35, 35))
    return folder


@pytest.fixture(scope="session")
def archive(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``model.tar.gz`` with a ResNet18 of 32 pixels."""
    out = tmp_path_factory.mktemp("model")
    paths = [f"--{name}={out / name}" for name in ("model", "metrics", "confusion")]
    small_ones = ["--side=32", "--batch-size=12", "--epochs=8", "--learning-rate=0.02", "--name=shapes", "--seed=7"]
    train = [sys.executable, "-m", "components.fine_tune", f"--dataset={shapes}", *paths, *small_ones]
    subprocess.run(train, cwd=ROOT, check=True, capture_output=True)
    pack = [
        sys.executable,
        "-m",
        "components.package",
        "pack",
        f"--model={out / 'model'}",
        f"--digest={out / 'digest'}",
    ]
    subprocess.run([*pack, f"--archive={out / 'model.tar.gz'}"], cwd=ROOT, check=True, capture_output=True)
    return out / "model.tar.gz"
