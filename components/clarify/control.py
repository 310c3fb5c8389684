"""Values out of a sample of pairs, with a model of the game as control variate.

The additive fit of ``kernel`` sees every interaction of three players as noise. Here a Gaussian process learns the odd
part of the game from the pairs, its Shapley values are known in closed form, and what it gets wrong is estimated from
pairs that it has not seen (regression adjustment with cross-fitting: Witter, Liu and Musco, "Regression-adjusted Monte
Carlo estimators for Shapley values", 2025). So a wrong model costs accuracy, and does not bias the values.

In signs x = ±1 the game is a sum of parities, ``Σ_T c_T Π_{i in T} x_i``. Only those of odd order matter; a parity of
order k is worth 2 / k to each of its players. The process takes all c_T of an order as equally uncertain, so its
covariance depends on the distance of two coalitions alone: a Krawtchouk polynomial of it for each order. (A model with
pairs of players has nothing to add: parities of order two are even, and complementary pairs cancel them.)

All of this is linear in the game, and its matrix depends on the coalitions only. Where the pairs are too many for one
model, several share them and their mean is taken; where that is not possible either, the plain regression remains.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from components.clarify import kernel
from components.clarify.coalitions import Coalitions, population
from components.clarify.kernel import Fit, Floats, stratified_errors

# The share of the game's variance that each order is thought to have; only their ratios matter. The first is so large
# that an additive game comes out as it is (to 1e-5 with 500 samples of 20 players); the remainder stands for all higher
# orders, and keeps a game without structure from being taken for one with triples. Measured over six kinds of games
# with 13 to 40 players: half or double of the others changes the error by a few percent.
ENERGIES = {1: 1e4, 3: 1.0, 5: 0.3}
REMAINDER = 0.3
FOLDS = 20
LARGEST = 2500
"""Pairs in one model at most: time grows with their cube, two to four seconds here."""


def fit(rows: Coalitions, sizes: NDArray[np.int64], odd: Floats, total: Floats, seed: int) -> Fit:
    """Fits the sampled pairs; the values sum up to ``total``.

    Args:
        rows: The pairs' smaller members, ``(pairs, players)``, in random order within a size.
        sizes: Players in each, ``(pairs,)``.
        odd: ``(v(S) - v(S')) / 2`` of each pair, ``(pairs, outputs)``.
        total: The full coalition's value less the empty one's, ``(outputs,)``.
        seed: Of the folds.
    """
    answers = np.concatenate([odd, total[None] / 2])
    blocks = _blocks(rows.shape[1], sizes)
    if not blocks:
        return kernel.fit(rows, sizes, odd, total)
    fits = [_fit(rows[block], sizes[block], answers[np.append(block, -1)], seed) for block in blocks]
    # Disjoint samples without replacement: their mean varies a little less than it would if they were independent.
    errors = np.sqrt(np.sum([np.square(one.errors) for one in fits], axis=0)) / len(fits)
    return Fit(np.mean([one.values for one in fits], axis=0), errors, sum(one.freedom for one in fits))


def _fit(rows: Coalitions, sizes: NDArray[np.int64], answers: Floats, seed: int) -> Fit:
    influence, left_out = _matrices(rows, sizes, _folds(rows.shape[1], sizes, seed))
    # Without a pair, the values would move by its influence times what the others do not foresee of it: the jackknife.
    left = (left_out @ answers)[:-1]
    errors, freedom = stratified_errors(rows.shape[1], sizes, influence[:, :-1], left)
    return Fit(influence @ answers, errors, freedom)


def _blocks(players: int, sizes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Splits pairs that are too many for one model: each part is a sample like the whole, with all complete sizes.

    Returns:
        The pairs of each part; no part where complete sizes leave no room, or a size has too few pairs to be split.
    """
    counts = np.bincount(sizes)
    complete = np.array([not count or count == population(players, size) for size, count in enumerate(counts)])
    room, rest = LARGEST - int((counts * complete).sum()), np.flatnonzero(~complete[sizes])
    if room >= len(rest):
        return [np.arange(len(sizes))]
    parts = math.ceil(len(rest) / room) if room >= LARGEST // 4 else 0
    if not parts or counts[~complete].min() < 2 * parts:
        return []
    place = np.zeros(len(sizes), int)
    for size in np.flatnonzero(~complete):
        mine = np.flatnonzero(sizes == size)
        place[mine] = np.arange(len(mine)) % parts
    return [np.flatnonzero(complete[sizes] | (place == part)) for part in range(parts)]


def _matrices(rows: Coalitions, sizes: NDArray[np.int64], folds: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Returns what the answers of all pairs and of the full coalition are multiplied with.

    Returns:
        The matrix that gives the values, ``(players, pairs + 1)``, and the one that gives every pair's residual had it
        been left out, ``(pairs + 1, pairs + 1)``.
    """
    players = rows.shape[1]
    signs = np.where(np.concatenate([rows, np.ones((1, players), bool)]), 1.0, -1.0)
    counts = np.bincount(sizes)[sizes]
    everything = np.array([population(players, int(size)) for size in sizes], float)
    shares = _shares(rows, sizes)
    covariance = _covariance(signs) + REMAINDER * np.eye(len(signs))
    with_values = _covariance_with_values(signs)
    with_values += REMAINDER * np.concatenate([shares / everything, np.full((players, 1), 2 / players)], axis=1)
    inverse = np.linalg.inv(covariance)
    modelled = with_values @ inverse
    influence = modelled.copy()
    used = np.unique(folds[folds >= 0])
    for fold in used:
        mine = np.flatnonzero(folds == fold)
        # What a model of all other folds gets wrong here, out of the one inverse (Rasmussen and Williams, 5.4.2).
        wrong = np.linalg.solve(inverse[np.ix_(mine, mine)], inverse[mine])
        tested = np.bincount(sizes[mine])[sizes[mine]]
        # The pairs that such a model knows have no error left; those tested stand for all others of their size.
        stands_for = (1 - (counts[mine] - tested) / everything[mine]) / counts[mine]
        influence += (shares[:, mine] * stands_for - modelled[:, mine] / len(used)) @ wrong
    influence -= influence.mean(axis=0)  # efficiency: the values of anything but the full coalition sum up to nothing
    influence[:, -1] += 2 / players
    return influence, inverse / np.diag(inverse)[:, None]


def _folds(players: int, sizes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Deals the pairs of every size among the folds, ``(pairs,)``; -1, no fold, where the size is complete."""
    generator = np.random.default_rng([seed, 1])
    folds = np.full(len(sizes), -1)
    for size in np.unique(sizes):
        mine = np.flatnonzero(sizes == size)
        if len(mine) < population(players, int(size)):
            dealt = generator.random(len(mine)).argsort(kind="stable") + int(generator.random() * FOLDS)
            folds[mine] = dealt % FOLDS
    return folds


def _shares(rows: Coalitions, sizes: NDArray[np.int64]) -> Floats:
    """Returns what a size's mean answer is multiplied with in the definition of the values, ``(players, pairs)``."""
    players = rows.shape[1]
    both = np.where(2 * sizes == players, 1.0, 2.0)
    return np.where(rows.T, both / sizes, -both / (players - sizes))


def _covariance(signs: Floats) -> Floats:
    """Returns the covariance of the answers to ``(n, players)`` coalitions, ``(n, n)``, the remainder left out."""
    players = signs.shape[1]
    orders = [energy / math.comb(players, k) * _krawtchouk(k, players) for k, energy in ENERGIES.items()]
    return np.sum(orders, axis=0)[np.rint((players - signs @ signs.T) / 2).astype(int)]


def _covariance_with_values(signs: Floats) -> Floats:
    """Returns the covariance of the values and those answers, ``(players, n)``."""
    players = signs.shape[1]
    orders = [
        energy / math.comb(players, k) * 2 / k * _krawtchouk(k - 1, players - 1) for k, energy in ENERGIES.items()
    ]
    absent = (signs < 0).sum(axis=1) - (signs.T < 0)  # others than the player itself, (players, n)
    return signs.T * np.sum(orders, axis=0)[absent]


def _krawtchouk(order: int, players: int) -> Floats:
    """Returns the sum of all parities of one order by the number of absent players, ``(players + 1,)``."""
    return np.array(
        [
            float(sum((-1) ** j * math.comb(away, j) * math.comb(players - away, order - j) for j in range(order + 1)))
            for away in range(players + 1)
        ]
    )
