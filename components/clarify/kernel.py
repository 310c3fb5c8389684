"""The values out of what the game answered: exactly from all coalitions, by regression from a sample of pairs.

The Shapley values are the weighted least squares fit of an additive game under the efficiency constraint, with the
Shapley kernel as weights (Charnes et al., 1988; Lundberg and Lee, "A unified approach to interpreting model
predictions", NeurIPS 2017, theorem 2). A pair's row of that fit says ``(v(S) - v(S')) / 2 = Σ x_i φ_i / 2``, x = ±1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.clarify.coalitions import Coalitions, population

Floats = NDArray[np.float64]
BLOCK = 1 << 16


def exact_values(players: int, coalitions: Coalitions, answers: Floats) -> Floats:
    """Returns the Shapley values ``(players, outputs)`` by their definition (Shapley, 1953).

    Args:
        players: At least 1.
        coalitions: All of them, ``(2^players, players)``.
        answers: The game's value of each, ``(2^players, outputs)``.
    """
    present = np.array([0.0] + [1 / (s * math.comb(players, s)) for s in range(1, players + 1)])
    absent = np.array([-1 / ((players - s) * math.comb(players, s)) for s in range(players)] + [0.0])
    values = np.zeros((players, answers.shape[1]))
    for start in range(0, len(coalitions), BLOCK):
        rows = coalitions[start : start + BLOCK]
        sizes = rows.sum(axis=1)
        shares = np.where(rows, present[sizes][:, None], absent[sizes][:, None])
        values += shares.T @ answers[start : start + BLOCK]
    return values


class Fit(NamedTuple):
    """What a sample of pairs says.

    Attributes:
        values: The Shapley values, ``(players, outputs)``.
        errors: Their standard errors, ``(players, outputs)``.
        freedom: Degrees of freedom of these.
    """

    values: Floats
    errors: Floats
    freedom: float


def fit(rows: Coalitions, sizes: NDArray[np.int64], odd: Floats, total: Floats) -> Fit:
    """Fits the additive game to sampled pairs; its values sum up to ``total``.

    The last player is eliminated by that constraint. The system is never singular: size 1 is complete, and its rows
    alone determine the other players. A size's pairs together carry the kernel's weight of the size, few or many.

    Args:
        rows: The pairs' smaller members, ``(pairs, players)``.
        sizes: Players in each, ``(pairs,)``.
        odd: ``(v(S) - v(S')) / 2`` of each pair, ``(pairs, outputs)``.
        total: The full coalition's value less the empty one's, ``(outputs,)``.
    """
    players = rows.shape[1]
    signs = np.where(rows, 0.5, -0.5)
    design = signs[:, :-1] - signs[:, -1:]
    target = odd - signs[:, -1:] * total
    roots = np.sqrt(_weights(players, sizes))[:, None]
    q, r = np.linalg.qr(roots * design)
    influence = np.linalg.solve(r, q.T * roots.T)
    values = influence @ target
    left = target - design @ values
    left /= np.maximum(1 - np.square(q).sum(axis=1, keepdims=True), 1e-9)
    influence = np.concatenate([influence, -influence.sum(axis=0, keepdims=True)])
    errors, freedom = stratified_errors(players, sizes, influence, left)
    return Fit(np.concatenate([values, (total - values.sum(axis=0))[None]]), errors, freedom)


def _weights(players: int, sizes: NDArray[np.int64]) -> Floats:
    """Returns each pair's weight: the kernel's weight of its size, shared among the pairs of the size."""
    counts = np.bincount(sizes, minlength=players)[sizes]
    both = np.where(2 * sizes == players, 1.0, 2.0)  # two sizes, but for the middle one
    return both * (players - 1) / (sizes * (players - sizes)) / counts


def stratified_errors(players: int, sizes: NDArray[np.int64], influence: Floats, left: Floats) -> tuple[Floats, float]:
    """Returns the standard errors ``(players, outputs)`` and their degrees of freedom.

    The variance of a stratified sample's total (Cochran, "Sampling techniques", 5.3): the pairs are the sampling units,
    the sizes the strata, with the finite-population correction, so that a complete size adds nothing. The summands are
    the influence of each pair times its residual had it been left out (the jackknife; MacKinnon and White, 1985, HC3).

    Args:
        players: Of the game.
        sizes: Players in each pair's smaller member, ``(pairs,)``.
        influence: What each pair's answer is multiplied with, ``(players, pairs)``.
        left: What all other pairs do not foresee of it, ``(pairs, outputs)``.
    """
    variance = np.zeros((players, left.shape[1]))
    freedom = 0
    for size in np.unique(sizes):
        mine = np.flatnonzero(sizes == size)
        missing = 1 - len(mine) / population(players, int(size))
        if missing <= 0 or len(mine) < 2:
            continue
        parts = influence[:, mine, None] * left[mine]
        variance += missing * len(mine) * parts.var(axis=1, ddof=1)
        freedom += len(mine) - 1
    return np.sqrt(variance), float(freedom) if freedom else math.inf
