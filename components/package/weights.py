"""Weights as safetensors, checked before any library sees them; whatever else a file is, it is refused by name.

The format (https://huggingface.co/docs/safetensors, "Format"): eight bytes with the length N of the header, as a
little-endian unsigned integer; N bytes of JSON that give each tensor's ``dtype``, ``shape`` and ``data_offsets``; then
the tensors' bytes, row-major and little-endian, one behind the other without holes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import WeightsError
from components.package import formats
from components.package.strict import listed, parse_object, short

Expected = Mapping[str, tuple[str, tuple[int, ...]]]
"""What a model needs: dtype, as safetensors spells it (``F32``), and shape of each tensor, by name."""

HEADER_BYTES = 8_000_000
"""Far over what 50,000 tensors need; the format itself allows 100 MB, which takes gigabytes to parse."""

TENSORS = 50_000
DIMENSIONS = 32  # NumPy's bound before version 2

DTYPES: dict[str, str] = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "C64": "<c8", "BOOL": "?"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"},
    "BF16": "<u2",  # the upper half of a float32, which NumPy does not know
}

_KEYS = {"dtype", "shape", "data_offsets"}
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies: ``data[begin:end]`` of the whole file, of a dtype among ``DTYPES`` and a shape."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


def check(data: bytes, expected: Expected | None = None, allow_nonfinite: bool = False) -> dict[str, Tensor]:
    """Checks the content of a safetensors file, and that it is what the model needs.

    Args:
        data: The whole file.
        expected: Dtype and shape of every tensor; None where the model is not known.
        allow_nonfinite: Take NaN and infinite weights.

    Returns:
        The tensors, by name.

    Raises:
        WeightsError: It is no safetensors file; it is one that lies about its content; names, shapes or dtypes are
            not those of the model (all are named); a weight is not finite, or a boolean neither 0 nor 1.
    """
    tensors, _ = header(data, len(data))
    if expected is not None:
        _compare(tensors, expected)
    for name, tensor in tensors.items():
        _check_values(name, tensor, data, allow_nonfinite)
    return tensors


def load_numpy(data: bytes, expected: Expected | None = None, allow_nonfinite: bool = False) -> dict[str, NDArray[Any]]:
    """Returns the tensors as arrays of their own memory, after :func:`check`.

    Raises:
        WeightsError: As for :func:`check`; also for BF16, which NumPy has no type for.
    """
    tensors = check(data, expected, allow_nonfinite)
    if bad := sorted(name for name, tensor in tensors.items() if tensor.dtype == "BF16"):
        raise WeightsError(f"expected dtypes that NumPy has, found BF16 in {listed(bad)}")
    return {name: _view(tensor, data).copy() for name, tensor in tensors.items()}


def header(head: bytes, size: int) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Checks the header of a safetensors file without its tensors' values.

    Args:
        head: The file's first bytes, up to the end of the header at least.
        size: Bytes of the whole file.

    Returns:
        The tensors by name, and the ``__metadata__``.

    Raises:
        WeightsError: It is no safetensors file, or one that lies about its content.
    """
    length = int.from_bytes(head[:8], "little")
    if len(head) < 8 or length > size - 8 or head[8:9] != b"{":
        raise WeightsError(f"expected weights as safetensors, found {_found(head, length, size)}")
    if length > HEADER_BYTES:
        raise WeightsError(f"expected a safetensors header of at most {HEADER_BYTES:,} bytes, found {length:,}")
    parsed = parse_object(head[8 : 8 + length], "safetensors header", WeightsError)
    metadata = _metadata(parsed.pop("__metadata__", {}))
    if len(parsed) > TENSORS:
        raise WeightsError(f"expected at most {TENSORS:,} tensors, found {len(parsed):,}")
    tensors = {name: _tensor(name, entry, 8 + length) for name, entry in parsed.items()}
    _check_cover(tensors, 8 + length, size)
    return tensors, metadata


def _found(head: bytes, length: int, size: int) -> str:
    if known := formats.name_of(head):
        return known
    if len(head) < 8:
        return f"{len(head)} bytes"
    if length > size - 8:
        return f"a header of {length:,} bytes in a file of {size:,}"
    return f"a header that is no JSON object: {short(head[8:40])}"


def _metadata(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsError(f"safetensors __metadata__: expected texts by name, found {short(metadata)}")
    return metadata


def _tensor(name: str, entry: Any, start: int) -> Tensor:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        raise WeightsError(f"{short(name)}: expected dtype, shape and data_offsets, found {short(entry)}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise WeightsError(f"{short(name)}: expected a dtype among {', '.join(DTYPES)}, found {short(dtype)}")
    if not _naturals(shape) or len(shape) > DIMENSIONS or math.prod(max(1, side) for side in shape) >= 2**48:
        raise WeightsError(
            f"{short(name)}: expected a shape of at most {DIMENSIONS} sizes and 2^48 values, found {short(shape)}"
        )
    if not _naturals(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise WeightsError(f"{short(name)}: expected data_offsets [begin, end], found {short(offsets)}")
    needed, found = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize, offsets[1] - offsets[0]
    if needed != found:
        raise WeightsError(
            f"{short(name)}: expected {needed:,} bytes for {dtype} {short(tuple(shape))}, found {found:,}"
        )
    return Tensor(dtype, tuple(shape), start + offsets[0], start + offsets[1])


def _check_cover(tensors: Mapping[str, Tensor], start: int, end: int) -> None:
    """Checks that the tensors lie one behind the other, from the header's end to the file's."""
    at, before = start, "the header"
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != at:
            what = "overlaps with" if tensor.begin < at else "leaves a hole behind"
            raise WeightsError(f"{short(name)}: expected its data to follow {before}, found that it {what} it")
        at, before = tensor.end, short(name)
    if at != end:
        raise WeightsError(f"expected the tensors to take {at - start:,} bytes of data, found {end - start:,}")


def _compare(tensors: Mapping[str, Tensor], expected: Expected) -> None:
    """Raises with all that differs between the tensors and those that a model needs."""
    differing = [
        f"{short(name)} as {dtype} {shape} (found {tensors[name]})"
        for name, (dtype, shape) in sorted(expected.items())
        if name in tensors and (tensors[name].dtype, tensors[name].shape) != (dtype, tuple(shape))
    ]
    told = [
        *_told("missing", sorted(expected.keys() - tensors.keys())),
        *_told("unknown", sorted(tensors.keys() - expected.keys())),
        *([f"expected {'; '.join(differing[:8])}" + ("; …" if len(differing) > 8 else "")] if differing else []),
    ]
    if told:
        raise WeightsError(f"expected the model's {len(expected)} tensors, found others: {'; '.join(told)}")


def _told(what: str, names: list[str]) -> Iterator[str]:
    if names:
        yield f"{what} {listed(names)}"


def _check_values(name: str, tensor: Tensor, data: bytes, allow_nonfinite: bool) -> None:
    if tensor.dtype == "BOOL":
        raw = np.frombuffer(data, np.uint8, tensor.end - tensor.begin, tensor.begin)
        if raw.size and raw.max() > 1:
            raise WeightsError(f"{short(name)}: expected booleans as 0 and 1, found {raw.max()}")
    if allow_nonfinite or tensor.dtype[0] not in "FBC":
        return
    flat = _view(tensor, data).reshape(-1)
    for start in range(0, flat.size, _PIECE):
        bad = ~_finite(flat[start : start + _PIECE], tensor.dtype)
        if bad.any():
            at = start + int(bad.argmax())
            raise WeightsError(f"{short(name)}: expected finite weights, found NaN or infinity at value {at:,}")


def _finite(values: NDArray[Any], dtype: str) -> NDArray[np.bool_]:
    if dtype == "BF16":
        return (values & 0x7F80) != 0x7F80  # an exponent of ones only
    return np.isfinite(values)


def _view(tensor: Tensor, data: bytes) -> NDArray[Any]:
    size = math.prod(tensor.shape)
    return np.frombuffer(data, DTYPES[tensor.dtype], size, tensor.begin).reshape(tensor.shape)


def _naturals(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
