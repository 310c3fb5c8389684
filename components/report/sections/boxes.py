"""What made each box: the picture, the heat map of every explained box in it, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Iterator

from components.errors import ImageError
from components.intervals import mean
from components.report import wording
from components.report.blocks import Block, Figure, Figures, Folded, NoPicture, Picture, Strip, Text
from components.report.detection import story
from components.report.detection.clarified import Box, Clarified
from components.report.detection.clarified import Picture as Explained
from components.report.detection.curves import Estimate
from components.report.lineage import Link
from components.report.page import Section
from components.report.sections.box_table import short_name, table
from components.report.thumbnails import thumbnail

OPEN, MOST, BOXES = 6, 16, 6
"""Pictures that are shown at once, pictures that a page has, and boxes of each."""

_SIDE = 600  # of a picture, in pixels: its legend must be readable
_WIDTH = 330  # of a view at least
_BASELINES = {"noise": "noise", "blur": "the picture blurred", "mean": "its mean colour"}


def section(found: Clarified) -> Section:
    """Returns the section.

    Raises:
        InputError: A picture is missing, or not inside the folder.
    """
    blocks: list[Block] = []
    if found.boxes:
        blocks += [Figures([*figures(found), *_figures(found)]), Text(_legend(found), quiet=True)]
        strips: list[Block] = [_strip(found, picture) for picture in found.explained[:MOST]]
        blocks += strips[:OPEN]
        if rest := strips[OPEN:]:
            blocks.append(Folded(f"{len(rest)} more pictures", rest))
        blocks.append(table(found))
    else:
        blocks.append(Text(story.explained(found)))
    if words := _left_out(found):
        blocks.append(Text(words, quiet=True))
    return Section("What made each box", blocks, _lead(found))


def link(found: Clarified) -> Link:
    """Returns the explanations' place in the lineage."""
    pictures = wording.many(len(found.explained), "picture", "pictures")
    note = f"{wording.many(len(found.boxes), 'box', 'boxes')} in {pictures}"
    where = "from the archive" if found.model.startswith("sha256:") else f"asked of {_host(found.model)}"
    return Link("Explanations", "Shapley values", found.digest, f"{note}, {where}")


def _lead(found: Clarified) -> str:
    shown = min(MOST, len(found.explained))
    which = f" The first {wording.count(shown)} of {wording.count(len(found.explained))} pictures are shown."
    whole = shown == len(found.explained)
    return f"Which segments raised a box's score and which lowered it: Shapley values.{'' if whole else which}"


def _legend(found: Clarified) -> str:
    unit = "log-odds of the score" if found.logit else "parts of the score"
    absent = _BASELINES.get(found.baseline, "the baseline's pixels")
    return (
        f"Blue segments raised the score, red ones lowered it. Numbers are {unit}; all of a box sum up to its score "
        f"with all segments less that with none. Absent segments showed {absent}. A segment lies on the object if they "
        "share at least half of the smaller of both; the object is the true one where it is known. Top three: how much "
        "of the weight of the three strongest lies on it."
    )


def figures(found: Clarified) -> Iterator[Figure]:
    """Yields what a reader wants first: on how many objects the strongest segment lies; nothing without a box."""
    boxes, (low, high) = found.boxes, found.interval
    if boxes:
        yield Figure(
            "Strongest segment on the object",
            wording.of(found.on_object, len(boxes)),
            _between(low, high),
            f"{wording.count(found.on_object)} of {wording.count(len(boxes))} boxes; "
            f"{wording.percent(found.chance)} by chance",
        )


def _figures(found: Clarified) -> Iterator[Figure]:
    boxes = found.boxes
    shares = [box.share for box in boxes]
    low, high = mean(shares, 0.0, 1.0)
    yield Figure(
        "Of the three strongest",
        wording.percent(sum(shares) / len(shares)),
        _between(low, high),
        "of their weight lies on the object",
    )
    pictures = f"in {wording.count(len(found.explained))} of {wording.count(len(found.pictures))} pictures"
    yield Figure("Explained boxes", wording.count(len(boxes)), proof=pictures)
    exact = sum(box.exact for box in boxes)
    proof = (
        "every coalition was asked" if exact == len(boxes) else f"{wording.many(exact, 'box is', 'boxes are')} exact"
    )
    yield Figure(
        "Largest standard error", f"{found.largest_error:.2g}", proof=proof if exact else "of a segment's value"
    )
    yield Figure("Largest residual", wording.small(found.largest_residual), proof="of values and what they sum up to")
    predictions = sum(picture.predictions for picture in found.pictures)
    yield Figure("Predictions", wording.count(predictions), proof=f"in {wording.seconds(found.seconds)}")


def _between(low: float, high: float) -> str:
    return f"{story.between(Estimate(0, low, high))} (95{wording.PERCENT})"


def _strip(found: Clarified, picture: Explained) -> Strip:
    views = [_picture(found, picture.objects_file, ("What the detector found", f"in {short_name(picture)}"))]
    views += [_picture(found, box.heat_map, tuple(_lines(box, picture))) for box in picture.boxes[:BOXES]]
    n = len(picture.boxes)
    title = ", ".join(_name(box) for box in picture.boxes[:BOXES])
    width, height = picture.size
    notes = (
        f"{width} × {height} pixels in {picture.segments} segments, {wording.count(picture.predictions)} predictions"
    )
    if n > BOXES:
        notes += f"; the first {BOXES} of {n} boxes"
    return Strip(title, notes, views, picture.name, _WIDTH)


def _lines(box: Box, picture: Explained) -> Iterator[str]:
    yield _name(box)
    yield f"{box.base:.3f} with no segment → {box.full:.3f} with all {picture.segments}"
    yield f"{_where(box, picture)}; top three {wording.percent(box.share, 0)}"
    errors = "exact" if box.exact else f"largest standard error {box.largest_error:.2g}"
    yield f"{wording.count(box.samples)} coalitions, {errors}"
    yield f"residual {wording.small(abs(box.residual))}"


def _where(box: Box, picture: Explained) -> str:
    if picture.truth_known and box.true_box is None:
        return "no object is there"
    return f"strongest segment {'on' if box.on_object else 'not on'} the object"


def _picture(found: Clarified, name: str, lines: tuple[str, ...]) -> Picture | NoPicture:
    try:
        return Picture(thumbnail(found.image(name), _SIDE), ". ".join(lines[:3]), lines)
    except ImageError as error:
        return NoPicture(str(error), lines)


def _left_out(found: Clarified) -> str:
    nothing = len(found.pictures) - len(found.explained)
    words = []
    if nothing:
        word = "picture had" if nothing == 1 else "pictures had"
        words.append(f"{wording.count(nothing)} more {word} no detection that scored {found.threshold:g} or more.")
    if found.unreadable:
        words.append(f"{wording.count(found.unreadable)} could not be read.")
    return " ".join(words)


def _name(box: Box) -> str:
    return f"{box.number} {box.label} {box.score:.2f}"


def _host(address: str) -> str:
    """Returns an endpoint's address without its scheme, which would look like something to load."""
    return address.partition("://")[2] or address
