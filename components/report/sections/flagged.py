"""Flagged images: the original, what became of it, the difference, and why the model said so of either."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from components.errors import ImageError
from components.images import Pixels
from components.report import differences, wording
from components.report.blocks import Block, Folded, NoPicture, Picture, Strip, Text
from components.report.cases import Case, cases, total
from components.report.differences import Lengths
from components.report.inputs import Inputs
from components.report.page import Section
from components.report.thumbnails import jpeg, thumbnail

SIDE = 192
"""Of a picture at most, in pixels."""

OPEN = 6
"""Records that are shown at once; the others wait behind a line."""


def section(inputs: Inputs) -> Section | None:
    """Returns the section; None where no flagged image is known.

    Raises:
        InputError: The index of the explanations names no plain file.
        DatasetError: A file of the attack was changed.
        ImageError: A file is no image.
    """
    found = cases(inputs)
    if not found:
        return None
    changes = {case.event_id: change for case in found if (change := _change(case)) is not None}
    k = differences.factor(list(changes.values()))
    strips: list[Block] = [_strip(case, changes.get(case.event_id), k, inputs) for case in found]
    shown: list[Block] = [*_notes(inputs, bool(changes), k), *strips[:OPEN]]
    if rest := strips[OPEN:]:
        shown.append(Folded(f"{len(rest)} more", rest))
    return Section("Flagged images", shown, _lead(inputs, len(found)))


def _lead(inputs: Inputs, shown: int) -> str:
    there = total(inputs)
    kind = "explained records" if inputs.explanations is not None else "flagged records"
    if shown == there:
        return f"All {wording.count(shown)} {kind}."
    return f"{wording.count(shown)} of {wording.count(there)} {kind}: the first by event id, not chosen by their looks."


def _notes(inputs: Inputs, changed: bool, k: int) -> Iterator[Block]:
    words = []
    if changed:
        times = f"Differences are enlarged {k} times" if k > 1 else "Differences are not enlarged"
        words.append(f"{times}; grey is no change. Lengths are those of the files.")
    if inputs.explanations is not None:
        words.append(
            "Saliency: brighter matters more, each map on its own scale, for the class that was answered. The residual "
            "is how far the map's terms are from the logit that they must sum up to. The alert is a strong spot "
            "outside the sign."
        )
    if words:
        yield Text(" ".join(words), quiet=True)


def _change(case: Case) -> NDArray[np.int16] | None:
    if case.original is None or case.original.shape != case.image.shape:
        return None
    return differences.difference(case.original, case.image)


def _strip(case: Case, change: NDArray[np.int16] | None, k: int, inputs: Inputs) -> Strip:
    pictures: list[Picture | NoPicture] = []
    known = case.original is not None
    if case.original is not None:
        pictures.append(_picture(case.original, "Original", (case.before, _score(case.before_score))))
    sent = "Adversarial" if known else "Flagged"
    pictures.append(_picture(case.image, sent, (case.answer, _score(case.score))))
    if change is not None:
        enlarged = f"Difference × {k}" if k > 1 else "Difference"
        pictures.append(_picture(differences.shown(change, k), enlarged, _lengths(differences.lengths(change))))
    pictures += list(_saliency(case, inputs))
    title = f"{case.before} → {case.answer}" if case.before else case.answer
    return Strip(title, _done(case), pictures, case.event_id)


def _saliency(case: Case, inputs: Inputs) -> Iterator[Picture | NoPicture]:
    explanations, row = inputs.explanations, case.explained
    if explanations is None or row is None:
        return
    views: list[tuple[str, str, float | None, float | None, bool | None]]
    views = [("Saliency, adversarial", "overlay", row.outside_share, row.residual, row.alert)]
    if row.original_outside_share is not None:
        told = (row.original_outside_share, row.original_residual, row.original_alert)
        views.insert(0, ("Saliency, original", "original_overlay", *told))
    elif case.original is None:
        views = [("Saliency", *views[0][1:])]
    for name, what, outside, residual, alert in views:
        data = explanations.image(row, what)
        lines = [f"{wording.percent(outside or 0.0)} outside the sign"]
        lines += [] if residual is None else [f"residual {wording.small(residual)}" + (", alert" if alert else "")]
        if data is not None:
            yield _encoded(data, name, tuple(lines))


def _done(case: Case) -> str:
    if case.attacked is None:
        return ""
    wanted = "any other class" if case.attacked.target < 0 else f"class {case.attacked.target}"
    verdict = "succeeded" if case.attacked.success else "failed"
    steps = f"{case.attacked.steps} step{'' if case.attacked.steps == 1 else 's'}"
    return f"the attack towards {wanted} {verdict} after {steps}"


def _lengths(found: Lengths) -> tuple[str, ...]:
    return f"L2 {found.l2:.2f}", f"L∞ {255 * found.linf:.0f}/255"


def _score(score: float | None) -> str:
    return "no score" if score is None or not np.isfinite(score) else f"score {score:.3f}"


def _picture(pixels: Pixels, name: str, lines: tuple[str, ...]) -> Picture:
    return Picture(jpeg(pixels, SIDE, fine=True), f"{name}: {', '.join(lines)}", (name, *lines))


def _encoded(data: bytes, name: str, lines: tuple[str, ...]) -> Picture | NoPicture:
    try:
        return Picture(thumbnail(data, SIDE), f"{name}: {', '.join(lines)}", (name, *lines))
    except ImageError as error:
        return NoPicture(str(error), (name, *lines))
