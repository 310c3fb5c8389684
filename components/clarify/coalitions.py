"""Which coalitions are asked, drawn before the first one is: all of them, or complementary pairs by size.

A coalition is a bool row ``(players,)``, True where the player is present. Its complement has the others. Only the odd
part of a game, ``(v(S) - v(complement of S)) / 2``, decides its Shapley values, so coalitions come in pairs (Covert and
Lee, "Improving KernelSHAP", AISTATS 2021), and a pair counts where its smaller member has its size.

How many pairs of each size? Completing sizes from the outside in (1 and F - 1, 2 and F - 2, …) while the budget permits
leaves little for the middle: of 20 players and 500 samples, 40 pairs for eight sizes. Here size 1 alone is always
complete. The others share the rest by Neyman's rule (JRSS 1934), a stratum's weight times its spread. A size's weight
in the values goes as 1 / √(s (F - s)), what the model of ``control`` does not foresee about as s (F - s), the distance
from the ends, so the share goes as √(s (F - s)). (Measured beside exponents of -1/2, 0 and 1 in ten sets of games: best
or within 4 % of the best in all.) A size whose share is more than all its pairs is complete as well.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Coalitions = NDArray[np.bool_]

EXACT_PLAYERS = 12
STEPS = 8


def default_samples(players: int) -> int:
    """Returns the number of coalitions that is asked when none is given, besides the empty and the full one.

    AWS's and shap's ``min(2 F + 2048, 2^F - 2)``, except that 12 players are enumerated (4094 instead of 2072), so that
    up to there every value is exact.
    """
    everything = max(2**players - 2, 0)
    return everything if players <= EXACT_PLAYERS else min(2 * players + 2048, everything)


def least_samples(players: int) -> int:
    """Returns the fewest coalitions that do: every single player, its complement, and two more pairs of each size.

    With fewer, a size has no pair, or one, and nothing says how far the values may be off.
    """
    return min(4 * players, max(2**players - 2, 0))


@dataclass(frozen=True)
class Pairs:
    """The pairs to ask, by their smaller members.

    Attributes:
        rows: The smaller members, ``(pairs, players)`` bool.
        sizes: Players in each, ``(pairs,)`` int64, from 1 to players / 2.
        ends: Where one may stop, ``(STEPS,)`` int64, rising: size 1 comes first, and up to each end every other size
            has the same share of its pairs, so that those before it are a sample of the same kind.
    """

    rows: Coalitions
    sizes: NDArray[np.int64]
    ends: NDArray[np.int64]


def population(players: int, size: int) -> int:
    """Returns how many pairs have a smaller member of that size; of two halves, the one with player 0 is taken."""
    return math.comb(players, size) // (2 if 2 * size == players else 1)


def draw(players: int, samples: int, seed: int) -> Pairs:
    """Draws ``samples // 2`` pairs, without replacement within each size; all where it is enough.

    Args:
        players: At least 2.
        samples: Coalitions besides the empty and the full one, from ``least_samples(players)``.
        seed: Of numpy's generator; the same seed gives the same pairs.
    """
    generator = np.random.default_rng(seed)
    counts = allocate(players, samples // 2)
    rows = np.concatenate([_draw_size(players, size, count, generator) for size, count in counts.items()])
    sizes = np.repeat(list(counts), list(counts.values()))
    steps = np.concatenate([_steps(count) if size > 1 else np.zeros(count, int) for size, count in counts.items()])
    order = np.argsort(steps, kind="stable")
    return Pairs(rows[order], sizes[order], np.bincount(steps, minlength=STEPS).cumsum())


def enumerate_all(players: int) -> Coalitions:
    """Returns all coalitions, ``(2^players, players)``: the empty one, the full one, the others."""
    numbers = np.arange(2**players)
    numbers[1:] = np.roll(numbers[1:], 1)
    return (numbers[:, None] >> np.arange(players) & 1).astype(bool)


def allocate(players: int, pairs: int) -> dict[int, int]:
    """Returns how many pairs each size gets, from size 1; they sum up to ``pairs``, or to all there are.

    Every size gets at least two, or all it has, and none more than it has.
    """
    sizes = range(2, players // 2 + 1)
    counts = {1: population(players, 1)}
    left = min(pairs, sum(population(players, s) for s in range(1, players // 2 + 1))) - counts[1]
    most = {s: min(population(players, s), left) for s in sizes}
    least = {s: min(2, most[s]) for s in sizes}
    weights = {s: (0.5 if 2 * s == players else 1.0) * math.sqrt(s * (players - s)) for s in sizes}

    def shares(level: float) -> dict[int, float]:
        return {s: min(max(level * weights[s], least[s]), most[s]) for s in sizes}

    low, high = 0.0, (left + 1) * max((1 / w for w in weights.values()), default=0.0)
    for _ in range(100):  # the level at which the shares use up what is left
        middle = (low + high) / 2
        low, high = (middle, high) if sum(shares(middle).values()) < left else (low, middle)
    exact = shares(low)
    counts |= {s: math.floor(exact[s]) for s in sizes}
    spare = left - sum(counts[s] for s in sizes)
    for s in sorted(sizes, key=lambda s: counts[s] - exact[s]) * 2:
        if spare > 0 and counts[s] < most[s]:
            counts[s], spare = counts[s] + 1, spare - 1
    return counts


def _draw_size(players: int, size: int, count: int, generator: np.random.Generator) -> Coalitions:
    """Draws ``(count, players)`` different smaller members of one size, in random order."""
    everything = population(players, size)
    if size == 1 or 2 * count >= everything:
        rows = _rows(players, itertools.combinations(range(players), size))
        if 2 * size == players:
            rows = rows[rows[:, 0]]
        return rows if size == 1 else rows[generator.random(everything).argsort(kind="stable")[:count]]
    found: dict[bytes, None] = {}
    while len(found) < count:  # fewer than half are wanted, so most draws are new
        order = generator.random((count - len(found), players)).argsort(axis=1, kind="stable")
        rows = np.zeros(order.shape, bool)
        np.put_along_axis(rows, order[:, :size], True, axis=1)
        if 2 * size == players:
            rows ^= ~rows[:, :1]
        found |= dict.fromkeys(row.tobytes() for row in rows)
    return np.frombuffer(b"".join(found), dtype=bool).reshape(count, players)


def _rows(players: int, members: Iterable[tuple[int, ...]]) -> Coalitions:
    table = np.array(list(members))
    rows = np.zeros((len(table), players), bool)
    np.put_along_axis(rows, table, True, axis=1)
    return rows


def _steps(count: int) -> NDArray[np.int64]:
    """Returns the step of each of ``count`` pairs, 0 to ``STEPS - 1``, two pairs at least in the first."""
    steps = (np.arange(count) * STEPS) // max(count, 1)
    steps[:2] = 0
    return steps
