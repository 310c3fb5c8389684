"""Asks a game what is not known yet, a chunk at a time, and takes nothing but finite numbers for an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.clarify.coalitions import Coalitions
from components.clarify.ledger import Ledger
from components.errors import InputError

Floats = NDArray[np.float64]
Game = Callable[[Coalitions], NDArray[Any]]


@dataclass(frozen=True)
class Asking:
    """A game, what it answered so far, and who wants to hear of it.

    Attributes:
        value: The game: ``(n, players)`` bool to ``(n, outputs)`` or ``(n,)``.
        ledger: Its answers; every chunk is entered as soon as it is there.
        chunk: Coalitions asked at a time, at most.
        progress: Called after each chunk with the coalitions answered and those planned.
    """

    value: Game
    ledger: Ledger
    chunk: int
    progress: Callable[[int, int], None] | None

    def answers(self, coalitions: Coalitions, planned: int) -> Floats:
        """Returns the answers ``(n, outputs)`` to ``(n, players)`` coalitions, after asking for those that miss.

        Raises:
            InputError: An answer has another shape than it should, or is not finite.
        """
        missing = self.ledger.missing(coalitions)
        known = len(coalitions) - len(missing)
        for start in range(0, len(missing), self.chunk):
            part = missing[start : start + self.chunk]
            self.ledger.add(part, self._checked(part, self.value(part)))
            if self.progress is not None:
                self.progress(known + start + len(part), planned)
        return self.ledger.look_up(coalitions)

    def _checked(self, part: Coalitions, answered: NDArray[Any]) -> Floats:
        answers = np.asarray(answered)
        if answers.ndim == 1:
            answers = answers[:, None]
        outputs = self.ledger.outputs or (answers.shape[1] if answers.ndim == 2 else 0)
        numbers = answers.dtype.kind in "bfiu"
        if not numbers or answers.shape != (len(part), outputs) or not outputs:
            raise InputError(
                f"game: expected numbers ({len(part)}, {outputs or 'outputs'}) for {len(part)} coalitions, "
                f"found {answers.dtype} {np.shape(answered)}"
            )
        answers = answers.astype(np.float64)
        wrong = np.flatnonzero(~np.isfinite(answers).all(axis=1))
        if len(wrong):
            raise InputError(
                f"game: expected finite numbers, found {answers[wrong[0]].tolist()} for the coalition of "
                f"{_named(part[wrong[0]])} ({len(wrong)} such of {len(part)})"
            )
        return answers


def _named(row: NDArray[np.bool_]) -> str:
    """Returns a coalition in words, by whichever of its members and the others are fewer."""
    present, absent = np.flatnonzero(row).tolist(), np.flatnonzero(~row).tolist()
    if not present:
        return "no player"
    if not absent:
        return "all players"
    return f"players {present}" if len(present) <= len(absent) else f"all players but {absent}"
