"""Pictures as people see them: decoded within limits, and turned as their EXIF orientation says.

``components.images.decode`` leaves the orientation alone, since captured bytes and a dataset's boxes refer to pixels as
they are stored. A heat map is looked at, and its boxes must lie where people see the object; so a picture is turned
before the model sees it, and everything after that, segments, boxes and maps, is of the picture that was turned.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from components.images import FORMATS, Limits, Pixels, decode

_ORIENTATION = 0x0112

# Of each EXIF orientation: whether rows and columns change places, and which of the axes x, y are then reversed.
_TURNS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


def upright(data: bytes, limits: Limits = Limits()) -> Pixels:  # noqa: B008 - a tuple of numbers cannot change
    """Returns an encoded picture as ``(H, W, 3)`` uint8 RGB, turned as its EXIF orientation says.

    Raises:
        ImageError: The bytes are no acceptable image.
        OversizeError: They are over the limits.
    """
    pixels = decode(data, limits)
    across, left, up = _TURNS[orientation(data)]
    turned = pixels.swapaxes(0, 1) if across else pixels
    turned = turned[:, ::-1] if left else turned
    return np.ascontiguousarray(turned[::-1] if up else turned)


def turned(boxes: NDArray[np.float64], orientation: int) -> NDArray[np.float64]:
    """Returns boxes of the stored picture as boxes of the upright one.

    Args:
        boxes: ``(boxes, 4)`` as x1, y1, x2, y2, each a share of the stored width or height.
        orientation: EXIF's, 1 to 8.
    """
    across, left, up = _TURNS[orientation]
    x, y = boxes[:, 0::2], boxes[:, 1::2]
    if across:
        x, y = y, x
    x, y = (1 - x[:, ::-1] if left else x), (1 - y[:, ::-1] if up else y)
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)


def orientation(data: bytes) -> int:
    """Returns the EXIF orientation of an encoded picture, 1 to 8; 1 where there is none that makes sense.

    Exif 2.32, tag 0x0112. Broken EXIF is no EXIF: the pixels were decoded without it.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # whatever hostile EXIF makes Pillow raise
        return 1
    return found if isinstance(found, int) and found in _TURNS else 1


def shrunk(image: Pixels, side: int) -> Pixels:
    """Returns a picture ``(H, W, 3)`` whose longer side is at most ``side`` pixels, its aspect kept."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    return resized(image, max(1, round(height * scale)), max(1, round(width * scale)))


def resized(image: Pixels, height: int, width: int) -> Pixels:
    """Returns a picture stretched to ``(height, width, 3)``, bilinear, with antialiasing where it shrinks."""
    from PIL import Image

    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def nearest(labels: NDArray[np.int32], height: int, width: int) -> NDArray[np.int32]:
    """Returns a map of labels ``(h, w)`` at another size ``(height, width)``, each pixel that of its middle."""
    rows = ((np.arange(height) + 0.5) * labels.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * labels.shape[1] / width).astype(np.intp)
    return np.ascontiguousarray(labels[rows][:, columns])
