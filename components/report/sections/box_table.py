"""Every explained box in a row: score, values, how they were come by, and where the strongest segments lie."""

from __future__ import annotations

from components.report import wording
from components.report.blocks import Cell, Table
from components.report.detection.clarified import Box, Clarified, Picture
from components.report.tables import Lines, Shown

_ROWS = 500


def table(found: Clarified) -> Table:
    """Returns a row for each box, the first 500 of them."""
    pairs = [(picture, box) for picture in found.explained for box in picture.boxes]
    rows = [_row(picture, box) for picture, box in pairs[:_ROWS]]
    caption = f"Every explained box ({len(pairs)})"
    if len(pairs) > _ROWS:
        caption = f"The first {_ROWS} of {len(pairs)} explained boxes"
    heads = (
        "box",
        "picture",
        "score",
        "base → full",
        "segments",
        "coalitions",
        "largest error",
        "residual",
        "on object",
    )
    return Table(heads, rows, caption, frozenset({2, 3, 4, 5, 6, 7}), frozenset({1}), folded=True, phone="cards")


def _row(picture: Picture, box: Box) -> list[Shown]:
    where = "no object" if picture.truth_known and box.true_box is None else "yes" if box.on_object else "no"
    return [
        f"{box.number} {box.label}",
        short_name(picture).rpartition(".")[0] or short_name(picture),
        Cell(f"{box.score:.3f}", box.score),
        Cell(f"{box.base:.3f} → {box.full:.3f}", box.full),
        picture.segments,
        Cell(Lines(wording.count(box.samples), "exact" if box.exact else ""), box.samples),
        Cell(f"{box.largest_error:.2g}", box.largest_error),
        Cell(wording.small(abs(box.residual)), abs(box.residual)),
        Cell(f"{where}, {wording.percent(box.share, 0)}", box.share),
    ]


def short_name(picture: Picture) -> str:
    """Returns what a picture is called, without the folder that all of a dataset have."""
    return picture.name.removeprefix("images/")
