"""Random streams: one a scene, one a backdrop, one an individual, the same on every machine and in every order."""

from __future__ import annotations

import numpy as np

from components.data.index import SPLITS

_SCENE, _BACKDROP, _INDIVIDUAL = 11, 12, 13


def scene_stream(seed: int, split: str, number: int) -> np.random.Generator:
    """What one scene alone has: its objects, their places, the camera."""
    return _stream(_SCENE, seed, SPLITS.index(split), number)


def backdrop_stream(seed: int, split: str, number: int) -> np.random.Generator:
    """What a few scenes share: the place they were taken at."""
    return _stream(_BACKDROP, seed, SPLITS.index(split), number)


def individual_stream(seed: int, split: str, class_id: int, number: int) -> np.random.Generator:
    """What one physical sign has: its wear."""
    return _stream(_INDIVIDUAL, seed, SPLITS.index(split), class_id, number)


def _stream(*parts: int) -> np.random.Generator:
    # Two words a part: a sequence hash of plain integers would not tell 2**32 from (0, 1).
    words = [word for part in parts for word in (part & 0xFFFFFFFF, part >> 32)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
