"""Pictures that somebody else took: decoded within limits, made upright, stored as they are where that can be."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

from components.errors import ImageError
from components.images import FORMATS, Limits, Pixels, decode, encode_png

_ORIENTATION = 0x0112
"""The EXIF tag, as in Exif 2.32, 4.6.4 A."""

_UPRIGHT: Mapping[int, Callable[[Pixels], Pixels]] = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[:, ::-1],
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: p.transpose(1, 0, 2)[::-1],
}


class Stored(NamedTuple):
    """A picture as a scenes folder takes it.

    Attributes:
        data: The file's bytes.
        extension: ``png`` or ``jpg``.
        size: Width and height in pixels.
        orientation: What EXIF said; other than 1, the bytes are not the user's.
    """

    data: bytes
    extension: str
    size: tuple[int, int]
    orientation: int = 1


def stored(data: bytes) -> Stored:
    """Checks a picture and makes it upright.

    The bytes stay as they are. Only where EXIF turns or mirrors the picture, it is encoded anew, upright: as PNG, which
    loses nothing, or as JPEG of quality 95 where the PNG would be over the limit that readers hold. So boxes drawn on
    the upright picture, which is what people see, agree with the pixels that are stored.

    Raises:
        ImageError: It is neither JPEG nor PNG, broken, or over the limits.
    """
    pixels = decode(data)
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        kind, orientation = image.format, _orientation(image)
    if kind not in ("JPEG", "PNG"):
        raise ImageError(f"expected JPEG or PNG, found {kind}")
    if orientation == 1:
        return Stored(data, "jpg" if kind == "JPEG" else "png", _size(pixels))
    upright = np.ascontiguousarray(_UPRIGHT[orientation](pixels))
    png = encode_png(upright)
    if len(png) <= Limits().bytes:
        return Stored(png, "png", _size(upright), orientation)
    buffer = io.BytesIO()
    Image.fromarray(upright).save(buffer, "JPEG", quality=95, subsampling=0)
    return Stored(buffer.getvalue(), "jpg", _size(upright), orientation)


def _size(pixels: Pixels) -> tuple[int, int]:
    return (pixels.shape[1], pixels.shape[0])


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF raises nearly anything; viewers show such a picture as it is stored
        return 1
    return int(found) if found in _UPRIGHT else 1
