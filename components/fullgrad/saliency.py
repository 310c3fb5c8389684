"""From bias gradients to a map, as the reference implementation (idiap/fullgrad-saliency) does it.

Each term with a height and a width is made absolute, scaled to [0, 1] for each image and layer, enlarged to the input's
size and summed over channels and layers. Scaled over all channels at once: scaling each channel by itself would cancel
the bias. Enlarging is linear, so channels are summed first, and all layers of one size with them: one interpolation a
size, and the same map.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn import functional

EPS = 1e-6
"""Keeps a term that is constant from becoming 0/0; the reference's."""


class Canvas:
    """Sums up the maps of a batch.

    Args:
        size: Height and width of the map.
        align_corners: Whether the outermost pixels of a layer lie on those of the map (the reference, and scipy's
            ``zoom``), or its outer edges do.
    """

    def __init__(self, size: tuple[int, int], align_corners: bool = True) -> None:
        self._size = size
        self._align_corners = align_corners
        self._sums: dict[tuple[int, ...], torch.Tensor] = {}

    def add(self, gradient: torch.Tensor, factor: torch.Tensor | None = None, channels: int = 1) -> None:
        """Adds one term.

        Args:
            gradient: ``(N, C, h, w)``, or with its channels last.
            factor: What it is multiplied with: of its shape, or of one that broadcasts to it; None for nothing.
            channels: The dimension of the channels, 1 or 3.
        """
        planes = _channels_last(gradient, channels)
        factors = None if factor is None else _channels_last(factor.expand_as(gradient), channels)
        summed = _scaled(planes, factors)
        key = tuple(summed.shape[1:])
        self._sums[key] = self._sums[key] + summed if key in self._sums else summed

    def result(self) -> torch.Tensor:
        """Returns the map ``(N, H, W)``."""
        enlarged = [
            functional.interpolate(s[:, None], self._size, mode="bilinear", align_corners=self._align_corners)[:, 0]
            for s in self._sums.values()
        ]
        return torch.stack(enlarged).sum(0)


def _channels_last(term: torch.Tensor, channels: int) -> torch.Tensor:
    return term if channels == 3 else term.permute(0, 2, 3, 1)


def _scaled(planes: torch.Tensor, factors: torch.Tensor | None) -> torch.Tensor:
    """Returns Σ over channels of ``(N, h, w, C)`` after scaling: ``(N, h, w)``."""
    sums, lows, highs = [], [], []
    buffer = torch.empty_like(planes[0])
    for i, plane in enumerate(planes):  # one by one, since one image's layer fits into the processor's cache
        torch.abs(plane if factors is None else torch.mul(plane, factors[i], out=buffer), out=buffer)
        low, high = torch.aminmax(buffer)
        sums.append(buffer.sum(2))
        lows.append(low)
        highs.append(high)
    low, high = torch.stack(lows)[:, None, None], torch.stack(highs)[:, None, None]
    # Σ (|t| − low) / (high − low + eps), without writing the scaled tensor.
    return (torch.stack(sums) - planes.shape[3] * low) / (high - low + EPS)


def spatial(shape: Iterable[int], count: int) -> bool:
    """Whether a term has a height and a width to be shown, as the reference decides it: four dimensions."""
    dimensions = tuple(shape)
    return len(dimensions) == 4 and dimensions[0] == count
