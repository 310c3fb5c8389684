"""What a game answered, by coalition: the memory that lets an interrupted explanation go on where it was."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.clarify.coalitions import Coalitions
from components.errors import InputError

Floats = NDArray[np.float64]
FORMAT = 1


class Ledger:
    """The answers of one game so far.

    Args:
        players: Of the game.
        game: Any text that identifies the game (picture, masks, model, boxes); a saved ledger of another is refused.
    """

    def __init__(self, players: int, game: str = "") -> None:
        self.players, self.game = players, game
        self._answers: dict[bytes, Floats] = {}

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def outputs(self) -> int | None:
        """Numbers in an answer; None before the first."""
        return next((len(answer) for answer in self._answers.values()), None)

    def missing(self, coalitions: Coalitions) -> Coalitions:
        """Returns those of ``(n, players)`` without an answer, each once, in their order."""
        keys = dict(zip(_keys(coalitions), range(len(coalitions)), strict=True))
        return coalitions[sorted(index for key, index in keys.items() if key not in self._answers)]

    def add(self, coalitions: Coalitions, answers: Floats) -> None:
        """Enters the answers ``(n, outputs)`` to ``(n, players)`` coalitions."""
        self._answers |= zip(_keys(coalitions), answers.copy(), strict=True)

    def look_up(self, coalitions: Coalitions) -> Floats:
        """Returns the answers ``(n, outputs)`` to ``(n, players)`` coalitions, all of which were entered before."""
        return np.stack([self._answers[key] for key in _keys(coalitions)])

    def save(self, path: Path) -> None:
        """Writes it as npz, whole or not at all."""
        bits = np.frombuffer(b"".join(self._answers), np.uint8).reshape(len(self), _width(self.players))
        answers = np.stack([*self._answers.values()]) if self._answers else np.zeros((0, 0))
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            np.savez(file, head=np.array([FORMAT, self.players]), game=np.array(self.game), bits=bits, answers=answers)
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path, players: int, game: str = "") -> Ledger:
        """Reads a saved ledger of this very game.

        Raises:
            InputError: It is another game's, or no ledger.
        """
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                head, name, bits, answers = (file[key] for key in ("head", "game", "bits", "answers"))
        except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path}: expected a ledger of coalitions, found {type(error).__name__}: {error}"
            ) from None
        if head.tolist() != [FORMAT, players] or str(name) != game:
            raise InputError(
                f"{path}: expected the ledger of game {game!r} with {players} players, found that of {str(name)!r}, "
                f"format and players {head.tolist()}"
            )
        shapes = bits.shape == (len(answers), _width(players)) and answers.ndim == 2
        if not shapes or bits.dtype != np.uint8 or answers.dtype != np.float64 or not np.isfinite(answers).all():
            raise InputError(
                f"{path}: expected uint8 (n, {_width(players)}) coalitions and finite float64 (n, outputs) answers, "
                f"found {bits.dtype} {bits.shape} and {answers.dtype} {answers.shape}"
            )
        ledger = cls(players, game)
        ledger._answers = {row.tobytes(): answer for row, answer in zip(bits, answers, strict=True)}
        return ledger


def _width(players: int) -> int:
    return max((players + 7) // 8, 1)  # a game without players has one coalition, which needs a key too


def _keys(coalitions: Coalitions) -> list[bytes]:
    packed = np.zeros((len(coalitions), _width(coalitions.shape[1])), np.uint8)
    if coalitions.shape[1]:
        packed[:] = np.packbits(coalitions, axis=1)
    return [row.tobytes() for row in packed]
