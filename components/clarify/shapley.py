"""Shapley values of a game that is dear to ask, with standard errors that say how far they may be off.

A *game* takes coalitions, ``(n, players)`` bool, and answers one or more numbers for each. Few players are enumerated
and their values exact; for more, a seeded sample of complementary pairs is asked (``coalitions``), and the values come
from a regression with a model of the game as control variate (``control``). Every player keeps its value: there is no
hidden selection of features, which shap's default ``l1_reg`` makes.

What holds: the values sum up to the full coalition's answer less the empty one's (efficiency); they are linear in the
game for one seed, unless an error bound stops them early; the size of chunks and an interruption change no bit,
provided that the game answers a coalition alike in any company.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.clarify import control
from components.clarify.asking import Asking, Game
from components.clarify.coalitions import Pairs, default_samples, draw, enumerate_all, least_samples
from components.clarify.kernel import exact_values
from components.clarify.ledger import Ledger
from components.errors import InputError

__all__ = ["Estimate", "Game", "Ledger", "default_samples", "estimate", "least_samples"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Estimate:
    """The Shapley values of a game.

    Attributes:
        values: φ, ``(players, outputs)``, in the game's units.
        base: The empty coalition's answer, ``(outputs,)``.
        full: The full coalition's, ``(outputs,)``.
        standard_errors: Of the values over repeated draws of coalitions, ``(players, outputs)``; 0 when exact.
        residual: What efficiency leaves, ``full - base - Σφ``, ``(outputs,)``: rounding.
        samples: Coalitions asked besides the empty and the full one.
        exact: Whether all coalitions were asked.
        seed: Of the draw.
        freedom: Degrees of freedom of the standard errors; infinite when exact.
    """

    values: Floats
    base: Floats
    full: Floats
    standard_errors: Floats
    residual: Floats
    samples: int
    exact: bool
    seed: int
    freedom: float

    @property
    def players(self) -> int:
        """Players of the game."""
        return self.values.shape[0]

    @property
    def outputs(self) -> int:
        """Numbers in an answer of the game."""
        return self.values.shape[1]

    @property
    def evaluations(self) -> int:
        """Coalitions asked, the empty and the full one among them."""
        return self.samples + (2 if self.players else 1)

    def interval(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Returns ``low, high``, each ``(players, outputs)``: Student's interval of every value by itself.

        Raises:
            InputError: The confidence is not between 0 and 1.
        """
        if not 0 < confidence < 1:
            raise InputError(f"confidence: expected a number between 0 and 1, found {confidence!r}")
        from scipy.special import ndtri, stdtrit

        level = (1 + confidence) / 2
        quantile = ndtri(level) if math.isinf(self.freedom) else stdtrit(self.freedom, level)
        return self.values - quantile * self.standard_errors, self.values + quantile * self.standard_errors


def estimate(
    value: Game,
    players: int,
    samples: int | None = None,
    seed: int = 0,
    *,
    ledger: Ledger | None = None,
    chunk: int = 256,
    error_bound: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Estimate:
    """Estimates the Shapley values of a game, or computes them where all coalitions are within the budget.

    Args:
        value: The game. It is asked at most ``chunk`` different coalitions at a time, none twice; what it raises
            passes through, and what it answered before is in the ledger.
        players: From 0.
        samples: Coalitions to ask besides the empty and the full one, as AWS and shap count; an odd number asks one
            fewer, ``2^players - 2`` or more asks all. None: ``default_samples(players)``.
        seed: From 0; the same seed asks the same coalitions.
        ledger: Answers of this game from an interrupted call with any seed; new ones are entered. The result is bit by
            bit that of a call that was never interrupted.
        chunk: At least 1.
        error_bound: Stop when no standard error is larger, in the game's units; looked at after each eighth of the
            budget, and not before ``least_samples(players)``.
        progress: Called after each chunk with the coalitions answered and those planned.

    Raises:
        InputError: An argument is out of its range, or the game answered other than finite ``(n, outputs)`` or
            ``(n,)``.
    """
    samples = _checked(players, samples, seed, chunk)
    if error_bound is not None and not error_bound > 0:
        raise InputError(f"error_bound: expected a number over 0, found {error_bound!r}")
    ledger = Ledger(players) if ledger is None else ledger
    if ledger.players != players:
        raise InputError(f"ledger: expected one of {players} players, found one of {ledger.players}")
    asking = Asking(value, ledger, chunk, progress)
    if samples >= 2**players - 2:
        return _enumerated(asking, players, seed)
    return _sampled(asking, draw(players, samples, seed), seed, error_bound)


def _enumerated(asking: Asking, players: int, seed: int) -> Estimate:
    coalitions = enumerate_all(players)
    answers = asking.answers(coalitions, planned=len(coalitions))
    base, full = answers[0], answers[:2][-1]  # without players, they are the same
    values = exact_values(players, coalitions, answers)
    residual = full - base - values.sum(axis=0)
    samples = max(len(coalitions) - 2, 0)
    return Estimate(values, base, full, np.zeros_like(values), residual, samples, True, seed, math.inf)


def _sampled(asking: Asking, pairs: Pairs, seed: int, error_bound: float | None) -> Estimate:
    players = pairs.rows.shape[1]
    least, planned = least_samples(players) // 2, 2 + 2 * len(pairs.rows)
    stops = pairs.ends[-1:] if error_bound is None else pairs.ends[pairs.ends >= least]
    for stop in stops:
        rows, sizes = pairs.rows[:stop], pairs.sizes[:stop]
        both = np.stack([rows, ~rows], axis=1).reshape(-1, players)
        ends = np.array([[False] * players, [True] * players])
        answers = asking.answers(np.concatenate([ends, both]), planned)
        base, full = answers[0], answers[1]
        found = control.fit(rows, sizes, (answers[2::2] - answers[3::2]) / 2, full - base, seed)
        if error_bound is not None and found.errors.max() <= error_bound:
            break
    residual = full - base - found.values.sum(axis=0)
    return Estimate(found.values, base, full, found.errors, residual, 2 * len(rows), False, seed, found.freedom)


def _checked(players: int, samples: int | None, seed: int, chunk: int) -> int:
    """Returns the number of samples, after all four were found to be in their range."""
    for name, number, least in (("players", players, 0), ("seed", seed, 0), ("chunk", chunk, 1)):
        if not _whole(number) or number < least:
            raise InputError(f"{name}: expected a whole number from {least}, found {number!r}")
    if samples is None:
        return default_samples(players)
    fewest = least_samples(players)
    if not _whole(samples) or samples < fewest:
        raise InputError(
            f"samples: expected at least {fewest} for {players} players, besides the empty and the full coalition, "
            f"found {samples!r}"
        )
    return samples


def _whole(number: object) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)
