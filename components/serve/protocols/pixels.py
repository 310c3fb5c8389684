"""From what a client may send to images ``(H, W, 3)`` uint8 RGB: encoded bytes, arrays, nested lists, base64.

Both protocols end here, so that one image means the same pixels whichever way it came.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np

from components import images
from components.errors import ImageError, OversizeError, RequestError
from components.images import Pixels
from components.serve.limits import Limits
from components.serve.protocols import npy
from components.serve.protocols.wording import shown

SIGNATURES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}


def from_encoded(data: bytes, limits: Limits, media: str = "") -> Pixels:
    """Decodes a JPEG, PNG or PNM.

    Args:
        data: The file's bytes.
        limits: ``pixels`` and ``side`` are used.
        media: ``image/jpeg`` or ``image/png`` where the client said so; it must be true.

    Raises:
        RequestError: 400, it is no such image; 413, it has too many pixels.
    """
    signature = SIGNATURES.get(media, b"")
    if not data.startswith(signature):
        raise RequestError(f"expected {media} as the Content-Type says, found {data[:8]!r}")
    try:
        return images.decode(data, limits.image)
    except OversizeError as error:
        raise RequestError(str(error), 413) from None
    except ImageError as error:
        raise RequestError(str(error)) from None


def from_npy(data: bytes, limits: Limits) -> list[Pixels]:
    """Reads one image ``(H, W, 3)`` or several ``(N, H, W, 3)`` from a .npy of uint8.

    Raises:
        RequestError: 400, or 413 for too many images or pixels.
    """
    array = npy.read(data)
    if array.ndim == 3:
        array = array[None]
    return split(array, limits)


def split(array: Pixels, limits: Limits) -> list[Pixels]:
    """Returns the images of a batch ``(N, H, W, 3)``.

    Raises:
        RequestError: 400 for another shape or no image; 413 for too many images or pixels.
    """
    if array.ndim != 4 or array.shape[3] != 3 or not array.size:
        raise RequestError(f"expected pixels (H, W, 3) or (N, H, W, 3), found the shape {array.shape}")
    check_count(len(array), limits)
    height, width = array.shape[1:3]
    _check_size(height, width, limits)
    return list(array)


def from_base64(texts: Any, limits: Limits) -> list[Pixels]:
    """Decodes a list of base64 texts (RFC 4648 section 4, padded, no line breaks), each a JPEG, PNG or PNM.

    Raises:
        RequestError: 400 names the first image that is none; 413 for too many images or pixels.
    """
    if not isinstance(texts, list) or not texts:
        raise RequestError(f"expected a list of base64 texts, found {shown(texts)}")
    check_count(len(texts), limits)
    return from_files((_debase(text, number) for number, text in enumerate(texts)), limits)


def from_files(files: Iterable[bytes], limits: Limits) -> list[Pixels]:
    """Decodes several files, each a JPEG, PNG or PNM.

    Raises:
        RequestError: 400, one is none; 413, one has too many pixels, or all together have.
    """
    found, total = [], 0
    for data in files:
        image = from_encoded(data, limits)
        total += image.shape[0] * image.shape[1]
        if total > limits.request_pixels:
            raise RequestError(f"expected at most {limits.request_pixels} pixels in a request, found more", 413)
        found.append(image)
    return found


def from_lists(instances: Any, limits: Limits) -> list[Pixels]:
    """Reads a list of images, each as nested lists ``(H, W, 3)`` of whole numbers from 0 to 255.

    Raises:
        RequestError: 400 for anything ragged or not a whole number; 413 for too many images or pixels.
    """
    if not isinstance(instances, list) or not instances:
        raise RequestError(f"expected a list of images, found {shown(instances)}")
    check_count(len(instances), limits)
    return [_from_rows(rows, limits) for rows in instances]


def to_bytes(numbers: list[Any]) -> bytes:
    """Returns whole numbers from 0 to 255 as bytes.

    Raises:
        RequestError: Another value is among them (a float or a bool too: 1.0 may have been meant as full scale).
    """
    wrong = set(map(type, numbers)) - {int}
    if wrong:
        raise RequestError(
            f"expected whole numbers from 0 to 255, found {', '.join(sorted(t.__name__ for t in wrong))}"
        )
    try:
        return bytes(numbers)
    except ValueError:
        outside = next(n for n in numbers if not 0 <= n <= 255)
        raise RequestError(f"expected whole numbers from 0 to 255, found {outside}") from None


def check_count(count: int, limits: Limits) -> None:
    """Raises a RequestError (413) for more images than one request may carry."""
    if count > limits.images:
        raise RequestError(f"expected at most {limits.images} images in a request, found {count}", 413)


def _debase(text: Any, number: int) -> bytes:
    try:
        if not isinstance(text, str):
            raise ValueError
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise RequestError(
            f"image {number}: expected base64 (alphabet A-Z a-z 0-9 + /, padded, no line breaks), found {shown(text)}"
        ) from None


def _check_size(height: int, width: int, limits: Limits) -> None:
    if height * width > limits.pixels or max(height, width) > limits.side:
        raise RequestError(
            f"expected at most {limits.pixels} pixels and {limits.side} on a side, found {width} × {height}", 413
        )


def _from_rows(rows: Any, limits: Limits) -> Pixels:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        raise RequestError(f"expected an image as nested lists (H, W, 3), found {shown(rows)}")
    width = len(rows[0])
    _check_size(len(rows), width, limits)
    pixels = list(chain.from_iterable(rows))
    if not width or any(len(row) != width for row in rows) or not all(_is_pixel(p) for p in pixels):
        raise RequestError("expected an image as nested lists (H, W, 3) with rows of one length, found another shape")
    flat = to_bytes(list(chain.from_iterable(pixels)))
    return np.frombuffer(flat, np.uint8).reshape(len(rows), width, 3)


def _is_pixel(found: Any) -> bool:
    return isinstance(found, list) and len(found) == 3
