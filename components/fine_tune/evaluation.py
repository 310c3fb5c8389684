"""Accuracy with its interval, and the confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from components.fine_tune.pictures import Pictures, to_input
from components.images import Preprocessing
from components.intervals import wilson


@dataclass(frozen=True)
class Evaluation:
    """What a classifier gets right.

    Attributes:
        confusion: Counts ``(classes, classes)``; rows are true classes, columns predicted ones.
        loss: Mean cross-entropy, in nats.
    """

    confusion: NDArray[np.int64]
    loss: float

    @property
    def count(self) -> int:
        """How many images were judged."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """The share of images whose class was predicted."""
        return float(np.trace(self.confusion)) / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """The accuracy's Wilson interval at 95 %."""
        return wilson(int(np.trace(self.confusion)), self.count)

    @property
    def recalls(self) -> NDArray[np.float64]:
        """Recall of each class ``(classes,)``; NaN for a class without images."""
        with np.errstate(invalid="ignore"):
            recalls: NDArray[np.float64] = np.diag(self.confusion) / self.confusion.sum(1)
        return recalls


def evaluate(
    network: torch.nn.Module,
    pictures: Pictures,
    preprocessing: Preprocessing,
    side: int | None = None,
    batch_size: int = 128,
) -> Evaluation:
    """Judges ``network``, in eval mode and in full precision, as the server runs it.

    Args:
        network: ``(batch, 3, H, W)`` → logits ``(batch, classes)``.
        pictures: What to judge it on.
        preprocessing: The contract.
        side: Of the images, in pixels, where it is not the contract's: while it trains on smaller ones.
        batch_size: Images a pass.
    """
    was_training = network.training
    network.eval()
    where = next(network.parameters()).device
    parts = [slice(start, start + batch_size) for start in range(0, len(pictures), batch_size)]
    with torch.inference_mode():
        inputs = (to_input(pictures.pixels[p].to(where), preprocessing) for p in parts)
        logits = torch.cat([network(_sized(batch, side)).cpu() for batch in inputs])
    network.train(was_training)
    classes = logits.shape[1]
    pairs = pictures.class_ids * classes + logits.argmax(1)
    confusion = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return Evaluation(confusion.numpy(), float(torch.nn.functional.cross_entropy(logits, pictures.class_ids)))


def _sized(inputs: torch.Tensor, side: int | None) -> torch.Tensor:
    if side is None or inputs.shape[-1] == side:
        return inputs
    return torch.nn.functional.interpolate(inputs, (side, side), mode="bilinear", antialias=True)
