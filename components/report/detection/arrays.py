"""Arrays of a results folder: their header is compared with what is expected before a number is read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError
from components.report.inside import read_inside

_BYTES = 64 * 1024 * 1024


def read_array(folder: Path, name: str, kind: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Returns an array out of an ``.npy`` file (NumPy Enhancement Proposal 1, versions 1.0 and 2.0).

    Args:
        folder: Where it lies.
        name: Relative to the folder.
        kind: Of its numbers, ``f8`` or ``i4``.
        shape: That it must have; None is any length.

    Raises:
        InputError: It is no plain file of the folder, no such array, or its bytes are more or fewer than it says.
    """
    data = read_inside(folder, name, _BYTES)
    try:
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        reads = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        found, fortran, dtype = reads[version](stream)
    except Exception as error:  # a hostile header makes NumPy's parsers raise nearly anything
        raise InputError(f"{name[:80]!r}: expected an .npy file, found {type(error).__name__}") from None
    fits = len(found) == len(shape) and all(b is None or a == b for a, b in zip(found, shape, strict=True))
    rest = len(data) - stream.tell()
    count = 1
    for side in found:
        count *= side  # whole numbers of any size, which NumPy's would wrap round
    if not fits or fortran or dtype != np.dtype(f"<{kind}") or rest != count * dtype.itemsize:
        raise InputError(
            f"{name[:80]!r}: expected {kind} numbers {shape}, found {rest} bytes of {str(dtype)[:40]} {str(found)[:80]}"
        )
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(found)
