"""A split of a scenes folder in memory, and how its pictures are varied while the network learns.

Held as uint8 at the network's size: 10,000 pictures of 128 × 128 pixels are 490 MB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.data.scenes.dataset import Objects, Scenes
from components.fine_tune.decoding import decoded
from components.images import Preprocessing


@dataclass(frozen=True)
class Pictures:
    """A split in memory.

    Attributes:
        pixels: uint8 RGB ``(pictures, height, width, 3)``, stretched by the preprocessing contract.
        objects: What each shows, boxes in pixels of ``pixels``.
    """

    pixels: NDArray[np.uint8]
    objects: list[Objects]

    def __len__(self) -> int:
        return len(self.objects)

    @property
    def sizes(self) -> NDArray[np.float32]:
        """Width and height of every box that is to be found, ``(boxes, 2)``."""
        boxes = np.concatenate([o.boxes[wanted(o)] for o in self.objects] or [np.zeros((0, 4), np.float32)])
        return boxes[:, 2:] - boxes[:, :2]


def load(scenes: Scenes, split: str, preprocessing: Preprocessing) -> Pictures:
    """Decodes and stretches every picture of a split, and its boxes with it.

    Raises:
        DatasetError: The split has no pictures.
        ImageError: A file of it is no image.
    """
    part = scenes.split(split)
    pixels = decoded(part, preprocessing)
    stretch = np.array([preprocessing.width, preprocessing.height], np.float32) / part.sizes
    return Pictures(pixels, [_stretched(part.objects(i), stretch[i]) for i in range(len(part))])


def wanted(objects: Objects) -> NDArray[np.bool_]:
    """Says which objects are to be found, ``(objects,)``: neither the difficult ones nor the crowds."""
    return ~(objects.difficult | objects.crowd)


def vary(
    pixels: NDArray[np.uint8], boxes: list[NDArray[np.float32]], rng: np.random.Generator, mirror: bool, shift: float
) -> tuple[NDArray[np.uint8], list[NDArray[np.float32]]]:
    """Varies light and place, and mirrors left and right where the classes allow it.

    Args:
        pixels: ``(batch, H, W, 3)``.
        boxes: ``(n, 4)`` of each picture.
        rng: Of all chance.
        mirror: Whether half of the pictures are mirrored; a mirrored "turn left" is another class.
        shift: The farthest a picture is moved, as a share of its sides; what it leaves is filled with its own edge.

    Returns:
        uint8 ``(batch, H, W, 3)``, and the boxes, cut at the edges.
    """
    batch, height, width = pixels.shape[:3]
    contrast, brightness = rng.uniform(0.75, 1.3, (batch, 1, 1, 1)), rng.uniform(-30, 30, (batch, 1, 1, 1))
    tint = rng.uniform(0.92, 1.08, (batch, 1, 1, 3))
    moves = np.round(rng.uniform(-shift, shift, (batch, 2)) * (width, height)).astype(int)
    mirrored = np.less(rng.random(batch), 0.5 if mirror else 0.0)
    varied, placed = np.empty(pixels.shape, np.float32), []
    for i, (x, y) in enumerate(moves.tolist()):
        rows, columns = np.arange(height) - y, np.arange(width) - x
        moved = pixels[i][rows.clip(0, height - 1)][:, columns.clip(0, width - 1)]
        box = (boxes[i] + np.array([x, y, x, y], np.float32)).clip(0, (width, height, width, height))
        varied[i] = moved[:, ::-1] if mirrored[i] else moved
        placed.append(_mirrored(box, width) if mirrored[i] else box)
    varied -= 128
    varied *= (contrast * tint).astype(np.float32)
    varied += (128 + brightness).astype(np.float32)
    return np.rint(varied.clip(0, 255, out=varied)).astype(np.uint8), placed


def _mirrored(boxes: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    return np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)


def _stretched(objects: Objects, stretch: NDArray[np.float32]) -> Objects:
    boxes = (objects.boxes.reshape(-1, 2, 2) * stretch).reshape(-1, 4)
    return Objects(objects.class_ids, boxes, objects.difficult, objects.crowd)
