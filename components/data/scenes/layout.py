"""Which objects stand where in a scene, and what of each can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.data.scenes.cut_out import VISIBLE, Layer, seen
from components.data.scenes.index import Box
from components.data.scenes.stock import Stock

SCALE = (0.22, 0.6)
"""The longer side of an object, as a share of the picture's."""

SEEN = 0.78
"""The least share of an object that neither another hides nor the picture's edge cuts off."""

OVERLAP = 0.2
"""The most that two boxes share, as a share of the smaller one."""

_TRIES = 12

Mask = NDArray[np.bool_]
"""Pixels ``(side, side)``."""


@dataclass(frozen=True, eq=False)
class Placed:
    """One object in its place.

    Attributes:
        class_id: Its class in the stock.
        layer: Its pixels.
        x: The layer's left edge in the picture, in pixels; may be negative.
        y: The layer's upper edge.
        post: How wide the post is that it hangs on, in pixels; 0 for none.
    """

    class_id: int
    layer: Layer
    x: int
    y: int
    post: int = 0

    @property
    def area(self) -> int:
        """How many pixels would be visible if nothing hid them."""
        return int((self.layer[..., 3] >= VISIBLE).sum())

    def slices(self, side: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Returns rows and columns in the picture, and those of the layer that lie there."""
        height, width = self.layer.shape[:2]
        top, left, bottom, right = max(self.y, 0), max(self.x, 0), min(self.y + height, side), min(self.x + width, side)
        there = (slice(top, bottom), slice(left, right))
        return there, (slice(top - self.y, bottom - self.y), slice(left - self.x, right - self.x))


def arrange(stock: Stock, split: str, side: int, rng: np.random.Generator) -> list[Placed]:
    """Draws one to three objects and their places; the later ones stand in front.

    An object for which no place is found in a few tries is left out.
    """
    placed: list[Placed] = []
    for _ in range(int(rng.integers(1, 4))):
        thing = _drawn(stock, split, side, rng)
        for _ in range(_TRIES):
            candidate = _somewhere(thing, side, rng)
            if _fits([*placed, candidate], side):
                placed.append(candidate)
                break
    return placed


def visible(placed: Sequence[Placed], side: int) -> list[Mask]:
    """Returns which pixels show each object: its own that are more than half opaque, without those in front."""
    masks: list[Mask] = []
    for one in placed:
        there, here = one.slices(side)
        own = np.zeros((side, side), np.bool_)
        own[there] = one.layer[here][..., 3] >= VISIBLE
        masks = [mask & ~own for mask in masks]
        masks.append(own)
    return masks


def tight(mask: Mask) -> Box:
    """Returns the smallest box round the pixels of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _drawn(stock: Stock, split: str, side: int, rng: np.random.Generator) -> Placed:
    manner = stock.manner
    class_id = int(rng.integers(len(stock.labels)))
    cut = stock.individual(split, class_id, rng)
    longer = float(rng.uniform(*SCALE)) * side
    stretch = float(rng.uniform(1 / manner.stretch, manner.stretch))
    mirrored = manner.mirrors and bool(rng.random() < 0.5)
    layer = seen(cut, manner.pose(rng), longer, stretch=stretch, mirrored=mirrored)
    post = round(longer * float(rng.uniform(0.04, 0.08))) if manner.posts and rng.random() < 0.5 else 0
    return Placed(class_id, layer, 0, 0, post)


def _somewhere(thing: Placed, side: int, rng: np.random.Generator) -> Placed:
    """Moves an object to a random place, now and then so that the picture's edge cuts it."""
    height, width = thing.layer.shape[:2]
    beyond = 0.15 if rng.random() < 0.25 else 0.0
    x, y = (
        int(rng.integers(-round(beyond * length), max(side - round((1 - beyond) * length), 0) + 1))
        for length in (width, height)
    )
    return Placed(thing.class_id, thing.layer, x, y, thing.post)


def _fits(placed: Sequence[Placed], side: int) -> bool:
    masks = visible(placed, side)
    if any(mask.sum() < max(1, SEEN * one.area) for one, mask in zip(placed, masks, strict=True)):
        return False
    last = tight(masks[-1])
    return all(_shared(last, tight(mask)) <= OVERLAP for mask in masks[:-1])


def _shared(one: Box, other: Box) -> float:
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    return width * height / min((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
