"""One random stream per track and one per frame, the same on every machine and in every order."""

from __future__ import annotations

import numpy as np

from components.errors import InputError

LARGEST = 2**63 - 1
"""The largest seed, track and number of frames."""

_TRACK, _FRAME, _TEXTURE = 1, 2, 3


def _words(value: int) -> tuple[int, int]:
    return value & 0xFFFFFFFF, value >> 32


def _stream(kind: int, *parts: int) -> np.random.Generator:
    # Each part takes exactly two words: a sequence hash of plain integers would not tell 2**32 from (0, 1).
    words = [kind, len(parts), *(word for part in parts for word in _words(part))]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def track_stream(seed: int, class_id: int, track: int) -> np.random.Generator:
    """What all frames of one physical sign share."""
    return _stream(_TRACK, seed, class_id, track)


def frame_stream(seed: int, class_id: int, track: int, frame: int) -> np.random.Generator:
    """What differs from frame to frame."""
    return _stream(_FRAME, seed, class_id, track, frame)


def texture_stream(number: int) -> np.random.Generator:
    """What all pictures share: the grain of noise and leaves."""
    return _stream(_TEXTURE, number)


def checked(name: str, value: int, low: int, high: int) -> int:
    """Gives the value back if it is an integer from ``low`` to ``high``.

    Raises:
        InputError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise InputError(f"{name}: expected an integer from {low} to {high}, found {value!r}")
    return int(value)
