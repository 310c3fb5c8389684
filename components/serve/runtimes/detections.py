"""What a detector's outputs mean: rows ``[class, score, x1, y1, x2, y2]``, best first, as shares of the image's sides.

A network's outputs are numbers, and not yet detections: GluonCV pads with class −1, networks that were trained badly
give NaN, boxes that reach over the edge or have no area, and classes that no label names. What is no detection is
dropped here, once, so that nobody behind this room needs to look again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import WeightsError
from components.serve.runtimes import Tensor

NOTHING = -1.0
"""What a row is filled with that holds no detection."""

_ROUNDING = 1e-6  # by which a score may pass 1


def rows(
    ids: NDArray[Any], scores: NDArray[Any], boxes: NDArray[Any], classes: int, sides: tuple[int, int]
) -> NDArray[np.float32]:
    """Returns the detections in a network's outputs, float32 ``(batch, n, 6)``.

    A row is ``[class, score, xmin / width, ymin / height, xmax / width, ymax / height]``, clipped to [0, 1]. An image's
    detections come first, best first, of equals in the network's order; the rows behind them are −1. Dropped is a row
    with a value that is not finite, a class that is not one of the model's, a score outside of [0, 1], or a box that
    has no area in the image.

    Args:
        ids: ``(batch, n, 1)``, classes.
        scores: ``(batch, n, 1)``.
        boxes: ``(batch, n, 4)``, x1, y1, x2, y2 in pixels of the network's input.
        classes: How many the model has.
        sides: Height and width of the network's input, in pixels.

    Raises:
        WeightsError: The arrays have other shapes.
    """
    if ids.ndim != 3 or ids.shape[2] != 1 or scores.shape != ids.shape or boxes.shape != (*ids.shape[:2], 4):
        shapes = f"{ids.shape}, {scores.shape} and {boxes.shape}"
        raise WeightsError(f"expected outputs (batch, n, 1), (batch, n, 1) and (batch, n, 4), found {shapes}")
    height, width = sides
    with np.errstate(over="ignore"):  # a number too large for float32 becomes infinite, and is dropped as such
        shares = boxes / np.array([width, height, width, height])
        found = np.concatenate([ids, scores, shares], axis=2).astype(np.float32)
    good = np.isfinite(found).all(axis=2)
    found[~good] = NOTHING
    np.clip(found[:, :, 2:], 0, 1, out=found[:, :, 2:])
    kind, score = found[:, :, 0], found[:, :, 1]
    good &= (kind >= 0) & (kind < classes) & (kind == np.floor(kind)) & (score >= 0) & (score <= 1 + _ROUNDING)
    good &= (found[:, :, 4] > found[:, :, 2]) & (found[:, :, 5] > found[:, :, 3])
    np.minimum(score, 1, out=score)
    found[~good] = NOTHING
    order = np.argsort(np.where(good, -score, np.inf), axis=1, kind="stable")
    return np.take_along_axis(found, order[:, :, None], axis=1)


class Detected:
    """The answering half of a detector's runtime.

    Args:
        labels: One a class.
        most: Rows an image, ``n``.
    """

    form = "bare"

    def __init__(self, labels: Sequence[str], most: int) -> None:
        self.labels = list(labels)
        self.outputs: tuple[Tensor, ...] = (Tensor("detections", "FP32", (-1, most, 6)),)

    def document(self, outputs: NDArray[np.float32]) -> Any:
        """Returns ``{"predictions": [{"detections": [{"class", "label", "score", "box"}, …]}, …]}``, one an image."""
        return {"predictions": [{"detections": [self._one(*row) for row in image]} for image in self.bare(outputs)]}

    def bare(self, outputs: NDArray[np.float32]) -> list[list[list[float]]]:
        """Returns ``[[[class, score, x1, y1, x2, y2], …], …]``, a list an image, empty for one without detections.

        It is the form that SageMaker Clarify asks of a detector (Developer Guide, "Object detection models").
        """
        counts = (outputs[:, :, 0] >= 0).sum(axis=1).tolist()
        return [
            [[int(kind), *row] for kind, *row in image[:count].tolist()]
            for image, count in zip(outputs, counts, strict=True)
        ]

    def tensors(self, outputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Returns ``detections`` float32 ``(batch, n, 6)``, padded with −1."""
        return {"detections": outputs}

    def _one(self, kind: float, score: float, *box: float) -> dict[str, Any]:
        corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        return {"class": int(kind), "label": self.labels[int(kind)], "score": score, "box": corners}
