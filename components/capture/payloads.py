"""The images in a captured request, as the server read them.

=========================================  =====================================================================
encoded images                             JPEG, PNG or PNM
``.npy``                                   uint8 ``(H, W, 3)`` or ``(N, H, W, 3)``
``{"instances": …}``, ``{"images": …}``    nested lists ``(H, W, 3)``; base64 texts of encoded images
``{"inputs": …}``                          Open Inference Protocol v2: ``UINT8 [N, H, W, 3]`` or ``BYTES [N]``,
                                           in JSON, or binary behind it (the length in the content type)
=========================================  =====================================================================

The server answered these requests, so they were well-formed once; here anything else is merely unreadable.
"""

from __future__ import annotations

import binascii
import io
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from components.errors import ImageError
from components.images import Limits, Pixels, decode

_NPY = b"\x93NUMPY"
_HEADER = 4096
_LIMITS = Limits()
_LENGTH = re.compile(r";\s*inference-header-content-length=(\d{1,12})\s*$", re.ASCII)


def images(body: bytes, content_type: str | None) -> list[Pixels]:
    """Returns the images of a request, each ``(H, W, 3)`` uint8 RGB, in its order.

    Raises:
        ImageError: They cannot be read, or are over the limits.
    """
    return list(_each(body, content_type))


def first(body: bytes, content_type: str | None) -> Pixels:
    """Returns the first image of a request ``(H, W, 3)``; encoded ones behind it are not decoded.

    Raises:
        ImageError: There is none, or it cannot be read, or is over the limits.
    """
    for image in _each(body, content_type):
        return image
    raise ImageError("expected an image in the request, found none")


def _each(body: bytes, content_type: str | None) -> Iterator[Pixels]:
    stated = content_type or ""
    media, length = stated.partition(";")[0].strip().lower(), _LENGTH.search(stated)
    if media == "application/x-npy" or body.startswith(_NPY):
        yield from _split(_array(body))
    elif media == "application/json" or length or body.startswith(b"{"):  # /v2/…/infer takes JSON under any type
        end = int(length[1]) if length else len(body)
        yield from _document(body[:end], body[end:])
    else:
        yield decode(body)


def _array(body: bytes) -> NDArray[Any]:
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, columns_first, kind = read(stream, max_header_size=_HEADER)
        # A view of the bytes that are there: a header may promise more than memory holds.
        flat = np.frombuffer(body, kind, math.prod(shape), stream.tell())
        return flat.reshape(shape, order="F" if columns_first else "C")
    except Exception as error:  # the header is a Python literal that anybody may have written
        raise ImageError(f"expected an npy array, found {type(error).__name__}") from None


def _document(body: bytes, tail: bytes) -> Iterator[Pixels]:
    try:
        found: Any = orjson.loads(body)
        if "inputs" in found:
            yield from _tensor(found["inputs"][0], tail)
        elif "images" in found:
            yield from _decoded(found["images"])
        else:
            for rows in found["instances"]:
                yield from _split(np.asarray(rows))
    except ImageError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ImageError(f"expected a document with images, found {type(error).__name__}") from None


def _tensor(tensor: Any, tail: bytes) -> Iterator[Pixels]:
    binary = "data" not in tensor
    if tensor["datatype"] == "BYTES":
        return (decode(file) for file in _files(tail)) if binary else _decoded(tensor["data"])
    flat = np.frombuffer(tail, np.uint8) if binary else np.asarray(tensor["data"])
    return iter(_split(flat.reshape(tensor["shape"])))


def _files(tail: bytes) -> Iterator[bytes]:
    while tail:
        end = 4 + int.from_bytes(tail[:4], "little")
        yield tail[4:end]
        tail = tail[end:]


def _decoded(texts: list[str]) -> Iterator[Pixels]:
    return (decode(binascii.a2b_base64(text, strict_mode=True)) for text in texts)


def _split(found: NDArray[Any]) -> list[Pixels]:
    batch = found[None] if found.ndim == 3 else found
    if batch.ndim != 4 or batch.shape[3] != 3 or not batch.size or max(batch.shape[1:3]) > _LIMITS.side:
        raise ImageError(f"expected pixels (H, W, 3) or (N, H, W, 3), found {found.shape}")
    if batch.dtype.kind not in "ui" or batch.min() < 0 or batch.max() > 255:
        raise ImageError(f"expected whole numbers from 0 to 255, found {found.dtype}")
    return list(batch.astype(np.uint8))
