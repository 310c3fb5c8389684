"""NumPy's ``.npy`` format, for images that come in and probabilities that go out.

A reader of its own, for numpy's allocates what the header promises before it looks how much there is, and goes as far
as unpickling if told so. This one takes plain uint8 pixels, and reads no more than it was given.
Format: ``numpy.lib.format`` (versions 1.0 and 2.0).
"""

from __future__ import annotations

import ast
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import RequestError
from components.serve.protocols.wording import shown

MAGIC = b"\x93NUMPY"
MAX_HEADER = 4096


def read(data: bytes) -> NDArray[np.uint8]:
    """Returns the uint8 array in ``data``, without copying it (it is read-only).

    Raises:
        RequestError: It is no .npy, its dtype is not uint8, or its data are not exactly ``shape``.
    """
    header, start = _header(data)
    descr, shape = header["descr"], header["shape"]
    if descr not in ("|u1", "<u1", ">u1", "u1"):
        raise RequestError(f"expected an array of dtype '|u1' (uint8), found {shown(descr)}")
    if not isinstance(header["fortran_order"], bool):
        raise RequestError("expected True or False as fortran_order in the .npy header, found neither")
    if not isinstance(shape, tuple) or len(shape) > 4 or not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        raise RequestError(f"expected a shape of at most 4 whole numbers, found {shown(shape)}")
    if math.prod(shape) != len(data) - start:
        raise RequestError(f"expected {math.prod(shape)} bytes for the shape {shape}, found {len(data) - start}")
    order: Any = "F" if header["fortran_order"] else "C"
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape, order=order)


def write(array: NDArray[Any]) -> bytes:
    """Returns a numeric array as .npy, version 1.0."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    if data[:6] != MAGIC:
        raise RequestError(f"expected .npy data that begin with {MAGIC!r}, found {data[:6]!r}")
    width = {b"\x01\x00": 2, b"\x02\x00": 4}.get(data[6:8])
    if width is None:
        raise RequestError(f"expected .npy version 1.0 or 2.0, found {list(data[6:8])}")
    length = int.from_bytes(data[8 : 8 + width], "little")
    start = 8 + width + length
    if length > MAX_HEADER or start > len(data):
        raise RequestError(f"expected a .npy header of at most {MAX_HEADER} bytes, all of it there, found {length}")
    return _literal(data[8 + width : start]), start


def _literal(text: bytes) -> dict[str, Any]:
    try:
        header = ast.literal_eval(text.decode("latin-1").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        header = None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise RequestError("expected a .npy header with descr, fortran_order and shape, found another")
    return header
