"""What the network shall say of each picture: YOLOv3's targets, from boxes and anchors alone.

The same numbers as GluonCV's ``YOLOV3PrefetchTargetGenerator``, which makes them picture by picture and box by box;
here a batch is a few array operations, cheap enough to be made anew after every random change of the boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.fine_tune.detector import anchors as anchors_module

Array = NDArray[np.float32]


class Grid(NamedTuple):
    """Where a network looks, from its deepest output to its shallowest, as GluonCV orders them.

    Attributes:
        height: Of the input, in pixels.
        width: Of the input, in pixels.
        strides: Pixels between two cells, one an output.
        anchors: ``(outputs, anchors, 2)`` in pixels.
    """

    height: int
    width: int
    strides: tuple[int, ...]
    anchors: Array

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Rows and columns of each output."""
        return [(-(-self.height // stride), -(-self.width // stride)) for stride in self.strides]

    @property
    def cells(self) -> int:
        """How many boxes the network predicts."""
        return sum(rows * columns for rows, columns in self.shapes) * self.anchors.shape[1]


class Targets(NamedTuple):
    """What a batch shall become; ``predictions`` boxes a picture.

    Attributes:
        objectness: ``(batch, predictions, 1)``: 1 where a box is to be found.
        centers: ``(batch, predictions, 2)``, within the cell, in [0, 1).
        scales: ``(batch, predictions, 2)``, logarithms of the box's size over the anchor's.
        weights: ``(batch, predictions, 2)``: 2 − the box's share of the picture, so that small boxes count more.
        classes: ``(batch, predictions, classes)``: one-hot where there is a box, −1 elsewhere.
    """

    objectness: Array
    centers: Array
    scales: Array
    weights: Array
    classes: Array


def targets(grid: Grid, boxes: Sequence[Array], class_ids: Sequence[NDArray[np.integer]], classes: int) -> Targets:
    """Gives each box to the anchor that fits it best, in the cell that holds its centre (YOLOv3, section 2.1).

    Args:
        grid: Where the network looks.
        boxes: ``(n, 4)`` of each picture, in pixels of the input.
        class_ids: ``(n,)`` of each picture.
        classes: How many there are.
    """
    shape = (len(boxes), grid.cells)
    one, centers, scales, weights = (np.zeros((*shape, n), np.float32) for n in (1, 2, 2, 2))
    made = Targets(one, centers, scales, weights, np.full((*shape, classes), -1, np.float32))
    picture = np.repeat(np.arange(len(boxes)), [len(b) for b in boxes])
    if not len(picture):
        return made
    all_boxes, ids = np.concatenate(boxes).astype(np.float64), np.concatenate(class_ids)
    middle, size = (all_boxes[:, :2] + all_boxes[:, 2:]) / 2, all_boxes[:, 2:] - all_boxes[:, :2]
    flat = grid.anchors.reshape(-1, 2).astype(np.float64)
    anchor = anchors_module.overlap(size, flat).argmax(1)
    output, which = np.divmod(anchor, grid.anchors.shape[1])
    shapes = np.array(grid.shapes)[output]
    place = middle / (grid.width, grid.height) * shapes[:, ::-1]
    # A centre on the right or lower edge belongs to the last cell.
    cell = np.minimum(place.astype(int), shapes[:, ::-1] - 1)
    before = np.cumsum([0, *(rows * columns for rows, columns in grid.shapes)])[output]
    at = (before + cell[:, 1] * shapes[:, 1] + cell[:, 0]) * grid.anchors.shape[1] + which
    made.objectness[picture, at] = 1
    made.centers[picture, at] = place - cell
    made.scales[picture, at] = np.log(np.maximum(size, 1) / flat[anchor])
    made.weights[picture, at] = (2 - size.prod(1) / (grid.width * grid.height))[:, None]
    made.classes[picture, at] = 0
    made.classes[picture, at, ids] = 1
    return made
