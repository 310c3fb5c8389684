"""How often each class was predicted, before and during."""

from __future__ import annotations

from components.report import wording
from components.report.blocks import Cell, Share, Table
from components.report.tables import Shown
from components.report.windows import Window

HEAD = 8
"""Classes that the head of a page shows."""


def table(clean: Window | None, attacked: Window | None, most: int | None) -> Table:
    """Returns how often each class was predicted before and during, what differs most first.

    Args:
        clean: The window before; without it, what came before is the baseline of the other.
        attacked: The window during.
        most: Classes that are shown; None for all.
    """
    first, second = _counts(clean, attacked)
    sums = [max(1, sum(found.values())) for found in (first, second)]
    shares = {name: (first.get(name, 0) / sums[0], second.get(name, 0) / sums[1]) for name in {**second, **first}}
    order = sorted(shares, key=lambda name: (-max(shares[name]), *_order(name)))
    window = attacked or clean
    rows = [_row(window, name, shares[name], (first.get(name, 0), second.get(name, 0))) for name in order[:most]]
    before = "clean window" if clean is not None else "baseline"
    during = "baseline" if attacked is None else "checked window" if clean is None else "attacked window"
    named = [(before, first), (during, second)]
    heads = ("class", *(f"{name}, of {wording.count(sum(counts.values()))}" for name, counts in named))
    caption = f"All {len(order)} classes" if most is None else f"The {len(rows)} most frequent of {len(order)} classes"
    return Table(heads, rows, caption, folded=most is None, phone="pairs")


def _counts(clean: Window | None, attacked: Window | None) -> tuple[dict[str, int], dict[str, int]]:
    """Returns the counts before and during; what is not given is the baseline."""
    last = attacked or clean
    baseline = {one.name: one.baseline for one in last.results.class_counts} if last is not None else {}
    found = [
        baseline if window is None else {one.name: one.count for one in window.results.class_counts}
        for window in (clean, attacked)
    ]
    return found[0], found[1]


def _row(window: Window | None, name: str, shares: tuple[float, float], counts: tuple[int, int]) -> list[Shown]:
    bars = [
        Cell(Share(share, f"{wording.count(count)} · {wording.percent(share)}", kind), count)
        for share, count, kind in zip(shares, counts, ("before", "during"), strict=True)
    ]
    number = _order(name)
    return [Cell(window.shown(name) if window else name, None if number[0] else number[1]), *bars]


def _order(name: str) -> tuple[bool, int, str]:
    whole = name.isascii() and name.isdigit() and len(name) < 19
    return not whole, int(name) if whole else 0, name
