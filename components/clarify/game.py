"""The game of one picture: coalitions of segments in, the value of each box or class out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.clarify.masks import Masker
from components.clarify.objects import Detections, values
from components.clarify.predictors import Predictor
from components.images import Pixels

Floats = NDArray[np.float64]
Scoring = Callable[[NDArray[np.float32]], Floats]
Watch = Callable[[Pixels], None]

_LEAST = 1e-7  # of a probability, before its logit is taken


@dataclass(frozen=True)
class Game:
    """A picture, its masks, and what its score is.

    Attributes:
        masker: Makes the masked pictures; its players are the game's.
        predictor: Answers them.
        scoring: What an answer is worth, ``(n, …)`` to ``(n, outputs)``.
        watch: Is shown each batch of masked pictures before it is predicted.
    """

    masker: Masker
    predictor: Predictor
    scoring: Scoring
    watch: Watch | None = None

    def __call__(self, coalitions: NDArray[np.bool_]) -> Floats:
        """Returns the values ``(n, outputs)`` of coalitions ``(n, players)``.

        Raises:
            EndpointError: There is no answer.
        """
        batches = self.masker.chunks(coalitions, self.predictor.room)
        if self.watch is not None:
            batches = _watched(batches, self.watch)
        return np.concatenate([self.scoring(answer) for answer in self.predictor.answers(batches)])

    def identity(self, targets: Floats) -> str:
        """Returns a text that tells this game from others: of its pictures and of what the model said of them.

        Args:
            targets: What is explained, with its scores; another model would not give the same.
        """
        digest = hashlib.sha256()
        everyone = np.eye(len(self.masker.players), dtype=bool)
        for part in (self.masker.build(~everyone), targets):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()


def detection_scoring(wanted: Detections, threshold: float, logit: bool, dropped: Counter[str]) -> Scoring:
    """Returns the scoring by which a detector's rows ``(n, N, 6)`` are worth ``(n, boxes)``.

    Args:
        wanted: The boxes.
        threshold: The overlap at which a detection counts.
        logit: Whether the logit of the score is the value.
        dropped: Counts rows that are no detections.
    """

    def score(rows: NDArray[np.float32]) -> Floats:
        found = values(rows, wanted, threshold, dropped)
        return logits(found) if logit else found

    return score


def classification_scoring(classes: NDArray[np.int64], logit: bool) -> Scoring:
    """Returns the scoring by which probabilities ``(n, all)`` are worth those of some classes ``(n, classes)``."""

    def score(found: NDArray[np.float32]) -> Floats:
        kept = found[:, classes].astype(np.float64)
        return logits(kept) if logit else kept

    return score


def _watched(batches: Iterator[Pixels], watch: Watch) -> Iterator[Pixels]:
    for batch in batches:
        watch(batch)
        yield batch


def logits(found: Floats) -> Floats:
    """Returns log(p / (1 - p)), of p cut to [1e-7, 1 - 1e-7]."""
    kept = np.clip(found, _LEAST, 1 - _LEAST)
    return np.log(kept / (1 - kept))
