"""MXNet's parameter lists (``.params``), read without MXNet and before it sees a byte of them.

The format (MXNet 1.9, ``src/ndarray/ndarray.cc``, ``NDArray::Save`` and ``Load``; all little-endian): a list's magic
number 0x112 and a reserved word, as uint64; the number of arrays, uint64; the arrays; the number of names, uint64; each
name as its length, uint64, and its bytes. An array is a magic number, uint32; a storage type, int32 (version 2 only);
the number of its sides, int32, and each side, int64; a device type and number, int32 each; a data type, int32; and
its values, row-major. MXNet's reader trusts the lengths that it finds; this one counts the bytes first.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import WeightsError
from components.package import formats
from components.package.strict import listed, short

LIST = 0x112
VERSION_1 = 0xF993FAC8
VERSION_2 = 0xF993FAC9
VERSION_3 = 0xF993FACA  # of mxnet.numpy, whose shapes mean something else

ARRAYS = 50_000
DIMENSIONS = 32
NAME_BYTES = 1_000
PREFIXES = ("arg:", "aux:")
"""As ``HybridBlock.export`` writes them: parameters, and running statistics."""

DTYPES = {0: "<f4", 1: "<f8", 2: "<f2", 3: "u1", 4: "<i4", 5: "i1", 6: "<i8"}
"""MXNet's data types that NumPy has too, by their number in mshadow."""

_DEVICES = {1: "cpu", 2: "gpu", 3: "cpu_pinned", 5: "cpu_shared"}
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Array:
    """Where an array lies: ``data[begin:end]`` of the whole file, of a NumPy dtype and a shape."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def check(data: bytes, exported: bool = True) -> dict[str, Array]:
    """Checks the content of a ``.params`` file.

    Args:
        data: The whole file.
        exported: Whether names must have the prefix that ``HybridBlock.export`` gives them; ``save_parameters``, which
            wrote the zoo's files, gives none.

    Returns:
        The arrays by name, ``arg:…`` and ``aux:…``.

    Raises:
        WeightsError: It is no parameter list; it is cut short, or longer than it says; an array is not dense, of a type
            that NumPy lacks, or of more values than there are bytes; a name is missing, given twice, or without its
            prefix; a value is not finite.
    """
    reader = _Reader(data)
    magic, _ = reader.take("<QQ", "a list's head") if len(data) >= 16 else (0, 0)
    if magic != LIST:
        found = formats.name_of(data) or (f"{len(data)} bytes" if len(data) < 16 else short(data[:8]))
        raise WeightsError(f"expected weights as MXNet's parameter list, found {found}")
    (count,) = reader.take("<Q", "the number of arrays")
    if count > ARRAYS:
        raise WeightsError(f"expected at most {ARRAYS:,} arrays, found {count:,}")
    arrays = [_array(reader, f"array {index}") for index in range(count)]
    names = _names(reader, count, exported)
    if reader.at != len(data):
        raise WeightsError(f"expected the end behind the names, found {len(data) - reader.at:,} bytes more")
    named = dict(zip(names, arrays, strict=True))
    for name, array in named.items():
        _check_finite(name, _view(array, data))
    return named


def load_numpy(data: bytes, exported: bool = True) -> dict[str, NDArray[Any]]:
    """Returns the arrays by name, as views of ``data`` that cannot be written to, after :func:`check`.

    Raises:
        WeightsError: As for :func:`check`.
    """
    return {name: _view(array, data) for name, array in check(data, exported).items()}


class _Reader:
    """Takes numbers from the front of bytes, and never more than there are."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str, what: str) -> tuple[int, ...]:
        begin = self.skip(struct.calcsize(form), what)
        return struct.unpack_from(form, self.data, begin)

    def skip(self, size: int, what: str) -> int:
        """Returns where the next ``size`` bytes begin, and goes behind them."""
        begin, left = self.at, len(self.data) - self.at
        if size > left:
            raise WeightsError(f"expected {size:,} bytes of {what}, found {left:,} to the end of the file")
        self.at += size
        return begin


def _array(reader: _Reader, what: str) -> Array:
    (magic,) = reader.take("<I", what)
    if magic not in (VERSION_1, VERSION_2):
        found = "one of mxnet.numpy's" if magic == VERSION_3 else f"{magic:#x}"
        raise WeightsError(f"{what}: expected an array of version 1 or 2, found {found}")
    if magic == VERSION_2 and (storage := reader.take("<i", what)[0]) != 0:
        raise WeightsError(f"{what}: expected a dense array, found storage type {storage}")
    shape = _shape(reader, what)
    device, number, kind = reader.take("<iii", what)
    if device not in _DEVICES or not 0 <= number < 1024:
        raise WeightsError(f"{what}: expected a device among {', '.join(_DEVICES.values())}, found {device} {number}")
    if kind not in DTYPES:
        raise WeightsError(f"{what}: expected a data type among {', '.join(map(str, DTYPES))}, found {kind}")
    size = math.prod(shape) * np.dtype(DTYPES[kind]).itemsize
    begin = reader.skip(size, f"{what} {shape}")
    return Array(DTYPES[kind], shape, begin, begin + size)


def _shape(reader: _Reader, what: str) -> tuple[int, ...]:
    (sides,) = reader.take("<i", what)
    # No sides would mean an array that was never made, and nothing would follow.
    if not 1 <= sides <= DIMENSIONS:
        raise WeightsError(f"{what}: expected 1 to {DIMENSIONS} sides, found {sides}")
    shape = reader.take(f"<{sides}q", what)
    if min(shape) < 1 or math.prod(shape) >= 2**48:
        raise WeightsError(f"{what}: expected sides of 1 and more and fewer than 2^48 values, found {short(shape)}")
    return shape


def _names(reader: _Reader, count: int, exported: bool) -> list[str]:
    (found,) = reader.take("<Q", "the number of names")
    if found != count:
        raise WeightsError(f"expected {count:,} names for as many arrays, found {found:,}")
    names = [_name(reader, exported) for _ in range(count)]
    if twice := sorted(name for name, times in Counter(names).items() if times > 1):
        raise WeightsError(f"expected each name once, found {listed(twice)} again")
    return names


def _name(reader: _Reader, exported: bool) -> str:
    (size,) = reader.take("<Q", "a name's length")
    if size > NAME_BYTES:
        raise WeightsError(f"expected a name of at most {NAME_BYTES:,} bytes, found {size:,}")
    begin = reader.skip(size, "a name")
    raw = reader.data[begin : begin + size]
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise WeightsError(f"expected names in UTF-8, found {short(raw)}") from None
    if not name or (exported and (name[:4] not in PREFIXES or len(name) == 4)):
        raise WeightsError(f"expected names that begin with {' or '.join(PREFIXES)}, found {short(name)}")
    return name


def _check_finite(name: str, values: NDArray[Any]) -> None:
    flat = values.reshape(-1)
    for start in range(0, flat.size if values.dtype.kind == "f" else 0, _PIECE):
        good = np.isfinite(flat[start : start + _PIECE])
        if not good.all():
            at = start + int(good.argmin())
            raise WeightsError(f"{short(name)}: expected finite weights, found NaN or infinity at value {at:,}")


def _view(array: Array, data: bytes) -> NDArray[Any]:
    return np.frombuffer(data, array.dtype, math.prod(array.shape), array.begin).reshape(array.shape)
