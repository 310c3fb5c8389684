"""Writing the tensors of a step: from NumPy arrays, or from bytes that some other library holds."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from components.capture.tensors import files, names
from components.capture.tensors.files import Key, Mode
from components.capture.tensors.index import Index
from components.errors import InputError
from components.package.weights import DTYPES
from components.storage import Place, place

_NAMES = {np.dtype(numpy): name for name, numpy in DTYPES.items() if name != "BF16"}


class Raw(NamedTuple):
    """A tensor as it lies in a file.

    Attributes:
        dtype: As safetensors spells it.
        shape: Of the tensor.
        data: Its values, row-major and little-endian.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes


def raw(array: NDArray[Any]) -> Raw:
    """Returns an array's content.

    Raises:
        InputError: Its dtype is none that safetensors has.
    """
    little = array.dtype.newbyteorder("<")
    if little not in _NAMES:
        raise InputError(f"expected a dtype among {', '.join(_NAMES.values())}, found {array.dtype}")
    return Raw(_NAMES[little], array.shape, np.ascontiguousarray(array, little).tobytes())


def encode(tensors: Mapping[str, Raw], metadata: Mapping[str, str] | None = None) -> bytes:
    """Returns a safetensors file; the same tensors and metadata give the same bytes.

    Raises:
        InputError: A name that cannot be.
    """
    # Widest types first, then by name, so that every tensor begins where its type may; padded as the library does it.
    ordered = sorted(tensors.items(), key=lambda item: (-np.dtype(DTYPES[item[1].dtype]).itemsize, item[0]))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, one in ordered:
        header[names.known(name)] = {
            "dtype": one.dtype,
            "shape": list(one.shape),
            "data_offsets": [at, at := at + len(one.data)],
        }
    text = orjson.dumps(header)
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(one.data for _, one in ordered)])


class StepWriter:
    """One writer of steps into a place; any number of them may write there at once.

    Args:
        where: The place, ``file://``, ``s3://`` or a path.
        model: Identity of the model, kept with each step; for a packaged one its digest.
        clock: UTC seconds since 1970.

    Attributes:
        worker: This writer's id.
    """

    def __init__(self, where: str | Place, model: str = "", clock: Any = time.time) -> None:
        self.place = place(where) if isinstance(where, str) else where
        self.worker = uuid.uuid4().hex[:12]
        self._model = model
        self._clock = clock
        self._next: dict[Mode, int] = {}
        self._written: set[str] = set()
        self._lock = threading.Lock()

    def number(self, mode: Mode) -> int:
        """Returns the next step's number of a mode: the first one follows the last that is in the place now.

        Raises:
            StorageError: The place cannot be read.
        """
        with self._lock:
            if mode not in self._next:
                self._next[mode] = Index(self.place).last(mode) + 1
            number = self._next[mode]
            self._next[mode] += 1
        return number

    def write(
        self, mode: Mode, number: int, tensors: Mapping[str, Raw], parameters: bytes = b"", event_id: str | None = None
    ) -> Key:
        """Writes a step; it can be read when this returns.

        Args:
            mode: What the model was doing.
            number: From ``number``.
            tensors: By name.
            parameters: What ``encode`` made of those that outlast a step; written once as long as it does not change.
            event_id: Of the exchange that the step belongs to.

        Raises:
            InputError: A name, event id or number that cannot be, or more bytes than a file may have.
            StorageError: The place cannot be written.
        """
        if not 0 <= number <= files.LAST:
            raise InputError(f"expected a step from 0 to {files.LAST}, found {number}")
        key = Key(mode, number, self.worker, files.event(event_id))
        metadata = {
            "format": files.FORMAT,
            "mode": mode.name,
            "step": str(number),
            "worker": self.worker,
            "time": f"{datetime.fromtimestamp(self._clock(), UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            **({"model": self._model} if self._model else {}),
            **({"event_id": event_id} if event_id is not None else {}),
            **({"parameters": self._parameters(parameters)} if parameters else {}),
        }
        data = _bounded(encode(tensors, metadata))
        self.place.child(key.path).write_bytes(data)
        return key

    def _parameters(self, data: bytes) -> str:
        digest = hashlib.sha256(_bounded(data)).hexdigest()
        if digest not in self._written:
            # Before the step that names it. Two writers may both write it: it is the same file.
            self.place.child(files.PARAMETERS, digest + files.SUFFIX).write_bytes(data)
            self._written.add(digest)
        return digest


def _bounded(data: bytes) -> bytes:
    if len(data) > files.FILE_BYTES:
        raise InputError(f"expected at most {files.FILE_BYTES} bytes a step, found {len(data)}: name fewer tensors")
    return data
