"""What scenes are composed of: the individuals of each class, and how they may stand there.

An *individual* is one physical thing: a sign with its wear, or one cut-out. What one split shows, another does not: the
test asks about new things, and not only about new scenes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from components.data.classes import LABELS
from components.data.scenes.cut_out import CutOut, cut_out
from components.data.scenes.streams import individual_stream
from components.data.signs.pose import Pose
from components.data.signs.wear import worn

SIGNS = (14, 13, 12, 40)
"""Stop, yield, priority road and roundabout: four outlines, four colours."""

INDIVIDUALS: Mapping[str, int] = {"train": 32, "validation": 8, "test": 16}
"""Signs of each class in each split."""


class Manner(NamedTuple):
    """How the individuals of a stock may stand there.

    Attributes:
        turn: Standard deviations of yaw, pitch and roll in degrees; three of them are the most.
        stretch: The most by which a side is drawn out.
        mirrors: Left and right may be exchanged.
        posts: It may hang on a post.
        reflects: It throws headlights back: bright in the night.
    """

    turn: tuple[float, float, float]
    stretch: float
    mirrors: bool
    posts: bool
    reflects: bool

    def pose(self, rng: np.random.Generator) -> Pose:
        """Draws from where it is seen."""
        yaw, pitch, roll = (np.clip(rng.normal(0, 1, 3), -3, 3) * self.turn).tolist()
        return Pose(yaw, pitch, roll, distance=float(rng.uniform(5, 9)))


class Stock(Protocol):
    """Something to compose scenes of; it travels to the processes that compose."""

    @property
    def labels(self) -> tuple[str, ...]:
        """One a class."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the dataset should know."""

    @property
    def manner(self) -> Manner:
        """How its individuals may stand there."""

    def individual(self, split: str, class_id: int, rng: np.random.Generator) -> CutOut:
        """Draws one of the individuals that a class has in a split."""


@dataclass(frozen=True)
class SignStock:
    """The project's own signs.

    Attributes:
        classes: GTSRB's numbers; a class's place here is its number in the scenes.
        seed: Another seed gives other wear.
        longest: As in ``cut_out``.
    """

    classes: tuple[int, ...]
    seed: int
    longest: int

    manner = Manner(turn=(10.0, 4.5, 3.0), stretch=1.0, mirrors=False, posts=True, reflects=True)
    notes = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """GTSRB's names."""
        return tuple(LABELS[number] for number in self.classes)

    def individual(self, split: str, class_id: int, rng: np.random.Generator) -> CutOut:
        """Draws one of ``INDIVIDUALS``."""
        number = int(rng.integers(INDIVIDUALS[split]))
        return _sign(self.classes[class_id], split, number, self.seed, self.longest)


@lru_cache(maxsize=1024)
def _sign(number: int, split: str, individual: int, seed: int, longest: int) -> CutOut:
    return cut_out(worn(number, individual_stream(seed, split, number, individual)), longest)


@dataclass(frozen=True)
class CutOutStock:
    """Cut-outs that somebody gave.

    Attributes:
        labels: One a class.
        cut_outs: Of each split, of each class.
        notes: Which classes have too few individuals to split them.
    """

    labels: tuple[str, ...]
    cut_outs: Mapping[str, Sequence[Sequence[CutOut]]]
    notes: tuple[str, ...]

    manner = Manner(turn=(7.0, 3.5, 5.0), stretch=1.12, mirrors=True, posts=False, reflects=False)

    def individual(self, split: str, class_id: int, rng: np.random.Generator) -> CutOut:
        """Draws one of the cut-outs."""
        found = self.cut_outs[split][class_id]
        return found[int(rng.integers(len(found)))]
