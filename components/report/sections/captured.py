"""What the endpoint captured: which classes it predicted, and images with the answers they were given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from components.capture.records import Records, Row
from components.errors import ImageError
from components.report import wording
from components.report.blocks import Bars, Block, Figure, Figures, Heading, NoPicture, Picture, PictureGrid, Text
from components.report.page import Section
from components.report.thumbnails import thumbnail

BARS = 50
PICTURES = 12  # of each of the two choices
_SIDE = 192  # of a picture, in pixels


def section(records: Records) -> Section:
    """Returns the section.

    Raises:
        RecordError: The index names an image that is not there.
    """
    blocks: list[Block] = [Figures(_figures(records))]
    if records.classes:
        blocks += [Heading("Predicted classes"), _bars(records)]
    if unsure := least_certain(records.pictured, PICTURES):
        blocks += [Heading("The least certain answers"), _grid(records, unsure)]
    if others := spread([row for row in records.pictured if row not in set(unsure)], PICTURES):
        blocks += [Heading("Others, evenly spread over the records"), _grid(records, others)]
    if not records.pictured:
        blocks.append(Text("No image of a request was kept.", quiet=True))
    lead = "Requests and answers as the endpoint wrote them down; an event id finds the record again."
    return Section("Captured traffic", blocks, lead)


def least_certain(rows: Sequence[Row], most: int) -> list[Row]:
    """Returns the rows with the lowest scores, lowest first."""
    scored = [(row.score, i) for i, row in enumerate(rows) if row.score is not None and math.isfinite(row.score)]
    return [rows[i] for _, i in sorted(scored)[:most]]


def spread(rows: Sequence[Row], most: int) -> list[Row]:
    """Returns at most ``most`` rows, evenly spread over their order."""
    count = min(most, len(rows))
    return [rows[(2 * i + 1) * len(rows) // (2 * count)] for i in range(count)]


def _figures(records: Records) -> list[Figure]:
    unread = f"{wording.count(records.predictions)} predictions"
    duplicates = f"{wording.count(records.duplicates)} of them with an event id that came before"
    found = [
        Figure("Records", wording.count(records.events), proof=duplicates if records.duplicates else unread),
        Figure("Predicted classes", wording.count(len(records.classes)), proof=f"in {unread}"),
        Figure("Images kept", wording.count(len(records.pictured))),
    ]
    if records.first and records.last:
        duration = wording.seconds((records.last - records.first).total_seconds())
        window = f"{_time(records.first)} to {_time(records.last)} UTC"
        found.append(Figure("Window", duration, proof=window))
    return found


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _bars(records: Records) -> Bars:
    ordered = sorted(records.classes.items(), key=lambda item: (-item[1], _order(*item[0])))
    total = records.predictions
    bars = [(_name(*key), n / total, f"{wording.count(n)} · {wording.of(n, total)}") for key, n in ordered[:BARS]]
    if rest := sum(n for _, n in ordered[BARS:]):
        name = f"{wording.count(len(ordered) - BARS)} others"
        bars.append((name, rest / total, f"{wording.count(rest)} · {wording.of(rest, total)}"))
    return Bars(("class", "predictions"), bars, f"Share of each class in {wording.count(total)} predictions")


def _order(class_id: int | None, label: str | None) -> tuple[bool, int, str]:
    return class_id is None, class_id or 0, label or ""


def _name(class_id: int | None, label: str | None) -> str:
    return " ".join(str(part) for part in (class_id, label) if part is not None) or "no prediction"


def _grid(records: Records, rows: Sequence[Row]) -> PictureGrid:
    return PictureGrid([_picture(records, row) for row in rows], width=165, square=True)


def _picture(records: Records, row: Row) -> Picture | NoPicture:
    known = row.score is not None and math.isfinite(row.score)
    score = f"score {row.score:.3f}" if known else "no score"
    caption = (_name(row.class_id, row.label), score, row.event_id)
    try:
        picture = thumbnail(records.image(row), _SIDE)
    except ImageError as error:
        return NoPicture(str(error), caption)
    return Picture(picture, f"Captured image, predicted {_name(row.class_id, row.label)}", caption)
