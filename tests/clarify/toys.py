"""Models whose games are known: a detector and a classifier that go by the mean colour of parts of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.clarify.predictors import Spent
from components.images import Preprocessing
from components.serve.runtimes import Tensor

LABELS = ("stop", "yield", "priority")


class Part(NamedTuple):
    """A detection that a toy makes: its score is how much red there is in a part of the picture, rows and columns."""

    class_index: int
    box: tuple[float, float, float, float]
    rows: slice
    columns: slice


class Toy:
    """A runtime that detects the ``parts``: each scores the mean of red / 255 inside its rows and columns."""

    platform = "toy"
    outputs = (Tensor("detections", "FP32", (-1, -1, 6)),)

    def __init__(self, parts: Sequence[Part], side: int = 40, least: float = 0.0) -> None:
        self.parts, self.least = parts, least
        self.labels = list(LABELS)
        self.preprocessing = Preprocessing(side, side)
        self.batches: list[int] = []

    def prepare(self, image: Any) -> Any:
        return self.preprocessing.resize(image)

    def predict(self, batch: Any) -> NDArray[np.float32]:
        self.batches.append(len(batch))
        rows = np.full((len(batch), len(self.parts), 6), -1, np.float32)
        for i, part in enumerate(self.parts):
            score = batch[:, part.rows, part.columns, 0].mean(axis=(1, 2)) / 255
            row = np.column_stack([np.full(len(batch), part.class_index), score, np.tile(part.box, (len(batch), 1))])
            rows[:, i] = np.where((score > self.least)[:, None], row, -1)
        return rows

    def document(self, outputs: NDArray[np.float32]) -> Any:
        return [[row.tolist() for row in rows if row[0] >= 0] for rows in outputs]

    def bare(self, outputs: NDArray[np.float32]) -> Any:
        return self.document(outputs)

    def tensors(self, outputs: NDArray[np.float32]) -> dict[str, Any]:
        return {"detections": outputs}


class Direct:
    """A predictor over a runtime in this process."""

    def __init__(self, runtime: Any, room: int = 16) -> None:
        self.runtime, self._room = runtime, room
        self.source = "toy"
        self.spent = Spent()

    def prepare(self, image: Any) -> Any:
        return self.runtime.prepare(image)

    def room(self, size: int) -> int:
        return self._room

    def answers(self, batches: Iterable[Any]) -> Iterator[NDArray[np.float32]]:
        for batch in batches:
            self.spent.predictions += len(batch)
            yield self.runtime.predict(batch)

    def names(self, image: Any) -> dict[int, str]:
        return dict(enumerate(self.runtime.labels))

    def close(self) -> None:
        pass


def quarters(red: Sequence[int] = (200, 100, 50, 0), side: int = 40) -> NDArray[np.uint8]:
    """Returns a picture of four squares, each of one colour with so much red and a green of its own."""
    picture = np.zeros((side, side, 3), np.uint8)
    half = side // 2
    for i, (amount, green) in enumerate(zip(red, (0, 80, 160, 240), strict=True)):
        place = slice(half * (i // 2), half * (i // 2 + 1)), slice(half * (i % 2), half * (i % 2 + 1))
        picture[place] = (amount, green, 60)
    return picture
