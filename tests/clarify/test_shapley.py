"""The laws of the Shapley values, and what happens to games and arguments that are not as they should be."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from components.clarify.shapley import Estimate, default_samples, estimate, least_samples
from components.errors import InputError
from tests.clarify.games import Game, random_game

Floats = NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)
# Players and samples: exact, a handful of pairs, AWS's example, more pairs than one model takes, more than any does.
BUDGETS = (
    (1, 0),
    (2, 2),
    (7, 126),
    (12, 4094),
    (5, 20),
    (13, 52),
    (20, 121),
    (20, 500),
    (40, 300),
    (13, 5100),
    (13, 7500),
)


def table_game(players: int, seed: int, outputs: int = 1) -> Any:
    """A game without any structure: a random number for every coalition."""
    table = np.random.default_rng(seed).normal(size=(2**players, outputs))
    return lambda coalitions: table[coalitions @ (1 << np.arange(players))]


def by_permutations(value: Any, players: int) -> Floats:
    """The definition: what a player adds on entering, averaged over all orders of entering."""
    total = np.zeros(players)
    for order in itertools.permutations(range(players)):
        present = np.zeros((players + 1, players), bool)
        for place, player in enumerate(order):
            present[place + 1 :, player] = True
        total[list(order)] += np.diff(value(present)[:, 0])
    return total / math.factorial(players)


class TestExactValues:
    @given(players=st.integers(1, 6), seed=SEEDS)
    @settings(max_examples=30)
    def test_are_the_mean_over_all_orders_of_entering(self, players: int, seed: int) -> None:
        found = estimate(table_game(players, seed), players)
        assert found.exact
        np.testing.assert_allclose(found.values[:, 0], by_permutations(table_game(players, seed), players), atol=1e-9)

    @pytest.mark.parametrize("players", range(13))
    def test_are_those_of_the_closed_form_for_up_to_twelve_players(self, players: int) -> None:
        game = random_game(players, seed=players, kind="fives", outputs=3) if players else Game(0, [], np.zeros((0, 3)))
        value = game if players else lambda coalitions: np.ones((len(coalitions), 3))
        found = estimate(value, players)
        np.testing.assert_allclose(found.values, game.values, atol=1e-9)
        assert found.exact
        assert found.evaluations == 2**players
        assert not found.standard_errors.any()
        low, high = found.interval()
        assert (low == found.values).all()
        assert (high == found.values).all()

    @given(seed=SEEDS)
    @settings(max_examples=20)
    def test_do_not_depend_on_how_players_are_numbered(self, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(8)
        value = table_game(8, seed)
        renumbered = estimate(lambda coalitions: value(coalitions[:, np.argsort(order)]), 8).values
        np.testing.assert_allclose(renumbered[np.argsort(order)], estimate(value, 8).values, atol=1e-12)


@pytest.mark.parametrize(("players", "samples"), BUDGETS)
class TestLaws:
    def test_efficiency_the_values_sum_up_to_what_is_explained(self, players: int, samples: int) -> None:
        found = estimate(random_game(players, 1, outputs=2), players, samples)
        np.testing.assert_allclose(found.values.sum(axis=0), found.full - found.base, atol=1e-9)
        assert np.abs(found.residual).max() <= 1e-9

    def test_an_additive_game_is_found_out(self, players: int, samples: int) -> None:
        worth = np.random.default_rng(2).normal(size=(players, 2))
        found = estimate(lambda coalitions: coalitions @ worth + 3, players, samples)
        np.testing.assert_allclose(found.values, worth, atol=2e-3)  # the model's prior is loose, and not flat

    def test_dummy_a_player_that_changes_nothing_is_worth_nothing(self, players: int, samples: int) -> None:
        game = random_game(players - 1, 3) if players > 1 else Game(0, [], np.zeros((0, 1)))
        value = (lambda c: game(c[:, 1:])) if players > 1 else (lambda c: np.ones(len(c)))
        found = estimate(value, players, samples)
        assert (np.abs(found.values[0]) <= 5 * found.standard_errors[0] + 1e-9).all()

    def test_symmetry_players_that_do_the_same_are_worth_the_same(self, players: int, samples: int) -> None:
        game = random_game(players, 4)

        def both_ways(coalitions: NDArray[np.bool_]) -> Floats:
            swapped = coalitions.copy()
            swapped[:, [0, -1]] = coalitions[:, [-1, 0]]
            return game(coalitions) + game(swapped)

        found = estimate(both_ways, players, samples)
        apart = 5 * np.hypot(found.standard_errors[0], found.standard_errors[-1]) + 1e-9
        assert (np.abs(found.values[0] - found.values[-1]) <= apart).all()

    def test_linearity_the_values_of_a_mixture_are_the_mixture_of_the_values(self, players: int, samples: int) -> None:
        one, other = random_game(players, 5), random_game(players, 6, "positive")
        mixed = estimate(lambda c: 2 * one(c) - 0.5 * other(c) + 7, players, samples, seed=8)
        parts = [estimate(game, players, samples, seed=8).values for game in (one, other)]
        np.testing.assert_allclose(mixed.values, 2 * parts[0] - 0.5 * parts[1], atol=1e-9)

    def test_one_seed_gives_one_result_for_any_chunks(self, players: int, samples: int) -> None:
        results = [estimate(random_game(players, 9), players, samples, seed=3, chunk=n) for n in (1, 17, 10**6)]
        for other in results[1:]:
            assert same_bits(results[0], other)

    def test_no_coalition_is_asked_twice_and_no_more_than_the_budget(self, players: int, samples: int) -> None:
        asked: list[bytes] = []

        def value(coalitions: NDArray[np.bool_]) -> Floats:
            asked.extend(row.tobytes() for row in coalitions)
            return coalitions.sum(axis=1)

        found = estimate(value, players, samples)
        assert asked[:2] == [bytes(players), b"\1" * players]
        assert len(set(asked)) == len(asked) == found.evaluations == 2 + 2 * (samples // 2)
        assert found.exact == (samples >= 2**players - 2)


def same_bits(one: Estimate, other: Estimate) -> bool:
    arrays = ("values", "base", "full", "standard_errors", "residual")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in arrays)


@given(players=st.integers(13, 30), share=st.floats(0, 1), seed=SEEDS, outputs=st.integers(1, 3))
@settings(max_examples=25)
def test_any_budget_gives_efficient_values_with_errors(players: int, share: float, seed: int, outputs: int) -> None:
    samples = least_samples(players) + int(share * 300)
    found = estimate(random_game(players, seed, "fives", outputs), players, samples, seed)
    assert found.values.shape == found.standard_errors.shape == (players, outputs)
    assert np.isfinite(found.standard_errors).all()
    assert (found.standard_errors > 0).all()
    assert np.abs(found.residual).max() <= 1e-9
    assert found.freedom >= 1


def test_the_number_of_samples_is_that_of_aws_beyond_twelve_players() -> None:
    assert [default_samples(players) for players in (0, 1, 2, 10, 12, 13, 20)] == [0, 0, 2, 1022, 4094, 2074, 2088]


def test_no_player_and_one_player_have_values_too() -> None:
    nobody = estimate(lambda coalitions: np.full(len(coalitions), 2.5), 0)
    assert nobody.values.shape == (0, 1)
    assert nobody.base == nobody.full == 2.5
    assert nobody.evaluations == 1
    alone = estimate(lambda coalitions: coalitions[:, 0] * 4.0 - 1, 1)
    assert alone.values.tolist() == [[4.0]]
    assert alone.evaluations == 2


@pytest.mark.parametrize("samples", [0, 1, 19, 21, 79, -1, 500.0, "500", True])
def test_too_few_samples_are_refused_with_the_number_that_would_do(samples: Any) -> None:
    with pytest.raises(InputError, match=r"samples: expected at least 80 for 20 players.*found"):
        estimate(random_game(20, 0), 20, samples)


@pytest.mark.parametrize("wrong", [{"players": -1}, {"players": 2.0}, {"seed": -1}, {"chunk": 0}, {"error_bound": 0.0}])
def test_arguments_out_of_range_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        estimate(lambda c: c.sum(axis=1), **{"players": 5, **wrong})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_not_finite_is_refused_with_its_coalition(bad: float) -> None:
    def value(coalitions: NDArray[np.bool_]) -> Floats:
        only_two_and_five_absent = ~coalitions[:, 2] & ~coalitions[:, 5] & (coalitions.sum(axis=1) == 6)
        return np.where(only_two_and_five_absent, bad, 1.0)

    with pytest.raises(InputError, match=r"finite.*all but \[2, 5\]|finite.*all players but \[2, 5\]"):
        estimate(value, 8)


@pytest.mark.parametrize(
    "answer",
    [lambda n: np.ones(n + 1), lambda n: np.ones((n, 0)), lambda n: np.ones((n, 1, 1)), lambda n: 1.0,
     lambda n: np.full(n, "1"), lambda n: np.full(n, 1j), lambda n: np.ones((n, 1 + (n < 5)))],
)  # fmt: skip
def test_an_answer_of_another_shape_or_kind_is_refused(answer: Any) -> None:
    with pytest.raises(InputError, match="game: expected numbers"):
        estimate(lambda coalitions: answer(len(coalitions)), 4, chunk=7)


def test_an_interval_needs_a_confidence() -> None:
    found = estimate(random_game(20, 0), 20, 200)
    narrow, wide = found.interval(0.5), found.interval(0.99)
    assert (wide[0] < narrow[0]).all()
    assert (narrow[1] < wide[1]).all()
    with pytest.raises(InputError, match="confidence"):
        found.interval(1.0)
