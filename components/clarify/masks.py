"""Masked pictures: for each coalition of segments, the picture in which the absent ones show the baseline's pixels.

They are made in chunks of bounded bytes. Every picture starts as a copy of the one without any segment; a present
segment is then laid into it by exclusive or with what sets it apart from the baseline, over the rows that it reaches.
That is a few passes over bytes, many at a time, where a lookup for each pixel would be one after the other: 128 × 128
pixels with 20 segments take 0.03 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError
from components.images import Pixels


def strengths(met: NDArray[np.bool_], context: float) -> NDArray[np.float64]:
    """Returns how much of its pixels each segment ``(segments,)`` loses when it is absent, in [0, 1].

    A segment that meets the box loses all; one outside loses the share ``context``, that is, an absent one shows
    ``(1 - context) * picture + context * baseline``. So with context 1 the whole picture is masked, with 0 only what
    meets the box, and between them the game changes steadily from the one to the other. (AWS, ImageConfig: the portion
    of the image outside of the bounding box that is considered, 0.0 to 1.0.)

    Args:
        met: Whether each segment meets the box.
        context: From 0 to 1.
    """
    return np.where(met, 1.0, context)


class Masker:
    """Masks one picture.

    Args:
        image: ``(H, W, 3)``.
        segments: The segment of each pixel ``(H, W)``.
        baseline: ``(H, W, 3)``.
        strength: Of each segment ``(segments,)``, see ``strengths``; those with 0 are no players and never masked.

    Attributes:
        players: The segments that play ``(players,)``, ascending; column i of a coalition is segment ``players[i]``.

    Raises:
        InputError: The shapes do not fit each other.
    """

    def __init__(
        self,
        image: Pixels,
        segments: NDArray[np.int32],
        baseline: Pixels,
        strength: NDArray[np.float64],
    ) -> None:
        if image.shape != baseline.shape or image.shape[:2] != segments.shape or segments.max() >= len(strength):
            raise InputError(
                f"expected picture, baseline and segments of one size, found {image.shape}, {baseline.shape}, "
                f"{segments.shape} with {int(segments.max()) + 1} segments and {len(strength)} strengths"
            )
        self.players = np.flatnonzero(strength > 0)
        self._shape = image.shape
        self._absent = _blended(image, baseline, strength[segments]).reshape(-1)
        difference = image.reshape(-1) ^ self._absent
        self._planes = [self._plane(segments == player, difference) for player in self.players]

    @property
    def bytes_each(self) -> int:
        """Bytes of one masked picture."""
        return self._absent.size

    def build(self, coalitions: NDArray[np.bool_]) -> Pixels:
        """Returns the pictures ``(n, H, W, 3)`` of coalitions ``(n, players)``; True is present.

        Raises:
            InputError: The coalitions are of another number of players.
        """
        if coalitions.ndim != 2 or coalitions.shape[1] != len(self.players):
            raise InputError(f"expected coalitions (n, {len(self.players)}), found {coalitions.shape}")
        made = np.empty((len(coalitions), self._absent.size), np.uint8)
        made[:] = self._absent
        for picture, coalition in zip(made, coalitions, strict=True):
            for player in np.flatnonzero(coalition):
                start, plane = self._planes[player]
                part = picture[start : start + plane.size]
                np.bitwise_xor(part, plane, out=part)
        return made.reshape(len(coalitions), *self._shape)

    def chunks(self, coalitions: NDArray[np.bool_], room: Callable[[int], int]) -> Iterator[Pixels]:
        """Yields the pictures of coalitions in order, each chunk made when it is asked for.

        Args:
            coalitions: ``(n, players)``.
            room: Tells how many pictures of so many bytes each the next chunk may hold.
        """
        start = 0
        while start < len(coalitions):
            size = room(self.bytes_each)
            yield self.build(coalitions[start : start + size])
            start += size

    def _plane(self, inside: NDArray[np.bool_], difference: NDArray[np.uint8]) -> tuple[int, NDArray[np.uint8]]:
        rows = np.flatnonzero(inside.any(axis=1))
        if not len(rows):  # it has no pixel left in a small picture
            return 0, np.empty(0, np.uint8)
        width = 3 * self._shape[1]
        start, end = int(rows[0]) * width, (int(rows[-1]) + 1) * width
        kept = np.repeat(inside[rows[0] : rows[-1] + 1].reshape(-1), 3)
        return start, np.where(kept, difference[start:end], np.uint8(0))


def _blended(image: Pixels, baseline: Pixels, strength: NDArray[np.float64]) -> Pixels:
    """Returns the picture without any segment: the baseline's pixels, by their strength ``(H, W)``."""
    if np.isin(strength, (0.0, 1.0)).all():
        return np.where((strength > 0)[..., None], baseline, image)
    share = strength[..., None]
    return np.rint((1 - share) * image + share * baseline).astype(np.uint8)
