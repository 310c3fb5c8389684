"""What the probabilities of a classifier mean: class, label, score, and the best few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.serve.runtimes import Tensor


class Labelled:
    """The answering half of a classifier's runtime.

    Args:
        labels: One a class, in the order of the model's outputs.
        top: How many of the best classes an answer lists.
    """

    form = "full"

    def __init__(self, labels: Sequence[str], top: int = 5) -> None:
        self.labels = list(labels)
        self.top = min(top, len(self.labels))
        self.outputs: tuple[Tensor, ...] = (
            Tensor("probabilities", "FP32", (-1, len(self.labels))),
            Tensor("class", "INT64", (-1,)),
        )

    def document(self, outputs: NDArray[np.float32]) -> Any:
        """Returns ``{"predictions": [{"class", "label", "score", "top": […]}, …]}``, one an image."""
        return {
            "predictions": [
                self._one(order.tolist(), row[order].tolist())
                for order, row in zip(ranked(outputs, self.top), outputs, strict=True)
            ]
        }

    def bare(self, outputs: NDArray[np.float32]) -> list[list[int]]:
        """Returns the classes alone, ``[[25], …]``."""
        return [[int(number)] for number in ranked(outputs, 1)[:, 0]]

    def tensors(self, outputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Returns ``probabilities`` float32 ``(batch, classes)`` and ``class`` int64 ``(batch,)``."""
        return {"probabilities": outputs, "class": ranked(outputs, 1)[:, 0]}

    def _one(self, classes: list[int], scores: list[float]) -> dict[str, Any]:
        top = [
            {"class": number, "label": self.labels[number], "score": score}
            for number, score in zip(classes, scores, strict=True)
        ]
        return {**top[0], "top": top}


def ranked(outputs: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Returns the ``count`` best classes of each row, best first ``(batch, count)``; of equals the lower first."""
    if count == 1:
        return np.argmax(outputs, axis=1)[:, None]
    return np.argsort(-outputs, axis=1, kind="stable")[:, :count]
