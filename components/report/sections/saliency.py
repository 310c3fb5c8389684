"""Why the model said so: whether the saliency left the sign, and whether every map adds up."""

from __future__ import annotations

from components.intervals import mean
from components.report import wording
from components.report.blocks import Block, Cell, Figure, Figures, Table, Text
from components.report.changes import Change
from components.report.explanations import Explained, Explanations
from components.report.lineage import Link
from components.report.page import Section
from components.report.tables import Shown

_MOST = 500
_SMALL = 0.02  # of a share: a change that no one sees in a picture


def section(found: Explanations) -> Section:
    """Returns the section."""
    blocks: list[Block] = [Figures(_figures(found))]
    if found.outside is not None:
        blocks.append(Text(words(found.outside)))
        blocks.append(Text(_alerts(found)))
    blocks.append(_table(found))
    lead = "FullGrad says how much each pixel contributed to the answer; the contributions must sum up to its logit."
    return Section("Saliency", blocks, lead)


def link(found: Explanations) -> Link:
    """Returns the explanations' place in the lineage."""
    note = f"{wording.count(len(found.rows))} flagged records, from archive and captured bytes"
    return Link("Explanations", "FullGrad maps", found.digest, note)


def words(found: Change) -> str:
    """Says which way the saliency went, from the numbers alone."""
    before, after = wording.percent(found.before), wording.percent(found.after)
    change, low, high = (wording.change(100 * value, 1) for value in (found.change, found.low, found.high))
    points = f"{change} points, {low} to {high} with 95{wording.PERCENT} confidence"
    pairs = f"{wording.count(found.pairs)} pairs"
    told = f"{before} of it lay outside the sign before the attack, {after} after ({points}; {pairs})"
    small = " More than chance explains, and too little to see in a picture." if abs(found.change) < _SMALL else ""
    if found.went == "up":
        return f"Saliency {'hardly ' if small else ''}left the sign: {told}.{small}"
    if found.went == "down":
        return f"Saliency did not leave the sign, it moved onto it: {told}.{small}"
    return f"Saliency did not measurably leave the sign: {told}."


def _alerts(found: Explanations) -> str:
    pairs = found.pairs
    after, before = sum(row.alert for row in pairs), sum(bool(row.original_alert) for row in pairs)
    of = wording.count(len(pairs))
    return (
        f"The alert (a strong spot outside the sign) is raised for {wording.count(after)} of {of} attacked images, and "
        f"for {wording.count(before)} of {of} originals."
    )


def _figures(found: Explanations) -> list[Figure]:
    allowed = "" if found.tolerance is None else f"{wording.small(found.tolerance)} is allowed"
    same = sum(row.same for row in found.rows)
    figures = [
        Figure(
            "Explained", wording.count(len(found.rows)), proof=f"{wording.count(same)} answered alike when repeated"
        ),
        Figure("Largest residual", wording.small(found.largest_residual), proof=allowed),
    ]
    sides = [("flagged", [row.outside_share for row in found.rows])]
    if found.pairs:
        sides = [
            ("originals", [row.original_outside_share or 0.0 for row in found.pairs]),
            ("attacked", [row.outside_share for row in found.pairs]),
        ]
    for name, shares in sides:
        if shares:
            low, high = mean(shares, 0.0, 1.0)
            between = f"{wording.percent(low)} – {wording.percent(high)} (95{wording.PERCENT})"
            middle = wording.percent(sum(shares) / len(shares))
            figures.append(
                Figure(f"Outside the sign, {name}", middle, between, f"mean of {wording.count(len(shares))}")
            )
    return figures


def _table(found: Explanations) -> Table:
    known = bool(found.pairs)
    rows = [_row(row, known) for row in found.rows[:_MOST]]
    heads = ["event", *(("original", "score", "outside", "residual") if known else ())]
    heads += ["answer", "score", "outside", "residual", "alert"]
    caption = f"Every explained record ({len(found.rows)})"
    if len(found.rows) > _MOST:
        caption = f"The first {_MOST} of {len(found.rows)} explained records"
    numeric = frozenset({2, 3, 4, 6, 7, 8} if known else {2, 3, 4})
    return Table(heads, rows, caption, numeric=numeric, code=frozenset({0}), folded=True)


def _row(row: Explained, known: bool) -> list[Shown]:
    before: list[Shown] = [Cell(wording.NONE)]
    if row.original_class is not None:
        before = [Cell(f"{row.original_class} {row.original_label or ''}", row.original_class)]
    before += _numbers(row.original_score, row.original_outside_share, row.original_residual)
    return [
        row.event_id,
        *(before if known else ()),
        Cell(f"{row.class_index} {row.label}", row.class_index),
        *_numbers(row.score, row.outside_share, row.residual),
        "yes" if row.alert else "no",
    ]


def _numbers(score: float | None, outside: float | None, residual: float | None) -> list[Shown]:
    return [
        Cell(wording.NONE) if score is None else Cell(f"{score:.3f}", score),
        Cell(wording.NONE) if outside is None else Cell(wording.percent(outside), outside),
        Cell(wording.NONE) if residual is None else Cell(wording.small(residual), residual),
    ]
