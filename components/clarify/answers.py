"""What an endpoint answered about a batch of pictures, read into arrays: ``.npy`` or JSON, ours or a foreign one's.

=====================  ===================================================================================
detections, JSON       ``[[[class, score, x1, y1, x2, y2], …], …]``, Clarify's form, one list a picture;
                       ``{"prediction": [[…], …]}`` of one picture, SageMaker's built-in detector;
                       ``{"predictions": [{"detections": [{"class", "score", "box": {…}}]}]}``, ours in full
detections, npy        float ``(pictures, N, 6)``, padded with class -1
probabilities, JSON    ``[[p, …], …]``, alone or as ``{"predictions": [[p, …], …]}``
probabilities, npy     float ``(pictures, classes)``
=====================  ===================================================================================

Developer Guide, "Clarify, computer vision: model output" and "Object detection, inference formats".
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components import foreign_json
from components.errors import EndpointError

Floats = NDArray[np.float32]
Reader = Callable[[bytes, str, int], Floats]

NPY = "application/x-npy"
_MOST = 100_000  # detections of a picture
_BOX = ("xmin", "ymin", "xmax", "ymax")


def detections(body: bytes, content_type: str, pictures: int) -> Floats:
    """Returns an answer's rows ``(pictures, N, 6)``, padded with class -1.

    Raises:
        EndpointError: It is in none of the forms above, or of another number of pictures.
    """
    if _is_npy(content_type):
        found = _npy(body)
        if found.ndim != 3 or found.shape[2] != 6 or len(found) != pictures:
            raise EndpointError(f"expected detections ({pictures}, N, 6), found an array {found.shape}")
        return found
    listed = _listed(_json(body), pictures)
    most = max((len(rows) for rows in listed), default=0)
    if most > _MOST:
        raise EndpointError(f"expected at most {_MOST} detections of a picture, found {most}")
    padded = np.full((pictures, most, 6), -1, np.float32)
    for into, rows in zip(padded, listed, strict=True):
        if rows:
            into[: len(rows)] = _numbers(rows, 6)
    return padded


def probabilities(body: bytes, content_type: str, pictures: int) -> Floats:
    """Returns an answer's probabilities ``(pictures, classes)``.

    Raises:
        EndpointError: It is in none of the forms above, or its numbers are none from 0 to 1.
    """
    if _is_npy(content_type):
        found = _npy(body)
    else:
        answer = _json(body)
        listed = answer.get("predictions") if isinstance(answer, dict) else answer
        if not isinstance(listed, list) or not listed or not all(isinstance(row, list) and row for row in listed):
            raise EndpointError(
                f"expected the probabilities of all classes, one list a picture, found {_shown(answer)}: "
                f"a ranking of the best few is not enough"
            )
        found = _numbers(listed, len(listed[0]))
    if found.ndim != 2 or len(found) != pictures or not found.shape[1]:
        raise EndpointError(f"expected probabilities ({pictures}, classes), found an array {found.shape}")
    if not ((found >= 0) & (found <= 1 + 1e-6)).all():  # also refuses NaN
        low, high = float(found.min()), float(found.max())
        raise EndpointError(f"expected probabilities from 0 to 1, found {low:g} to {high:g}: are they logits?")
    return found


def names(body: bytes) -> dict[int, str]:
    """Returns the labels by class that our server's full document tells; none of any other."""
    try:
        found = foreign_json.loads(body)["predictions"]
        told = [one for p in found for one in (p.get("detections") or p.get("top") or [p])]
        return {int(one["class"]): str(one["label"]) for one in told}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return {}


def _is_npy(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == NPY


def _npy(body: bytes) -> Floats:
    """Reads floats without allocating what a header only promises."""
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except Exception as error:  # numpy parses the header as Python, and raises what Python's parser does
        raise EndpointError(f"expected .npy data, found {type(error).__name__}: {str(error)[:120]}") from None
    rest = memoryview(body)[stream.tell() :]
    if dtype.kind != "f" or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(rest):
        raise EndpointError(f"expected a .npy of floats with all its data, found {dtype} {shape} in {len(rest)} bytes")
    array = np.frombuffer(rest, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(np.float32, copy=False)


def _json(body: bytes) -> Any:
    try:
        return foreign_json.loads(body)
    except ValueError:
        raise EndpointError(f"expected an answer in JSON or .npy, found {body[:60]!r}") from None


def _listed(answer: Any, pictures: int) -> list[list[Any]]:
    """Returns the rows of each picture."""
    if isinstance(answer, dict) and "prediction" in answer:
        answer = [answer["prediction"]]
    elif isinstance(answer, dict):
        answer = [_described(one) for one in _list(answer.get("predictions"), answer)]
    elif pictures == 1 and answer and isinstance(answer, list) and _is_row(answer[0]):
        answer = [answer]  # a server that knows of one picture only
    if len(_list(answer, answer)) != pictures or not all(isinstance(rows, list) for rows in answer):
        raise EndpointError(f"expected a list of detections for each of {pictures} pictures, found {_shown(answer)}")
    return answer


def _is_row(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and not isinstance(found[0], list)


def _described(one: Any) -> list[Any]:
    try:
        return [[d["class"], d["score"], *(d["box"][side] for side in _BOX)] for d in one["detections"]]
    except (KeyError, TypeError):
        raise EndpointError(f"expected detections with class, score and box, found {_shown(one)}") from None


def _list(found: Any, answer: Any) -> list[Any]:
    if not isinstance(found, list):
        raise EndpointError(f"expected a list of detections for each picture, found {_shown(answer)}")
    return found


def _numbers(rows: list[Any], width: int) -> Floats:
    if any(not isinstance(row, list) or len(row) != width or set(map(type, row)) - {int, float} for row in rows):
        bad = next(r for r in rows if not isinstance(r, list) or len(r) != width or set(map(type, r)) - {int, float})
        raise EndpointError(f"expected rows of {width} numbers, found {_shown(bad)}")
    try:
        with np.errstate(over="ignore"):
            return np.array(rows, np.float64).astype(np.float32)
    except OverflowError:  # a whole number of 400 digits is one to JSON
        raise EndpointError(f"expected rows of {width} numbers, found one beyond 1e308") from None


def _shown(found: Any) -> str:
    return json.dumps(found, default=str)[:120]
