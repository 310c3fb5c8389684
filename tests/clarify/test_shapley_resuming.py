"""An explanation that lost its endpoint goes on where it was; one that knows enough stops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from components.clarify.shapley import Ledger, estimate, least_samples
from components.errors import EndpointError, InputError
from tests.clarify.games import random_game
from tests.clarify.test_shapley import same_bits


class Flaky:
    """A game whose endpoint is lost after a number of requests."""

    def __init__(self, players: int, requests: int) -> None:
        self.game, self.left, self.asked = random_game(players, 11, outputs=2), requests, 0

    def __call__(self, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        if not self.left:
            raise EndpointError("the endpoint is gone")
        self.left -= 1
        self.asked += len(coalitions)
        return self.game(coalitions)


@pytest.mark.parametrize("players", [10, 20])
@pytest.mark.parametrize("requests", [0, 1, 5])
def test_going_on_after_a_lost_endpoint_gives_the_same_bits_and_asks_nothing_twice(
    players: int, requests: int, tmp_path: Path
) -> None:
    whole = estimate(random_game(players, 11, outputs=2), players, 500 if players == 20 else None, seed=4)
    ledger, lost = Ledger(players, "stop.png"), Flaky(players, requests)
    with pytest.raises(EndpointError):
        estimate(lost, players, 500 if players == 20 else None, seed=4, ledger=ledger, chunk=50)
    assert len(ledger) == lost.asked == 50 * requests
    ledger.save(tmp_path / "ledger.npz")
    restored = Ledger.load(tmp_path / "ledger.npz", players, "stop.png")
    back = Flaky(players, 1000)
    again = estimate(back, players, 500 if players == 20 else None, seed=4, ledger=restored, chunk=30)
    assert same_bits(again, whole)
    assert back.asked + lost.asked == whole.evaluations
    assert not list(tmp_path.glob("*.part"))


def test_a_ledger_without_answers_or_players_can_be_kept_too(tmp_path: Path) -> None:
    Ledger(0).save(tmp_path / "empty.npz")
    ledger = Ledger.load(tmp_path / "empty.npz", 0)
    assert estimate(lambda coalitions: np.ones(len(coalitions)), 0, ledger=ledger).evaluations == len(ledger) == 1
    ledger.save(tmp_path / "one.npz")
    assert len(Ledger.load(tmp_path / "one.npz", 0)) == 1


def test_a_ledger_of_another_game_is_refused(tmp_path: Path) -> None:
    Ledger(9, "stop.png").save(tmp_path / "ledger.npz")
    for players, game in ((10, "stop.png"), (9, "yield.png")):
        with pytest.raises(InputError, match="expected the ledger of"):
            Ledger.load(tmp_path / "ledger.npz", players, game)
    with pytest.raises(InputError, match="ledger: expected one of 10 players"):
        estimate(lambda c: c.sum(axis=1), 10, ledger=Ledger(9))


def hostile(path: Path, **changes: object) -> Path:
    arrays = {
        "head": np.array([1, 9]),
        "game": np.array(""),
        "bits": np.zeros((3, 2), np.uint8),
        "answers": np.ones((3, 1)),
    }
    np.savez(path, **{name: array for name, array in (arrays | changes).items() if array is not None})
    return path


@pytest.mark.parametrize(
    "changes",
    [{"answers": np.full((3, 1), np.nan)}, {"answers": np.ones((2, 1))}, {"answers": np.ones(3)}, {"bits": None},
     {"bits": np.zeros((3, 3), np.uint8)}, {"bits": np.zeros((3, 2))}, {"head": np.array([2, 9])},
     {"bits": np.array([[None]])}, {"answers": np.ones((3, 1), np.float32)}],
)  # fmt: skip
def test_a_ledger_that_lies_is_refused(changes: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ledger"):
        Ledger.load(hostile(tmp_path / "ledger.npz", **changes), 9)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x93NUMPY\x01\x00", b"no ledger at all"])
def test_a_file_that_is_no_ledger_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ledger.npz").write_bytes(content)
    with pytest.raises(InputError, match="expected a ledger"):
        Ledger.load(tmp_path / "ledger.npz", 9)
    with pytest.raises(InputError, match="expected a ledger"):
        Ledger.load(tmp_path / "none.npz", 9)


def test_it_stops_when_every_standard_error_is_within_the_bound() -> None:
    game = random_game(20, 12)
    first, last = 0.5, 1e-12
    whole = estimate(game, 20, 2088)
    early = estimate(game, 20, 2088, error_bound=first)
    assert least_samples(20) <= early.samples < whole.samples
    assert early.standard_errors.max() <= first
    assert not early.exact
    assert same_bits(estimate(game, 20, 2088, error_bound=last), whole)
    assert same_bits(estimate(game, 20, 2088, error_bound=first, chunk=7), early)


def test_progress_tells_of_every_chunk_and_what_a_ledger_knew_counts_as_done() -> None:
    told: list[tuple[int, int]] = []
    ledger = Ledger(20)
    estimate(random_game(20, 13), 20, 200, ledger=ledger, chunk=60, progress=lambda *numbers: told.append(numbers))
    assert told == [(60, 202), (120, 202), (180, 202), (202, 202)]
    told.clear()
    estimate(random_game(20, 13), 20, 200, ledger=ledger, progress=lambda *numbers: told.append(numbers))
    assert told == []
