"""The order that the literature reports: what FullGrad calls unimportant changes the answer least when it is removed.

Pixel perturbation as in section 5.1 of the paper, on a network trained here: the least salient pixels are set to black,
and the change of the explained logit counts, averaged over the shares of pixels removed. Only the order is asserted;
absolute values depend on the network. (With the mean instead of black, input times gradient wins: a pixel near the mean
has a product near 0 and changes nothing, so that it would be judged by its own definition.)
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from components.fullgrad import fullgrad

SIDE, CLASSES = 32, 4
BLACK = -2.0  # pixels in [0, 1], normalised by a mean of 0.5 and a standard deviation of 0.25


def shapes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns discs, squares, crosses and rings on coarse backgrounds ``(count, 3, 32, 32)``, and their classes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    classes = rng.integers(CLASSES, size=count)
    pictures = np.empty((count, 3, SIDE, SIDE))
    for picture, kind in zip(pictures, classes, strict=True):
        cx, cy, r = rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), rng.uniform(0.35, 0.5)
        far, square = np.hypot(x - cx, y - cy), np.maximum(abs(x - cx), abs(y - cy))
        cross = (np.minimum(abs(x - cx), abs(y - cy)) < r / 3) & (square < r)
        inside = [far < r, square < 0.9 * r, cross, abs(far - r) < r / 4][kind]
        coarse = rng.normal(0, 0.5, (3, 4, 4)).repeat(8, 1).repeat(8, 2)
        picture[:] = coarse + rng.normal(0, 0.2, (3, SIDE, SIDE)) + inside * rng.uniform(0.8, 1.6, (3, 1, 1))
    return torch.from_numpy(pictures).float(), torch.from_numpy(classes)


def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    torch.manual_seed(0)
    layers = [*block(3, 16, 1), *block(16, 32, 2), *block(32, 32, 1), *block(32, 64, 2), nn.AdaptiveAvgPool2d(1)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, CLASSES))
    images, classes = shapes(1536, seed=1)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(4):
        for part in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(network(images[part]), classes[part]).backward()
            optimizer.step()
    return network.eval()


def changes(network: nn.Module, images: torch.Tensor, target: torch.Tensor, order: torch.Tensor) -> float:
    """Returns the mean absolute change of the logit, as a share of it, over 2 % to 20 % of the pixels removed."""
    with torch.no_grad():
        before = network(images).gather(1, target[:, None])
        found = []
        for share in (0.02, 0.05, 0.1, 0.2):
            removed = order.flatten(1).argsort(1)[:, : int(share * SIDE * SIDE)]
            kept = torch.ones(len(images), SIDE * SIDE).scatter_(1, removed, 0.0).reshape(-1, 1, SIDE, SIDE)
            after = network(images * kept + BLACK * (1 - kept)).gather(1, target[:, None])
            found.append(((after - before) / before).abs().mean().item())
    return float(np.mean(found))


def test_fullgrad_knows_what_does_not_matter_better_than_input_times_gradient_better_than_chance(
    trained: nn.Module,
) -> None:
    images, classes = shapes(256, seed=2)
    result = fullgrad(trained, images)
    assert (result.target == classes).float().mean() > 0.9, "expected a network that learned something"
    by_fullgrad = changes(trained, images, result.target, result.saliency)
    by_input = changes(trained, images, result.target, (result.input_gradient * images).abs().sum(1))
    chance = torch.rand(len(images), SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    by_chance = changes(trained, images, result.target, chance)
    print(by_fullgrad, by_input, by_chance)
    assert by_fullgrad < 0.9 * by_input
    assert by_input < 0.5 * by_chance
