"""Masked pictures as files, for whoever wants to see what the model was shown: ``image_config.debug``.

``sample_from`` and ``sample_to`` choose them by their number in the order in which a picture's coalitions are asked,
the upper end excluded; numbers 0 and 1 are those of no and of all segments (sagemaker-python-sdk, pull request 3325;
AWS documents no more of it than the names).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.images import Pixels, encode_png

if TYPE_CHECKING:
    from components.clarify.config import DebugConfig

FOLDER = "debug"

_MOST = 10_000  # files of one picture


class Samples:
    """Writes some of a picture's masked pictures as ``sample_<number>.png``.

    Args:
        folder: Where to; made when the first is written.
        first: Number of the first that is written.
        end: Number of the first that is not written any more.
    """

    def __init__(self, folder: Path, first: int, end: int) -> None:
        self._folder, self._first, self._end = folder, first, min(end, first + _MOST)
        self._seen = 0

    def __call__(self, batch: Pixels) -> None:
        """Takes note of a batch ``(n, H, W, 3)``."""
        for number, picture in enumerate(batch, self._seen):
            if self._first <= number < self._end:
                self._folder.mkdir(parents=True, exist_ok=True)
                (self._folder / f"sample_{number}.png").write_bytes(encode_png(picture))
        self._seen += len(batch)


def samples(debug: DebugConfig | None, folder: Path, name: str) -> Samples | None:
    """Returns what writes the samples that a configuration asks for; None if it asks for none.

    Args:
        debug: Of the configuration.
        folder: The results folder.
        name: Of the picture's files.
    """
    if debug is None or (debug.sample_from is None and debug.sample_to is None):
        return None
    first = debug.sample_from or 0
    return Samples(folder / FOLDER / name, first, first + _MOST if debug.sample_to is None else debug.sample_to)
