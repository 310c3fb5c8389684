"""Batches for training: pictures in an order drawn by lot, varied, with what the network shall say of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.fine_tune.detector.pictures import Pictures, vary, wanted
from components.fine_tune.detector.targets import Grid, Targets, targets
from components.images import Preprocessing

_LEAST = 3.0
"""Pixels of a side below which what is left of an object is no longer asked for."""


class Batch(NamedTuple):
    """A step's input.

    Attributes:
        inputs: Normalised pictures ``(batch, 3, H, W)``.
        boxes: ``(batch, objects, 4)``, padded with −1: every object, so that none is counted as background.
        targets: What the network shall say.
    """

    inputs: NDArray[np.float32]
    boxes: NDArray[np.float32]
    targets: Targets


class Batches:
    """Makes an epoch's batches again and again, all of one shape; what does not fill one waits for another epoch.

    Args:
        pictures: What is learnt from.
        preprocessing: The contract.
        grid: Where the network looks.
        classes: How many there are.
        size: Pictures a batch at most.
        mirror: Whether pictures may be mirrored.
        shift: The farthest that pictures are moved, as a share of their sides.
        seed: Of all chance.
    """

    def __init__(
        self,
        pictures: Pictures,
        preprocessing: Preprocessing,
        grid: Grid,
        classes: int,
        *,
        size: int,
        mirror: bool,
        shift: float,
        seed: int,
    ) -> None:
        self._pictures, self._preprocessing, self._grid, self._classes = pictures, preprocessing, grid, classes
        self._size, self._mirror, self._shift = min(size, len(pictures)), mirror, shift
        self._rng = np.random.default_rng(seed)
        self._most = max(1, *(len(objects) for objects in pictures.objects))

    def __len__(self) -> int:
        return len(self._pictures) // self._size

    def epoch(self) -> Iterator[Batch]:
        """Yields the batches of one epoch."""
        order = self._rng.permutation(len(self._pictures))
        for chosen in order[: len(self) * self._size].reshape(-1, self._size):
            yield self._batch(chosen)

    def _batch(self, chosen: NDArray[np.int64]) -> Batch:
        objects = [self._pictures.objects[i] for i in chosen]
        before = [o.boxes for o in objects]
        pixels, boxes = vary(self._pictures.pixels[chosen], before, self._rng, self._mirror, self._shift)
        padded = np.full((len(chosen), self._most, 4), -1, np.float32)
        for i, box in enumerate(boxes):
            padded[i, : len(box)] = box
        asked = [wanted(o) & ((b[:, 2:] - b[:, :2]) >= _LEAST).all(1) for o, b in zip(objects, boxes, strict=True)]
        made = targets(
            self._grid,
            [b[own] for b, own in zip(boxes, asked, strict=True)],
            [o.class_ids[own] for o, own in zip(objects, asked, strict=True)],
            self._classes,
        )
        return Batch(self._preprocessing.normalize(pixels), padded, made)
