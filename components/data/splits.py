"""Train, validation and test, split by track.

A track is one physical sign filmed while driving past: its frames are near copies of each other. Split by image, a
model would be asked about signs it has seen, and its validation accuracy would say nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from components.errors import DatasetError

FRACTIONS = {"train": 0.7, "validation": 0.1, "test": 0.2}


def split_by_track(tracks: Mapping[int, Iterable[str]], fractions: Mapping[str, float], seed: int) -> dict[str, str]:
    """Returns the split of each track.

    Laws: the result depends on the tracks, not on their order; a class's split depends on no other class; a class with
    at least as many tracks as there are splits has one in each; where the fractions give every split at least one
    track of a class, each split's number of tracks is less than one away from its fraction.

    Args:
        tracks: The tracks of each class; a track belongs to one class.
        fractions: The share of each split; they need not sum to one.
        seed: Another seed deals the tracks differently.

    Raises:
        DatasetError: There is no split, a fraction is not positive, or a track occurs twice.
    """
    if not fractions or not all(0 < f < float("inf") for f in fractions.values()):
        raise DatasetError(f"expected positive fractions, found {dict(fractions)}")
    result: dict[str, str] = {}
    for class_id, names in tracks.items():
        dealt = sorted(names, key=lambda name: _lot(seed, class_id, name))
        counts = _apportion(len(dealt), fractions)
        sides = [split for split, count in counts.items() for _ in range(count)]
        for name, side in zip(dealt, sides, strict=True):
            if name in result:
                raise DatasetError(f"track {name}: expected once, found twice")
            result[name] = side
    return result


def _lot(seed: int, class_id: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{class_id}/{name}".encode()).digest()


def _apportion(n: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """Deals ``n`` tracks: one to each split, the largest first, then always to the one that lacks most."""
    total = sum(fractions.values())
    largest = sorted(fractions, key=lambda split: -fractions[split])
    counts = {split: int(split in largest[:n]) for split in fractions}
    for _ in range(n - sum(counts.values())):
        neediest = max(fractions, key=lambda split: n * fractions[split] / total - counts[split])
        counts[neediest] += 1
    return counts
