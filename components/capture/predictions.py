"""The predicted classes in an answer: this server's own form, Open Inference Protocol, bare ``[[14]]``, CSV.

::

    {"predictions": [{"class": 14, "label": "Stop", "score": 0.98, "top": [...]}, ...]}
    {"outputs": [{"name": "class", "data": [14, 25]}, {"name": "probabilities", "shape": [2, 43], "data": [...]}]}
    [[14], [25], ...]
    14,0.98
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

_INT64 = 2**63
_MOST = 1_000  # entries of a ranking that are read
_CSV = "text/csv"


class Ranked(NamedTuple):
    """One entry of a prediction's ranking: a class and its score."""

    class_index: int
    score: float


class Prediction(NamedTuple):
    """One prediction; what the answer did not hold is None.

    Attributes:
        class_index: Of the class.
        label: Of the class.
        score: Of the class, as the model gave it.
        top: The best classes, best first; empty where the answer does not rank them.
    """

    class_index: int | None
    label: str | None
    score: float | None
    top: tuple[Ranked, ...] = ()


def predictions(response: bytes | None, content_type: str | None = None) -> list[Prediction]:
    """Returns the predictions of an answer, one an image; none if it is in no known form or one of them is unreadable.

    A class may be written 14, 14.0 or "14"; true and null are none.

    Args:
        response: The body.
        content_type: Its type; only ``text/csv`` matters, whose lines hold a class or label and, if they like, a score.
    """
    if (content_type or "").partition(";")[0].strip().lower() == _CSV:
        found = _table(response or b"")
    else:
        try:
            answer = orjson.loads(response or b"")
        except orjson.JSONDecodeError:
            return []
        found = _answered(answer)
    return [] if None in found else [one for one in found if one]


def _answered(answer: Any) -> list[Prediction | None]:
    if not isinstance(answer, dict):
        return [_bare(one) for one in (answer if isinstance(answer, list) else [answer])]
    if "outputs" in answer:
        return _tensors(_list(answer["outputs"]))
    return [_described(one) for one in _list(answer.get("predictions"))]


def _described(one: Any) -> Prediction | None:
    if not isinstance(one, dict):
        return None
    index, label, score = _index(one.get("class")), one.get("label"), _score(one.get("score"))
    if index is None and not isinstance(label, str):
        return None
    top = [_entry(entry) for entry in _list(one.get("top"))[:_MOST]]
    ranking = () if None in top else _ranking(entry for entry in top if entry)
    return Prediction(index, label if isinstance(label, str) else None, score, ranking)


def _entry(one: Any) -> Ranked | None:
    if not isinstance(one, dict):
        return None
    given, score = one.get("class"), one.get("score")
    if type(given) is int and type(score) is float and -_INT64 <= given < _INT64:  # as the server writes them
        return Ranked(given, score)
    index, score = _index(given), _score(score)
    return None if index is None or score is None else Ranked(index, score)


def _ranking(entries: Iterable[Ranked]) -> tuple[Ranked, ...]:
    """Returns entries best first, of equals the lower class first, as the server does; none if a class is twice."""
    found = sorted(entries, key=lambda entry: (-entry.score, entry.class_index))
    return () if len({entry.class_index for entry in found}) < len(found) else tuple(found)


def _tensors(outputs: list[Any]) -> list[Prediction | None]:
    """Reads the tensors ``class`` ``(N,)`` and ``probabilities`` ``(N, classes)`` of Open Inference Protocol."""
    named = {str(one.get("name")): one for one in outputs if isinstance(one, dict)}
    classes = [_index(one) for one in _list(named.get("class", {}).get("data"))]
    tensor = named.get("probabilities", {})
    data, shape = _list(tensor.get("data")), _list(tensor.get("shape"))
    width = _index(shape[1]) if len(shape) == 2 else None
    if not classes or not width or len(data) != width * len(classes):
        return [None if index is None else Prediction(index, None, None) for index in classes]
    return [_row(index, data[i * width : (i + 1) * width]) for i, index in enumerate(classes)]


def _row(index: int | None, values: list[Any]) -> Prediction | None:
    scores = [_score(value) for value in values]
    if index is None or not 0 <= index < len(scores) or None in scores:
        return None
    ranking = _ranking(Ranked(i, score) for i, score in enumerate(scores) if score is not None)
    return Prediction(index, None, scores[index], ranking[:_MOST])


def _bare(one: Any) -> Prediction | None:
    index = _index(one[0] if isinstance(one, list) and len(one) == 1 else one)
    return None if index is None else Prediction(index, None, None)


def _table(response: bytes) -> list[Prediction | None]:
    try:
        rows = [row for row in csv.reader(response.decode("utf-8-sig").splitlines(), strict=True) if row]
    except (UnicodeDecodeError, csv.Error):
        return []
    return [_cells([cell.strip() for cell in row]) for row in rows]


def _cells(row: list[str]) -> Prediction | None:
    score = _number(row[1]) if len(row) == 2 else None
    if len(row) > 2 or (len(row) == 2 and score is None):  # a row of probabilities names no class
        return None
    number = _number(row[0])
    if number is not None:
        index = _index(row[0]) if row[0].isdigit() else _index(number)
        return None if index is None else Prediction(index, None, score)
    return (
        Prediction(None, row[0], score) if row[0] and row[0].lower() not in ("nan", "null", "true", "false") else None
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _score(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _index(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _INT64:
        return int(value)
    return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
