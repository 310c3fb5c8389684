"""Measures the Shapley values beside shap's KernelExplainer and captum's KernelShap, at the same budget, in one run.

``<python> tests/bench/shapley_accuracy.py [--games 50] [--players 20] [--samples 500]``, in ``.venvs/bench-shapley``

The games' values are known in closed form. Every solver may ask ``samples`` coalitions besides the empty and full ones:
that is what shap's ``nsamples`` counts; captum's ``n_samples`` counts those two as well, so it gets two more. Errors
are root mean squares over all players of all games. ``plain kernel`` is this project's coalitions without the model,
``outside in`` completes sizes while the budget permits, and samples the rest in pairs without replacement. Times are
medians of a game's, with the game's own time subtracted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from components.clarify import coalitions, kernel
from components.clarify.shapley import estimate
from tests.clarify.games import KINDS, Game, error, random_game

Floats = NDArray[np.float64]
Solver = Callable[["Timed", int, int], Floats]


class Timed:
    """A game that adds up the time spent in it, and the calls."""

    def __init__(self, game: Game) -> None:
        self.game, self.seconds, self.calls = game, 0.0, 0

    def __call__(self, rows: NDArray[np.bool_]) -> Floats:
        started = time.perf_counter()
        answers = self.game(rows)[:, 0]
        self.seconds += time.perf_counter() - started
        self.calls += len(rows)
        return answers


def ours(game: Timed, samples: int, seed: int) -> Floats:
    return estimate(game, game.game.players, samples, seed).values[:, 0]


def plain(game: Timed, samples: int, seed: int) -> Floats:
    pairs = coalitions.draw(game.game.players, samples, seed)
    return regression(game, pairs.rows, pairs.sizes)


def regression(game: Timed, rows: NDArray[np.bool_], sizes: NDArray[np.int64]) -> Floats:
    players = rows.shape[1]
    base, full = game(np.array([[False] * players, [True] * players]))
    odd = (game(rows) - game(~rows)) / 2
    return kernel.fit(rows, sizes, odd[:, None], np.array([full - base])).values[:, 0]


def outside_in(game: Timed, samples: int, seed: int) -> Floats:
    """Complete sizes from the outside in, the rest of the pairs drawn by the kernel's weights without replacement."""
    players, left, rows = game.game.players, samples // 2, []
    generator = np.random.default_rng(seed)
    sizes = list(range(1, players // 2 + 1))
    while sizes and coalitions.population(players, sizes[0]) <= left:
        size = sizes.pop(0)
        rows.append(coalitions._draw_size(players, size, coalitions.population(players, size), generator))
        left -= len(rows[-1])
    weights = np.array([(0.5 if 2 * s == players else 1.0) / (s * (players - s)) for s in sizes])
    drawn = generator.choice(sizes, left, p=weights / weights.sum())
    rows += [coalitions._draw_size(players, int(s), int((drawn == s).sum()), generator) for s in np.unique(drawn)]
    every = np.concatenate(rows)
    return regression(game, every, every.sum(axis=1))


def of_shap(game: Timed, samples: int, seed: int) -> Floats:
    import shap

    players = game.game.players
    np.random.seed(seed)
    explainer = shap.KernelExplainer(lambda rows: game(rows.astype(bool)), np.zeros((1, players)))
    return explainer.shap_values(np.ones((1, players)), nsamples=samples, l1_reg=False, silent=True)[0]


def of_captum(game: Timed, samples: int, seed: int) -> Floats:
    import torch
    from captum.attr import KernelShap

    players = game.game.players
    torch.manual_seed(seed)
    np.random.seed(seed)
    method = KernelShap(lambda rows: torch.from_numpy(game(rows.numpy().astype(bool))))
    ones = torch.ones((1, players), dtype=torch.float64)
    found = method.attribute(ones, torch.zeros_like(ones), n_samples=samples + 2, perturbations_per_eval=64)
    return found[0].double().numpy()


SOLVERS: dict[str, Solver] = {
    "roadworthy": ours,
    "plain kernel": plain,
    "outside in": outside_in,
    "shap KernelExplainer, l1_reg off": of_shap,
    "captum KernelShap": of_captum,
}


def main() -> None:
    """Prints one table for each kind of game."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, default=50)
    parser.add_argument("--players", type=int, default=20)
    parser.add_argument("--samples", type=int, default=500)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    print(f"{options.games} games a kind, {options.players} players, {options.samples} samples")
    for kind in KINDS:
        measure(kind, options.games, options.players, options.samples)


def measure(kind: str, games: int, players: int, samples: int) -> None:
    """Prints the error of each solver over the games of one kind, ours as a share of it, its calls and its time."""
    print(f"\n{kind}: root mean squared error (ours / it), calls of the game, ms outside the game")
    first = 0.0
    for name, solver in SOLVERS.items():
        errors, times, calls = [], [], []
        for seed in range(games):
            game = Timed(random_game(players, seed, kind))
            started = time.perf_counter()
            found = solver(game, samples, seed)
            times.append((time.perf_counter() - started - game.seconds) * 1e3)
            errors.append(error(found, game.game))
            calls.append(game.calls)
        total = float(np.sqrt(np.mean(errors)))
        first = first or total
        print(
            f"  {name:34} {total:.4f} ({first / total:.2f})  {max(calls):5d} calls  {statistics.median(times):7.1f} ms"
        )


if __name__ == "__main__":
    main()
