"""The laws of splitting by track."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data.splits import FRACTIONS, split_by_track
from components.errors import DatasetError

sizes = st.dictionaries(st.integers(0, 42), st.integers(0, 80), max_size=8)
seeds = st.integers(0, 2**31)
fractions = st.dictionaries(
    st.sampled_from(["train", "validation", "test"]), st.floats(0.05, 1), min_size=1, max_size=3
)


def tracks(sizes: dict[int, int]) -> dict[int, list[str]]:
    return {c: [f"{c:05d}/{t:05d}" for t in range(n)] for c, n in sizes.items()}


def in_class(split: dict[str, str], names: list[str]) -> Counter[str]:
    return Counter(split[name] for name in names)


@given(sizes, fractions, seeds)
def test_every_track_has_one_split(sizes: dict[int, int], fractions: dict[str, float], seed: int) -> None:
    split = split_by_track(tracks(sizes), fractions, seed)
    assert sorted(split) == sorted(name for names in tracks(sizes).values() for name in names)
    assert set(split.values()) <= set(fractions)


@given(sizes, seeds)
def test_a_class_with_three_tracks_is_in_every_split(sizes: dict[int, int], seed: int) -> None:
    split = split_by_track(tracks(sizes), FRACTIONS, seed)
    for names in tracks(sizes).values():
        assert len(in_class(split, names)) == min(3, len(names))


@given(sizes, fractions, seeds)
def test_each_class_is_split_by_the_fractions(sizes: dict[int, int], fractions: dict[str, float], seed: int) -> None:
    split = split_by_track(tracks(sizes), fractions, seed)
    total = sum(fractions.values())
    for names in tracks(sizes).values():
        exact = {name: len(names) * fraction / total for name, fraction in fractions.items()}
        if min(exact.values()) >= 1:
            found = in_class(split, names)
            assert all(abs(found[name] - n) < 1 + 1e-9 for name, n in exact.items())


@given(sizes, seeds, st.randoms(use_true_random=False))
def test_the_order_of_the_tracks_makes_no_difference(sizes: dict[int, int], seed: int, lot: random.Random) -> None:
    shuffled = [(c, lot.sample(names, len(names))) for c, names in tracks(sizes).items()]
    lot.shuffle(shuffled)
    assert split_by_track(dict(shuffled), FRACTIONS, seed) == split_by_track(tracks(sizes), FRACTIONS, seed)


@given(sizes, seeds)
def test_a_class_does_not_depend_on_the_others(sizes: dict[int, int], seed: int) -> None:
    together = split_by_track(tracks(sizes), FRACTIONS, seed)
    for class_id, names in tracks(sizes).items():
        alone = split_by_track({class_id: names}, FRACTIONS, seed)
        assert alone == {name: together[name] for name in names}


def test_thirty_tracks_are_split_21_3_6_and_another_seed_deals_others() -> None:
    names = tracks({14: 30})
    first, second = (split_by_track(names, FRACTIONS, seed) for seed in (0, 1))
    assert in_class(first, names[14]) == in_class(second, names[14]) == {"train": 21, "validation": 3, "test": 6}
    assert first != second


@pytest.mark.parametrize("fractions", [{}, {"train": 0.0}, {"train": -1.0, "test": 2.0}, {"train": float("nan")}])
def test_fractions_that_make_no_sense_are_refused(fractions: dict[str, float]) -> None:
    with pytest.raises(DatasetError, match="expected positive fractions"):
        split_by_track(tracks({1: 5}), fractions, 0)


def test_a_track_in_two_classes_is_refused() -> None:
    with pytest.raises(DatasetError, match="track a: expected once, found twice"):
        split_by_track({0: ["a"], 1: ["a"]}, FRACTIONS, 0)
