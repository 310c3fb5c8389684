"""Numbers as people read them."""

from __future__ import annotations

import math

NONE = "–"

PERCENT = "\u00a0%"
"""The sign, and a blank at which no line breaks."""


def count(n: int) -> str:
    """Returns ``12,345``."""
    return f"{n:,}"


def many(n: int, one: str, more: str) -> str:
    """Returns ``1 box`` or ``1,234 boxes``."""
    return f"{count(n)} {one if n == 1 else more}"


def percent(share: float, digits: int = 1) -> str:
    """Returns a share in [0, 1] as ``97.8 %``; only a whole is rounded to 100 %, and only nothing to 0 %."""
    if not math.isfinite(share):
        return NONE
    if share in (0, 1):
        return f"{100 * share:.0f}{PERCENT}"
    step = 10.0**-digits
    if 0 < share < 1 and not step / 2 <= 100 * share < 100 - step / 2:
        return f"{f'< {step:.{digits}f}' if share < 0.5 else f'> {100 - step:.{digits}f}'}{PERCENT}"
    return f"{100 * share:.{digits}f}{PERCENT}"


def of(part: int, whole: int, digits: int = 1) -> str:
    """Returns ``part`` as a percentage of ``whole``; a dash where there is nothing to divide by."""
    return percent(part / whole, digits) if whole else NONE


def seconds(duration: float) -> str:
    """Returns a duration as ``850 µs``, ``12.3 ms``, ``4.2 s`` or ``3 min 20 s``."""
    if not math.isfinite(duration):
        return NONE
    if duration < 0.001:
        return f"{duration * 1e6:.0f}\u00a0µs"
    if duration < 1:
        return f"{duration * 1e3:.3g}\u00a0ms"
    if duration < 90:
        return f"{duration:.3g}\u00a0s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes}\u00a0min {rest}\u00a0s"


def size(n: int) -> str:
    """Returns a number of bytes as ``44.8 MB``, by thousands."""
    value, unit = float(n), "bytes"
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{n:,}\u00a0bytes" if unit == "bytes" else f"{value:.3g}\u00a0{unit}"


def number(value: float) -> str:
    """Returns a number with four significant digits, whole ones with all."""
    return f"{value:,}" if isinstance(value, int) or not math.isfinite(value) else f"{value:,.4g}"


def small(value: float) -> str:
    """Returns a number far below 1 with one digit: ``3e-7``."""
    return f"{value:.1g}".replace("e-0", "e-")


def change(value: float, digits: int = 2) -> str:
    """Returns a difference with its sign: ``+0.12``, ``−0.84``."""
    return f"{value:+.{digits}f}".replace("-", "−")


def words(name: str) -> str:
    """Returns a metric's name in words: ``worst_class_recall`` is ``Worst class recall``."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
