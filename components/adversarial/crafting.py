"""Which images are attacked, and attacking them batch by batch."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from components.adversarial.attacks import Attack
from components.adversarial.goals import Goal
from components.adversarial.judging import Judge
from components.adversarial.model import PixelModel
from components.data.dataset import Dataset
from components.data.index import Row
from components.data.progress import Progress
from components.errors import DatasetError
from components.images import Pixels, decode, encode_png

T = TypeVar("T")


class Case(NamedTuple):
    """One image before an attack.

    Attributes:
        row: In the dataset.
        image: uint8 RGB ``(height, width, 3)``, resized as the model takes it.
        file: The same as PNG.
        scores: Of the model for that file, ``(classes,)``.
    """

    row: Row
    image: Pixels
    file: bytes
    scores: NDArray[np.float32]

    @property
    def predicted(self) -> int:
        """The model's class for it."""
        return int(self.scores.argmax())

    def wants_nothing(self, target: int) -> bool:
        """Says whether the goal is met already: in the target class by label or by the model, or not in its own."""
        if target < 0:
            return self.predicted != self.row.class_id
        return target in (self.row.class_id, self.predicted)


class Crafted(NamedTuple):
    """One image after an attack.

    Attributes:
        case: What it was.
        image: uint8 RGB ``(height, width, 3)``.
        file: The same as PNG.
        scores: Of the model for that file, ``(classes,)``.
        steps: Gradients that were taken.
    """

    case: Case
    image: Pixels
    file: bytes
    scores: NDArray[np.float32]
    steps: int

    @property
    def predicted(self) -> int:
        """The model's class for it."""
        return int(self.scores.argmax())

    def meets(self, target: int) -> bool:
        """Says whether it is in the target class, or, untargeted, out of its own."""
        return self.predicted == target if target >= 0 else self.predicted != self.case.row.class_id


def draw(dataset: Dataset, split: str, judge: Judge, target: int, count: int, seed: int) -> list[Case]:
    """Draws images until ``count`` of them can be attacked (0: all); those that want nothing are among them.

    Raises:
        DatasetError: The split has no images.
    """
    rows = dataset.split(split).rows
    if not rows:
        raise DatasetError(f"expected images in the split {split!r}, found none")
    order = random.Random(seed).sample(rows, len(rows))
    cases: list[Case] = []
    wanted = count or len(order)
    for chunk in _chunks(order, judge.batch):
        for case in _judged(dataset, chunk, judge):
            cases.append(case)
            wanted -= not case.wants_nothing(target)
            if not wanted:
                return cases
    return cases


def craft(
    model: PixelModel, judge: Judge, attack: Attack, cases: Sequence[Case], target: int, batch: int
) -> Iterator[Crafted]:
    """Attacks cases and judges the results as PNGs.

    Args:
        model: What the attack sees.
        judge: What decides.
        attack: Which.
        cases: None that wants nothing.
        target: A class, or -1: away from each image's own.
        batch: Images that are attacked at once.
    """
    for chunk in _chunks(cases, batch):
        images = np.stack([case.image for case in chunk])
        classes = [target if target >= 0 else case.row.class_id for case in chunk]
        made = attack(model, images, Goal(torch.tensor(classes, device=model.device), target >= 0))
        files, scores = judge.pixels(made.images)
        for i, case in enumerate(chunk):
            yield Crafted(case, made.images[i], files[i], scores[i], int(made.steps[i]))


def shown(crafted: Iterator[Crafted], total: int, name: str) -> Iterator[Crafted]:
    """Yields them on, with a line a second on how far it is."""
    progress = Progress(f"{name}: attacked", total, "images")
    for one in crafted:
        progress.step()
        yield one


def _judged(dataset: Dataset, rows: Sequence[Row], judge: Judge) -> Iterator[Case]:
    images = [judge.preprocessing.resize(decode(dataset.read_bytes(row))) for row in rows]
    files = [encode_png(image) for image in images]
    for row, image, file, scores in zip(rows, images, files, judge.files(files), strict=True):
        yield Case(row, image, file, scores)


def _chunks(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for i in range(0, len(things), size):
        yield things[i : i + size]
