"""What a model is to the server: prepared images in, one row of numbers for each out."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from components.images import Pixels


class Tensor(NamedTuple):
    """A tensor as Open Inference Protocol v2 declares it; -1 is a dimension that varies."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class Runtime(Protocol):
    """A loaded model that takes images.

    ``predict`` is called by one thread at a time; everything else by any, at any time.

    Attributes:
        platform: The library that it runs on.
        form: What JSON holds unless a client asks for another: ``full`` (``document``) or ``bare``.
        outputs: What Open Inference Protocol calls the outputs.
    """

    platform: str
    form: str
    outputs: tuple[Tensor, ...]

    def prepare(self, image: Pixels) -> Pixels:
        """Returns an image ``(H, W, 3)`` as the model takes it, ``(height, width, 3)``; all of one size."""

    def predict(self, batch: Pixels) -> NDArray[np.float32]:
        """Returns the outputs ``(batch, …)`` for prepared images ``(batch, height, width, 3)``.

        An image's row must not depend on the images beside it: they are other people's.
        """

    def document(self, outputs: NDArray[np.float32]) -> Any:
        """Returns what the outputs mean, as JSON values."""

    def bare(self, outputs: NDArray[np.float32]) -> Any:
        """Returns the shortest answer there is, as JSON values."""

    def tensors(self, outputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Returns the tensors that ``outputs`` declares, by name."""
