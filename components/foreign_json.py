"""JSON that somebody else wrote: whatever is wrong with it is a ``ValueError``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def loads(text: str | bytes, *, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """Reads a JSON document as ``json.loads`` does.

    Args:
        text: The document.
        parse_constant: What ``NaN`` and the infinities become; None for the numbers that they name.

    Raises:
        ValueError: It is none, or has more brackets in each other than can be read, for which ``json.loads`` raises
            RecursionError: no error of a value, and forgotten wherever it is not tried.
    """
    try:
        return json.loads(text, parse_constant=parse_constant)
    except RecursionError:
        raise ValueError("expected JSON, found too many levels of brackets") from None
