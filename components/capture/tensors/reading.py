"""Reading one tensor out of a file that anybody may have written: the header is checked, the rest is not touched."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.capture.tensors import files, names
from components.errors import InputError, RecordError, WeightsError
from components.package.weights import DTYPES, HEADER_BYTES, Tensor, header
from components.storage import Place

_FIRST = 64 * 1024  # bytes that are asked for at once: most headers are shorter


class Layout:
    """What lies where in a file, and the texts that came with it.

    Args:
        place: Where the file is.
        size: In bytes, as the listing said.

    Attributes:
        tensors: By name.
        metadata: By name.

    Raises:
        RecordError: It is no safetensors file, lies about its content, is over ``FILE_BYTES``, or holds a name that is
            none of a tensor (one that climbs out of a folder, say).
        StorageError: It cannot be read.
    """

    def __init__(self, place: Place, size: int) -> None:
        self._place = place
        if size > files.FILE_BYTES:
            raise RecordError(f"{place}: expected at most {files.FILE_BYTES} bytes, found {size}")
        try:
            self.tensors, self.metadata = header(_head(place, size), size)
            for name in self.tensors:
                names.known(name)
        except (WeightsError, InputError) as error:
            raise RecordError(f"{place}: {error}") from None

    def value(self, name: str) -> NDArray[Any]:
        """Returns a tensor in memory of its own; bfloat16, which NumPy does not know, as the float32 of same value.

        Raises:
            RecordError: A boolean is neither 0 nor 1.
            StorageError: The file cannot be read, or has become shorter.
        """
        tensor = self.tensors[name]
        data = self._place.read_range(tensor.begin, tensor.end - tensor.begin)
        return _array(f"{self._place}: {name}", tensor, data)


def _head(place: Place, size: int) -> bytes:
    head = place.read_range(0, min(size, _FIRST))
    end = 8 + int.from_bytes(head[:8], "little")
    if len(head) < end <= min(size, HEADER_BYTES + 8):
        head += place.read_range(len(head), end - len(head))
    return head


def _array(what: str, tensor: Tensor, data: bytes) -> NDArray[Any]:
    if tensor.dtype == "BOOL" and data and max(data) > 1:
        raise RecordError(f"{what}: expected booleans as 0 and 1, found {max(data)}")
    flat = np.frombuffer(data, DTYPES[tensor.dtype])
    if tensor.dtype == "BF16":
        return (flat.astype("<u4") << 16).view("<f4").reshape(tensor.shape)
    return flat.reshape(tensor.shape).copy()
