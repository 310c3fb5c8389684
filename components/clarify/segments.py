"""Segments of a picture: as many connected patches of like colour as were asked for, the players of the game.

SLIC (Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel methods", TPAMI 2012) by scikit-image.
It takes the wanted number for a hint: asked for 20 segments it gave 2 to 16 on photographs, and 1 on noise, where the
step that makes segments connected swallows nearly all of them. So it is asked for half as many again, which is enough
for two pictures of three, then with more seeds, then with more compactness (ten times as much makes a grid of nearly
any picture), until there are enough; segments over the number are merged, the smallest first, each into the neighbour
that is most like it. Where a picture has not enough pixels there are as many segments as there are; ``Segments.count``
says how many there came to be.

The same picture gives the same segments: nothing is drawn by lot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.clarify.pictures import nearest, shrunk
from components.errors import InputError
from components.images import Pixels

SIDE = 256
"""Segments are found in the picture shrunk to this longer side: they are patches, and SLIC's time goes with pixels."""

_MOST = 4096
_TRIES = ((1.5, 1.0), (2.5, 1.0), (1.5, 3.0), (1.5, 10.0), (2.0, 100.0), (4.0, 1000.0))
"""Of each try, the factors of the wanted number and of the compactness."""


@dataclass(frozen=True, eq=False)
class Segments:
    """A picture in segments.

    Attributes:
        map: The segment of each pixel, int32 ``(H, W)``, numbered from 0 in the order of their first pixels.
        count: How many there are.
        compactness: The one that gave them, at least the one asked for.
    """

    map: NDArray[np.int32]
    count: int
    compactness: float

    def at(self, height: int, width: int) -> NDArray[np.int32]:
        """Returns the map at another size; a segment of few pixels may have none left in a smaller one."""
        return nearest(self.map, height, width)

    def meeting(self, box: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Returns which segments ``(count,)`` share a pixel with a box ``(4,)`` in shares of width and height.

        A box of no area, or of less than a pixel, meets the segment of the pixel that it lies in.
        """
        met = np.zeros(self.count, bool)
        met[np.unique(self.map[window(box, *self.map.shape)])] = True
        return met


def segment(image: Pixels, wanted: int, compactness: float) -> Segments:
    """Cuts a picture ``(H, W, 3)`` into ``wanted`` segments, or as many as it has pixels.

    Args:
        image: Of any size.
        wanted: AWS's ``num_segments``.
        compactness: AWS's ``segment_compactness``, which is SLIC's: more makes squarer segments.

    Returns:
        Segments with a map of the picture's size.

    Raises:
        InputError: The number is under 1, or over 4096 where there are as many pixels; or the compactness not over 0.
    """
    small = shrunk(image, SIDE)
    pixels = small.shape[0] * small.shape[1]
    if not 1 <= min(wanted, pixels) <= _MOST or not compactness > 0:
        raise InputError(f"expected 1 to {_MOST} segments and a compactness over 0, found {wanted} and {compactness:g}")
    if wanted >= pixels:
        labels, used = np.arange(pixels, dtype=np.int32).reshape(small.shape[:2]), compactness
    else:
        labels, used = _enough(small, wanted, compactness)
    labels = _renumbered(_merged(labels, small, wanted))
    full = _renumbered(nearest(labels, *image.shape[:2]))
    return Segments(full, int(full.max()) + 1, used)


def window(box: NDArray[np.float64], height: int, width: int) -> tuple[slice, slice]:
    """Returns the pixels (rows, columns) that a box ``(4,)`` in shares of width and height touches, at least one."""
    x1, y1, x2, y2 = (float(v) for v in np.clip(box, 0, 1))
    left, top = min(int(x1 * width), width - 1), min(int(y1 * height), height - 1)
    right, bottom = max(left + 1, int(np.ceil(x2 * width))), max(top + 1, int(np.ceil(y2 * height)))
    return slice(top, bottom), slice(left, right)


def _enough(image: Pixels, wanted: int, compactness: float) -> tuple[NDArray[np.int32], float]:
    best, used = np.zeros(image.shape[:2], np.int32), compactness
    for more, firmer in _TRIES:
        found = _slic(image, min(round(wanted * more), 2 * _MOST), compactness * firmer)
        if found.max() > best.max():
            best, used = found, compactness * firmer
        if best.max() + 1 >= wanted:
            break
    return best, used


def _slic(image: Pixels, wanted: int, compactness: float) -> NDArray[np.int32]:
    from skimage.segmentation import slic

    found = slic(image, n_segments=max(1, wanted), compactness=compactness, start_label=0, channel_axis=-1)
    return _renumbered(found)


def _merged(labels: NDArray[np.int32], image: Pixels, wanted: int) -> NDArray[np.int32]:
    """Merges the smallest segment into the neighbour with the nearest mean colour until ``wanted`` are left."""
    count = int(labels.max()) + 1
    if count <= wanted:
        return labels
    flat = labels.reshape(-1)
    sizes = np.bincount(flat, minlength=count).astype(np.float64)
    colours = np.stack([np.bincount(flat, image[..., c].reshape(-1), count) for c in range(3)], axis=1)  # sums
    beside = _neighbours(labels, count)
    into = np.arange(count)
    alive = np.ones(count, bool)
    for _ in range(count - wanted):
        small = int(np.argmin(np.where(alive, sizes, np.inf)))
        others = np.flatnonzero(beside[small] & alive)
        means = colours[others] / sizes[others, None]
        apart = np.square(means - colours[small] / sizes[small]).sum(axis=1)
        target = int(others[np.argmin(apart)])
        sizes[target] += sizes[small]
        colours[target] += colours[small]
        beside[target] |= beside[small]
        beside[:, target] |= beside[:, small]
        beside[target, target] = False
        alive[small] = False
        into[into == small] = target
    return into[labels].astype(np.int32)


def _neighbours(labels: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    beside = np.zeros((count, count), bool)
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        beside[one, other] = True
        beside[other, one] = True
    np.fill_diagonal(beside, False)
    return beside


def _renumbered(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Numbers labels from 0 in the order of their first pixels."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return rank[inverse].reshape(labels.shape)
