"""Small networks to attack, and images for them."""

from __future__ import annotations

import numpy as np
import torch

from components.adversarial.model import PixelModel
from components.images import Preprocessing


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
