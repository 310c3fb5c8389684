"""What answers a game: a packaged model in this process, or an endpoint (``endpoint``); to a game they are one.

A predictor takes batches as they are made, lets as many wait as it can use, and yields the answers in order. It knows
the size in which it wants a picture, and the explanation is of the picture in that size: segments, masks and
predictions agree to the pixel, and no picture is resized as often as it is masked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError
from components.images import Pixels

DETECTION, CLASSIFICATION = "OBJECT_DETECTION", "IMAGE_CLASSIFICATION"
OUTPUTS = {DETECTION: "detections", CLASSIFICATION: "probabilities"}
"""The output that a model of each type has, by the name that Open Inference Protocol gives it."""

BATCH = 64
"""Pictures of a batch at most: more of them make it no faster."""


class Spent:
    """What predicting took so far: ``predictions`` made, ``requests`` sent, ``seconds`` waited for answers."""

    def __init__(self) -> None:
        self.predictions = 0
        self.requests = 0
        self.seconds = 0.0


class Predictor(Protocol):
    """A model to be asked.

    Attributes:
        spent: What it took so far.
    """

    spent: Spent

    @property
    def source(self) -> str:
        """What it is: the package's digest, or the address of an endpoint that does not tell it."""

    def prepare(self, image: Pixels) -> Pixels:
        """Returns a picture ``(H, W, 3)`` in the size in which it is to be masked and sent."""

    def room(self, size: int) -> int:
        """Returns how many pictures of ``size`` bytes each make a batch at the moment, at least 1."""

    def answers(self, batches: Iterable[Pixels]) -> Iterator[NDArray[np.float32]]:
        """Yields an answer for each batch ``(n, H, W, 3)``, in order.

        Rows ``(n, N, 6)`` of a detector, probabilities ``(n, classes)`` of a classifier.

        Raises:
            EndpointError: There is no answer, or one in no known form.
        """

    def names(self, image: Pixels) -> dict[int, str]:
        """Returns the labels that the model tells, at least of the classes that it finds in the picture if it can."""

    def close(self) -> None:
        """Ends what it holds."""


class PackagePredictor:
    """A packaged model in this process: no endpoint, no requests.

    It needs the environment of the model's framework.

    Args:
        place: ``model.tar.gz``, or the folder of an unpacked one.
        model_type: ``OBJECT_DETECTION`` or ``IMAGE_CLASSIFICATION``, which the model must be.
        batch_bytes: Of the pictures in a batch, at most.
        threads: Of the model on a CPU; 0 leaves it to the framework.

    Raises:
        ArchiveError: The package is damaged.
        InputError: Its model is of another type, or brings code of its own.
        WeightsError: The weights do not fit.
    """

    def __init__(self, place: Path, model_type: str, batch_bytes: int = 8 * 2**20, threads: int = 0) -> None:
        from components.serve.loading import Settings, load

        loaded = load(place, Settings(threads=threads))
        self._runtime: Any = loaded.model
        outputs = [tensor.name for tensor in getattr(self._runtime, "outputs", ())]
        if OUTPUTS[model_type] not in outputs:
            raise InputError(f"expected a model for {model_type}, found one that answers {', '.join(outputs)}")
        self.source = loaded.digest
        self.spent = Spent()
        self._bytes = batch_bytes

    def prepare(self, image: Pixels) -> Pixels:
        """Returns the picture as the model takes it, ``(height, width, 3)``."""
        return self._runtime.prepare(image)

    def room(self, size: int) -> int:
        """Returns how many pictures make a batch."""
        return max(1, min(BATCH, self._bytes // size))

    def answers(self, batches: Iterable[Pixels]) -> Iterator[NDArray[np.float32]]:
        """Yields the model's outputs for each batch."""
        for batch in batches:
            started = time.perf_counter()
            found = self._runtime.predict(batch)
            self.spent.seconds += time.perf_counter() - started
            self.spent.predictions += len(batch)
            yield found

    def names(self, image: Pixels) -> dict[int, str]:
        """Returns all labels."""
        return dict(enumerate(self._runtime.labels))

    def close(self) -> None:
        """Does nothing: the model goes with the process."""
