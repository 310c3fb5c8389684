"""JSON as it should be in a file that someone else wrote: no duplicate keys, no NaN, no half characters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from components.errors import RoadworthyError

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_object(data: bytes, what: str, error: type[RoadworthyError]) -> dict[str, Any]:
    """Parses one JSON object (RFC 8259) that every other reader would understand in the same way.

    Args:
        data: UTF-8 without byte order mark.
        what: The name of the document, for messages.
        error: The class of the exception to raise.

    Raises:
        RoadworthyError: Of class ``error``: not UTF-8, not JSON, not an object, nested too deeply, a key given
            twice, a number that is not finite or a whole one beyond 64 bits, or a lone surrogate.
    """
    try:
        parsed = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_within_64_bits,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
        if _ESCAPED_SURROGATE.search(data):
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except UnicodeError as cause:
        raise error(f"{what}: expected UTF-8, found {cause.reason}") from None  # type: ignore[attr-defined]
    except RecursionError:
        raise error(f"{what}: expected JSON, found too many levels of brackets") from None
    except ValueError as cause:
        raise error(f"{what}: expected JSON, found {cause}") from None
    if not isinstance(parsed, dict):
        raise error(f"{what}: expected a JSON object, found {kind(parsed)}")
    return parsed


def canonical(value: Any) -> bytes:
    """Writes JSON in the one form that the package's files have: sorted keys, two blanks a level, UTF-8."""
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def kind(value: Any) -> str:
    """Names the JSON type of a value, for messages."""
    if isinstance(value, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "a text", int: "a whole number", float: "a number"}
    return "null" if value is None else names.get(type(value), f"a {type(value).__name__}")


def short(value: object, length: int = 80) -> str:
    """Shows a value in a message without letting it fill the log; control characters come out escaped."""
    text = ascii(value) if isinstance(value, bytes) else repr(value)
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"


def listed(values: Iterable[object], most: int = 8) -> str:
    """Lists values for a message, the first few by name."""
    shown = [short(value) for value in values]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {short(twice)} twice in one object")
    return found


def _within_64_bits(text: str) -> int:
    # A longer one cannot be a size or a count, and overflows in whoever turns it into a float.
    if len(text) > 20 or abs(value := int(text)) >= 2**64:
        raise ValueError(f"a whole number beyond 64 bits: {short(text)}")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"a number that is not finite: {short(text)}")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"a number that is not finite: {text}")
