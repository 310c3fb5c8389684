"""Metrics files: flat JSON of names and values, as ``Outputs.metrics`` writes them, read and put into words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components import foreign_json
from components.errors import InputError
from components.report import wording
from components.report.blocks import Figure
from components.report.markup import short

Value = str | int | float
Metrics = Mapping[str, Value]

_BYTES = 16 * 1024 * 1024
_MOST = 200
_CLASSES = 2_000
_SHARES = ("accuracy", "recall", "precision", "share", "rate", "f1")


def read(path: Path, what: str) -> dict[str, Value]:
    """Reads a metrics file.

    Args:
        path: The file.
        what: The name of the input, for messages.

    Raises:
        InputError: It is no JSON object of at most 200 names with texts and finite numbers.
    """
    found = _json(path, what)
    if not isinstance(found, dict) or len(found) > _MOST:
        raise InputError(f"{what}: expected a JSON object of at most {_MOST} metrics, found {_kind(found)}")
    for name, value in found.items():
        finite = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
        if isinstance(value, bool) or not finite:
            raise InputError(f"{what}: {short(name, 40)}: expected a number or a text, found {_kind(value)}")
    return found


def read_confusion(path: Path) -> tuple[list[str], list[list[int]]]:
    """Reads a confusion matrix file, ``{"labels": [...], "matrix": [[...]]}``.

    Returns:
        The labels ``(classes,)`` and the counts ``(classes, classes)``, rows true and columns predicted classes.

    Raises:
        InputError: It is none: another object, a matrix of another size than the labels, counts below 0.
    """
    found = _json(path, "confusion")
    if not isinstance(found, dict) or not {"labels", "matrix"} <= found.keys():
        raise InputError(f"confusion: expected a JSON object with labels and matrix, found {_kind(found)}")
    labels, matrix = found["labels"], found["matrix"]
    if not isinstance(labels, list) or not all(isinstance(x, str) for x in labels) or not 1 <= len(labels) <= _CLASSES:
        raise InputError(f"confusion: expected a list of 1 to {_CLASSES} names as labels, found {_kind(labels)}")
    if not isinstance(matrix, list) or [_length(row) for row in matrix] != [len(labels)] * len(labels):
        raise InputError(
            f"confusion: expected a matrix {len(labels)} × {len(labels)} for as many labels, found another"
        )
    if not all(type(n) is int and 0 <= n < 2**53 for row in matrix for n in row):
        raise InputError("confusion: expected whole numbers from 0 as counts, found others")
    return labels, matrix


def figures(metrics: Metrics, proofs: Mapping[str, str], skip: Sequence[str] = ()) -> list[Figure]:
    """Returns a figure for every number; ``x_low`` and ``x_high`` become the interval of ``x``.

    Args:
        metrics: As ``read`` returns them.
        proofs: What a figure rests on, by the metric's name.
        skip: Names that are not shown.
    """
    bounds = {f"{name}_{end}" for name in metrics for end in ("low", "high")}
    return [
        Figure(_name(name), value_of(name, value), _interval(name, metrics), proofs.get(name, ""))
        for name, value in metrics.items()
        if name not in bounds and name not in skip
    ]


def value_of(name: str, value: Value) -> str:
    """Returns a metric's value as people read it; its name says what it is a number of."""
    if isinstance(value, str):
        return value
    if name.endswith("_per_second"):
        return wording.number(value)
    if name.endswith("seconds"):
        return wording.seconds(float(value))
    if name.endswith("_bytes"):
        return wording.size(int(value))
    if isinstance(value, float) and 0 <= value <= 1 and any(word in name.split("_") for word in _SHARES):
        return wording.percent(value, 2)
    return wording.number(value)


def _name(name: str) -> str:
    bare = name.removesuffix("_seconds") if name != "seconds" and not name.endswith("_per_seconds") else name
    return {"seconds": "Duration"}.get(bare, wording.words(bare))


def _interval(name: str, metrics: Metrics) -> str:
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    if low is None or high is None:
        return ""
    return f"{value_of(name, low).removesuffix(wording.PERCENT)} – {value_of(name, high)} (95{wording.PERCENT})"


def _json(path: Path, what: str) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES + 1)
        if len(data) > _BYTES:
            raise InputError(f"{what}: expected at most {_BYTES:,} bytes of JSON, found more")
        return foreign_json.loads(data)
    except (OSError, ValueError) as error:
        raise InputError(f"{what}: expected a JSON file, found {type(error).__name__}: {error}") from None


def _length(row: object) -> int:
    return len(row) if isinstance(row, list) else -1


def _kind(value: object) -> str:
    return f"an object of {len(value)}" if isinstance(value, dict) else f"{type(value).__name__} {short(repr(value))}"
