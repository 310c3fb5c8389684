"""How far off the values are: beside shap's at the same budget, and beside what their standard errors say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import stdtrit

from components.clarify.shapley import estimate
from components.intervals import wilson
from tests.clarify.games import KINDS, Game, error, random_game

PLAYERS, SAMPLES, GAMES = 20, 500, 50


@pytest.mark.parametrize("kind", ["pairs and triples", "positive"])
def test_the_error_is_well_below_that_of_shap_at_the_same_budget(kind: str) -> None:
    shap = pytest.importorskip("shap")

    def of_shap(game: Game, seed: int) -> NDArray[np.float64]:
        np.random.seed(seed)  # shap draws from the global generator
        explainer = shap.KernelExplainer(lambda rows: game(rows.astype(bool))[:, 0], np.zeros((1, PLAYERS)))
        return explainer.shap_values(np.ones((1, PLAYERS)), nsamples=SAMPLES, l1_reg=False, silent=True)[0]

    games = [random_game(PLAYERS, seed, kind) for seed in range(GAMES)]
    ours = np.mean([error(estimate(game, PLAYERS, SAMPLES, seed).values, game) for seed, game in enumerate(games)])
    theirs = np.mean([error(of_shap(game, seed), game) for seed, game in enumerate(games)])
    assert np.sqrt(ours) <= 0.7 * np.sqrt(theirs), f"{np.sqrt(ours):.4f} against {np.sqrt(theirs):.4f}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("players", "samples"), [(20, 80), (20, 500), (13, 300), (40, 600)])
def test_the_interval_of_each_value_holds_the_truth_as_often_as_it_says(kind: str, players: int, samples: int) -> None:
    games, inside, plain = 200, 0, 0
    for seed in range(games):
        game = random_game(players, seed, kind)
        found = estimate(game, players, samples, seed)
        low, high = found.interval(0.95)
        inside += int(((low <= game.values) & (game.values <= high)).sum())
        plain += int((np.abs(found.values - game.values) <= 1.96 * found.standard_errors).sum())
    low, high = wilson(inside, games * players)
    # As stated, or conservative by little; 1.96 errors do where there are a hundred degrees of freedom.
    assert high >= 0.95, f"{inside / games / players:.4f} in [{low:.4f}, {high:.4f}]"
    assert low <= 0.985, f"{inside / games / players:.4f} in [{low:.4f}, {high:.4f}]"
    if found.freedom >= 100:
        assert wilson(plain, games * players)[1] >= 0.95, plain / games / players


def test_over_draws_of_coalitions_the_values_are_unbiased_and_the_errors_right() -> None:
    game, draws = random_game(20, 3, "positive"), 200
    found = [estimate(game, 20, 300, seed) for seed in range(draws)]
    values = np.stack([one.values[:, 0] for one in found])
    spread = values.std(axis=0, ddof=1)
    # The largest of 20 standardized means, at 1 in 1000: Student's quantile, Bonferroni's correction.
    bias = np.abs(values.mean(axis=0) - game.values[:, 0]) / (spread / np.sqrt(draws))
    assert bias.max() <= stdtrit(draws - 1, 1 - 0.001 / 20 / 2)
    claimed = np.sqrt(np.mean([one.standard_errors[:, 0] ** 2 for one in found], axis=0))
    assert 1.0 <= np.median(claimed / spread) <= 1.25
    assert (claimed / spread).min() >= 0.85


def test_a_game_without_any_structure_is_estimated_with_right_errors_too() -> None:
    """White noise over all coalitions: the model has nothing to learn, and must not harm much or claim anything."""
    inside, players, games = 0, 14, 60
    for seed in range(games):
        table = np.random.default_rng(seed).normal(size=2**players)
        value = lambda coalitions, table=table: table[coalitions @ (1 << np.arange(players))]  # noqa: E731
        truth, found = estimate(value, players, 2**players).values, estimate(value, players, 500, seed)
        low, high = found.interval()
        inside += int(((low <= truth) & (truth <= high)).sum())
    assert wilson(inside, games * players)[1] >= 0.95


def test_more_samples_bring_less_error() -> None:
    games = [random_game(20, seed, "fives") for seed in range(10)]
    errors = [
        np.mean([error(estimate(game, 20, samples, 1).values, game) for game in games])
        for samples in (80, 160, 320, 640, 1280)
    ]
    assert all(later < 0.75 * earlier for earlier, later in itertools.pairwise(errors)), errors
