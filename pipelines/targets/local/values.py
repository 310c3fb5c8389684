"""Parameter values as the KFP launcher reads and writes them (backend/src/v2/component/launcher_v2.go).

All of KFP's numbers are doubles on their way through protobuf, and Go writes them: ``3.0`` is ``3``, ``1e-05`` is
``0.00001``. A stage must see the same text here as on a cluster.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

from components import foreign_json
from components.errors import InputError

EXACT = 2**53
"""Whole numbers beyond this lose digits on their way through KFP's doubles."""

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


def to_text(value: Any) -> str:
    """Returns a value as the launcher puts it on a command line: numbers plain, lists and structs as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    # Go's json.Marshal makes JSON safe to put into HTML.
    text = to_json(value)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def number_text(value: float) -> str:
    """Returns Go's ``strconv.FormatFloat(value, 'f', -1, 64)``: shortest exact digits, never an exponent."""
    value = float(value)
    if not math.isfinite(value):
        raise InputError(f"expected a finite number, found {value}")
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_json(value: Any) -> str:
    """Returns compact JSON with sorted keys and numbers as Go's protojson writes them."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key, ensure_ascii=False)}:{to_json(value[key])}" for key in sorted(value))
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(to_json(item) for item in value) + "]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _json_number(value)
    return json.dumps(value, ensure_ascii=False)


def _json_number(value: float) -> str:
    """Go's encoding/json: as ``number_text``, but with an exponent below 1e-6 and from 1e21 (as ECMAScript)."""
    size = abs(float(value))
    if size == 0 or 1e-6 <= size < 1e21:
        return number_text(value)
    if not math.isfinite(size):
        raise InputError(f"expected a finite number, found {value}")
    return format(Decimal(repr(float(value))).normalize(), "e")


def from_text(text: str, kind: str) -> Any:
    """Reads an output parameter's file, by its KFP type (``ir.KINDS``).

    Raises:
        InputError: The text is none of that type.
    """
    if kind == "STRING":
        return text
    stripped = text.strip()
    if kind == "BOOLEAN" and stripped in (*_TRUE, *_FALSE):
        return stripped in _TRUE
    try:
        if kind == "NUMBER_INTEGER":
            return typed(int(stripped), kind)
        if kind == "NUMBER_DOUBLE":
            return typed(float(stripped), kind)
        if kind in ("LIST", "STRUCT"):
            return typed(foreign_json.loads(stripped), kind)
    except ValueError:
        pass
    raise InputError(f"expected {described(kind)}, found {_short(text)}")


def typed(value: Any, kind: str) -> Any:
    """Returns a value in the Python type of its KFP type: 3.0 as NUMBER_INTEGER is 3.

    Raises:
        InputError: It does not fit.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind == "NUMBER_INTEGER" and number and value == int(value):
        if abs(value) > EXACT:
            raise InputError(f"expected a whole number up to 2^53 (KFP passes doubles), found {_short(value)}")
        return int(value)
    if kind == "NUMBER_DOUBLE" and number:
        return float(value)
    fits = {"STRING": str, "BOOLEAN": bool, "LIST": list, "STRUCT": dict, "TASK_FINAL_STATUS": dict}.get(kind)
    if fits and isinstance(value, fits):
        return value
    raise InputError(f"expected {described(kind)}, found {_short(value)}")


def described(kind: str) -> str:
    """Returns a KFP type in words, for messages."""
    return {
        "STRING": "text",
        "NUMBER_INTEGER": "a whole number",
        "NUMBER_DOUBLE": "a number",
        "BOOLEAN": "true or false",
        "LIST": "a JSON list",
        "STRUCT": "a JSON object",
    }.get(kind, kind)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…" + text[-1]
