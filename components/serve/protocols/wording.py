"""How an error names what was found: short, and safe for whatever a client has sent."""

from __future__ import annotations

from typing import Any


def shown(found: Any) -> str:
    """Returns a value for a message: texts and numbers cut to 80 characters, containers by their kind and length.

    It never walks into a container, which may be as deep and as large as a client likes.
    """
    if isinstance(found, list):
        return f"a list of {len(found)}"
    if isinstance(found, dict):
        return "an object"
    return "nothing" if found is None else repr(found[:80] if isinstance(found, (str, bytes)) else found)[:96]
