"""A split of pictures decoded into memory, for the classifier and for the detector."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from components.errors import DatasetError
from components.images import Pixels, Preprocessing, decode


class Split(Protocol):
    """A split of a dataset or of scenes."""

    @property
    def name(self) -> str:
        """Its name."""

    def __len__(self) -> int: ...

    def read_bytes(self, i: int) -> bytes:
        """Returns the encoded picture ``i``."""


def decoded(part: Split, preprocessing: Preprocessing) -> Pixels:
    """Returns every picture of a split as the network takes it, uint8 RGB ``(pictures, height, width, 3)``.

    Raises:
        DatasetError: The split has no pictures.
        ImageError: A file of it is no image.
    """
    if not len(part):
        raise DatasetError(f"expected images in the split {part.name!r}, found none")
    pixels = np.empty((len(part), preprocessing.height, preprocessing.width, 3), np.uint8)

    def put(i: int) -> None:
        pixels[i] = preprocessing.resize(decode(part.read_bytes(i)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the decoders work without the interpreter's lock
        list(pool.map(put, range(len(part))))
    return pixels
