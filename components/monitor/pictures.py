"""What the rules look at in an image: brightness, contrast, saturation, sharpness and size; and which images, of many.

Decoding costs a thousand times what counting does, so a bounded number of records is decoded: those whose event ids
hash lowest. That is a fair draw, and the same one in whatever order, files or copies the records come.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.capture import payloads
from components.errors import ImageError
from components.images import Pixels
from components.monitor.grids import PICTURES
from components.monitor.spill import Key

SIDE = 256
"""Pixels of the longer side at which an image is measured; a larger one is shrunk, since blur depends on scale."""

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class Sampled(NamedTuple):
    """A record of the sample: its content's hash, and its image's properties or None where it holds no image."""

    content: int
    properties: tuple[float, ...] | None


class Sample:
    """The records with the lowest hashes, at most ``limit`` of them, and the properties of their images."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.records: dict[int, Sampled] = {}
        self._highest: list[int] = []  # a heap of the negated hashes

    def offer(self, key: Key, body: bytes | None, content_type: str | None) -> None:
        """Looks at a record; decodes its image if it belongs to the sample so far."""
        at = key.high << 64 | key.low
        known = self.records.get(at)
        if known is not None:
            if key.content < known.content:
                self.records[at] = Sampled(key.content, _measured(body, content_type))
            return
        if len(self.records) == self.limit and (not self.limit or at > -self._highest[0]):
            return
        self.records[at] = Sampled(key.content, _measured(body, content_type))
        heapq.heappush(self._highest, -at)
        if len(self.records) > self.limit:
            del self.records[-heapq.heappop(self._highest)]

    def values(self) -> dict[str, NDArray[np.float64]]:
        """Returns each property of the images in the sample ``(images,)``, in the order of their hashes."""
        found = [one.properties for _, one in sorted(self.records.items()) if one.properties is not None]
        table = np.asarray(found, np.float64).reshape(len(found), len(PICTURES))
        return {name: table[:, i] for i, name in enumerate(PICTURES)}

    def hashes(self, name: str, low: float, high: float) -> set[int]:
        """Returns the hashes of the records whose property lies in ``[low, high)``."""
        i = PICTURES.index(name)
        return {at for at, one in self.records.items() if one.properties and low <= one.properties[i] < high}


def _measured(body: bytes | None, content_type: str | None) -> tuple[float, ...] | None:
    try:
        return properties(payloads.first(body or b"", content_type))
    except ImageError:
        return None


def properties(pixels: Pixels) -> tuple[float, ...]:
    """Returns the properties of an image ``(H, W, 3)`` in the order of ``grids.PICTURES``.

    Brightness and contrast are mean and standard deviation of the luma, in [0, 1]; saturation is the mean of HSV's;
    sharpness the standard deviation of the luma's Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield
    microscopy", 2000, whose measure is its square); width and height are in pixels.
    """
    height, width = pixels.shape[:2]
    scaled = _shrunk(pixels).astype(np.float64) / 255
    luma = scaled @ _LUMA
    high, low = scaled.max(axis=2), scaled.min(axis=2)
    saturation = np.divide(high - low, high, out=np.zeros_like(high), where=high > 0)
    padded = np.pad(luma, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    laplacian = around - 4 * luma
    found = (luma.mean(), luma.std(), saturation.mean(), laplacian.std(), width, height)
    return tuple(float(value) for value in found)


def _shrunk(pixels: Pixels) -> Pixels:
    longer = max(pixels.shape[:2])
    if longer <= SIDE:
        return pixels
    from PIL import Image

    height, width = (max(1, round(side * SIDE / longer)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))
