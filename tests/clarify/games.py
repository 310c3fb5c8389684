"""Games whose Shapley values are known in closed form: sums of terms that pay when all of some players are present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# How many terms of two, three and five players a game has, in multiples of its players, and whether all weights are
# positive, as a detector's mostly are: the more of the object is seen, the higher the score.
KINDS = {
    "pairs and triples": ((2, 3), (3, 3)),
    "triples": ((3, 20),),
    "fives": ((2, 1), (3, 1), (5, 2)),
    "positive": ((2, 3), (3, 3), (5, 1)),
}


@dataclass(frozen=True)
class Game:
    """``v(S) = Σ weight`` of the terms whose players are all in S, for one output or several."""

    players: int
    terms: Sequence[NDArray[np.int64]]  # players of each
    weights: NDArray[np.float64]  # (terms, outputs)

    def __call__(self, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        members = np.zeros((self.players, len(self.terms)))
        for index, term in enumerate(self.terms):
            members[term, index] = 1
        paid = coalitions.astype(float) @ members == members.sum(axis=0)
        # einsum sums in one order whatever the number of rows; a matrix product need not
        return np.einsum("nt,to->no", paid.astype(float), self.weights)

    @property
    def values(self) -> NDArray[np.float64]:
        """The Shapley values ``(players, outputs)``: a term's weight is shared evenly among its players."""
        found = np.zeros((self.players, self.weights.shape[1]))
        for term, weight in zip(self.terms, self.weights, strict=True):
            found[term] += weight / len(term)
        return found


def random_game(players: int, seed: int, kind: str = "pairs and triples", outputs: int = 1) -> Game:
    generator = np.random.default_rng([seed, 7])
    terms = [np.array([player]) for player in range(players)]
    for size, times in KINDS[kind]:
        terms += [generator.choice(players, min(size, players), replace=False) for _ in range(times * players)]
    scale = np.array([1.0 if len(term) == 1 else 0.5 for term in terms])
    weights = generator.normal(size=(len(terms), outputs)) * scale[:, None]
    return Game(players, terms, np.abs(weights) if kind == "positive" else weights)


def error(estimated: NDArray[np.float64], game: Game) -> float:
    """The mean squared error over players and outputs."""
    return float(np.square(estimated.reshape(game.values.shape) - game.values).mean())
