"""Small networks, a dataset of three plain classes, and a ResNet18 that learnt it in seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from components.adversarial.model import PixelModel
from components.data.dataset import DatasetWriter
from components.images import Preprocessing, encode_png

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

LABELS = ("disc", "square", "cross")
SPLITS = ("train",) * 6 + ("validation", "test", "test")


class Centred(torch.nn.Module):
    """Pixels of [0, 1] around 0."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return 4 * inputs - 2


def small(classes: int = 5, seed: int = 3) -> torch.nn.Module:
    """A smooth network in double precision: ``(batch, 3, 8, 8)`` → ``(batch, classes)``."""
    torch.manual_seed(seed)
    layers = (
        Centred(),
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.Tanh(),
        torch.nn.Conv2d(8, 8, 3, stride=2),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(72, classes),
    )
    network = torch.nn.Sequential(*layers).double()
    with torch.no_grad():
        network[-1].weight *= 8
    return network


def linear(weights: torch.Tensor, biases: torch.Tensor) -> torch.nn.Module:
    """A classifier whose boundaries are planes; ``weights`` is ``(classes, 3 * 8 * 8)``, over pixels in [0, 1]."""
    layer = torch.nn.Linear(weights.shape[1], len(weights)).double()
    with torch.no_grad():
        layer.weight.copy_(weights)
        layer.bias.copy_(biases)
    return torch.nn.Sequential(torch.nn.Flatten(), layer)


def plain(network: torch.nn.Module) -> PixelModel:
    """The network over pixels as they are."""
    return PixelModel(network, Preprocessing(8, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))


def grey(count: int, seed: int = 0, low: int = 0, high: int = 256) -> np.ndarray:
    """Random images uint8 ``(count, 8, 8, 3)``."""
    return np.random.default_rng(seed).integers(low, high, (count, 8, 8, 3), np.uint8)


def planes(images: np.ndarray) -> torch.Tensor:
    """The images as double ``(count, 3, 8, 8)`` in [0, 1]."""
    return torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float64) / 255)


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
