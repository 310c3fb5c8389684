"""The predicted classes in an answer: this server's own form, and SageMaker's bare ``[[14]]``.

::

    {"predictions": [{"class": 14, "label": "Stop", "score": 0.98, "top": [...]}, ...]}
    [[14], [25], ...]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

_INT64 = 2**63


class Prediction(NamedTuple):
    """One prediction; what the answer did not hold is None.

    Attributes:
        class_index: Of the class.
        label: Of the class.
        score: Of the class, as the model gave it.
    """

    class_index: int | None
    label: str | None
    score: float | None


def predictions(response: bytes | None) -> list[Prediction]:
    """Returns the predictions of an answer, one an image; none if it is in neither form or one of them cannot be read.

    A class may be written 14, 14.0 or "14"; true and null are none.
    """
    try:
        answer = orjson.loads(response or b"")
    except orjson.JSONDecodeError:
        return []
    if isinstance(answer, dict):
        found = [_described(one) for one in _list(answer.get("predictions"))]
    else:
        found = [_bare(one) for one in _list(answer)]
    return [] if None in found else [one for one in found if one]


def _described(one: Any) -> Prediction | None:
    if not isinstance(one, dict):
        return None
    index, label, score = _index(one.get("class")), one.get("label"), one.get("score")
    if index is None and not isinstance(label, str):
        return None
    return Prediction(index, label if isinstance(label, str) else None, _score(score))


def _bare(one: Any) -> Prediction | None:
    index = _index(one[0] if isinstance(one, list) and len(one) == 1 else one)
    return None if index is None else Prediction(index, None, None)


def _score(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _index(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _INT64:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64:
        return value
    return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
