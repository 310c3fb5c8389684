"""From images to maps and numbers, with the model's own preprocessing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from components.fullgrad.explainer import Explainer
from components.fullgrad.result import Explanation
from components.images import Pixels, Preprocessing


class Explained(NamedTuple):
    """One image, explained.

    Attributes:
        image: As the model takes it, ``(height, width, 3)`` uint8 RGB.
        saliency: ``(height, width)`` float32.
        target: The class that was explained.
        logit: Its logit.
        score: Its softmax.
        residual: Of completeness.
        predicted: The class with the highest logit, computed again.
        predicted_score: Its softmax.
    """

    image: Pixels
    saliency: NDArray[np.float32]
    target: int
    logit: float
    score: float
    residual: float
    predicted: int
    predicted_score: float


class Painter:
    """Explains images with one method.

    Args:
        network: ``(batch, 3, height, width)`` → logits, in evaluation mode.
        preprocessing: Of the model.
        method: ``fullgrad``, ``simple`` or ``smooth``.
        tolerance: The largest residual.
    """

    def __init__(self, network: torch.nn.Module, preprocessing: Preprocessing, method: str, tolerance: float) -> None:
        self._explainer = Explainer(network)
        self._device = next(network.parameters()).device
        self._preprocessing = preprocessing
        self._method, self._tolerance = method, tolerance

    def explain(self, pixels: Sequence[Pixels], targets: Sequence[int | None]) -> Iterator[Explained]:
        """Explains images of any size.

        Args:
            pixels: Each ``(H, W, 3)``.
            targets: The class to explain for each; None, or one the model has not, for its highest logit.

        Raises:
            CompletenessError: A map does not add up.
        """
        images = [self._preprocessing.resize(one) for one in pixels]
        inputs = torch.from_numpy(self._preprocessing.normalize(np.stack(images))).to(self._device)
        found = self._run(inputs, None)
        classes = found.logits.shape[1]
        wanted = [
            int(top) if target is None or not 0 <= target < classes else target
            for target, top in zip(targets, found.target, strict=True)
        ]
        others = [i for i, target in enumerate(wanted) if target != int(found.target[i])]
        again = self._run(inputs[others], torch.tensor([wanted[i] for i in others])) if others else None
        scores = torch.softmax(found.logits, 1)
        for i, (image, target) in enumerate(zip(images, wanted, strict=True)):
            of, j = (again, others.index(i)) if again is not None and i in others else (found, i)
            top = int(found.target[i])
            yield Explained(
                image,
                of.saliency[j].float().cpu().numpy(),
                target,
                float(of.logit[j]),
                float(scores[i, target]),
                float(of.residual[j]),
                top,
                float(scores[i, top]),
            )

    def _run(self, inputs: torch.Tensor, target: torch.Tensor | None) -> Explanation:
        if self._method == "simple":
            return self._explainer.simple_fullgrad(inputs, target, tolerance=self._tolerance)
        if self._method == "smooth":
            return self._explainer.smooth_fullgrad(inputs, target, tolerance=self._tolerance)
        return self._explainer.fullgrad(inputs, target, tolerance=self._tolerance, keep=False)
