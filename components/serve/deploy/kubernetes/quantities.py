"""Amounts of processor and memory as Kubernetes writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

CPU = re.compile(r"([0-9]+)(\.[0-9]+)?(m?)")
MEMORY = re.compile(r"[1-9][0-9]*(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?")


def quantity(name: str, text: Any, pattern: re.Pattern[str]) -> Iterator[str]:
    """Yields what is wrong with a quantity; an empty one is none."""
    if not isinstance(text, str) or (text and not pattern.fullmatch(text)):
        yield f"{name}: expected a quantity as Kubernetes writes it, found {text!r}"
