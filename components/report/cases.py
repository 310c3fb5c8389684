"""Flagged records with everything that is known of each: what came before, what became of it, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from components.data.attacked import Attacked
from components.images import Pixels, decode
from components.report.attacks import Attack
from components.report.explanations import Explained, Explanations
from components.report.inputs import Inputs

MOST = 12
"""Cases that a page shows."""


@dataclass(frozen=True)
class Case:
    """One flagged record.

    Attributes:
        event_id: Of the record.
        answer: The class that was answered, as people read it.
        score: Of it.
        image: What was sent, ``(H, W, 3)``.
        original: What it was before the attack; None where that is not known.
        before: The class that the original was taken for.
        before_score: Of it.
        explained: Its explanation.
        attacked: What was done to it.
    """

    event_id: str
    answer: str
    score: float | None
    image: Pixels
    original: Pixels | None = None
    before: str = ""
    before_score: float | None = None
    explained: Explained | None = None
    attacked: Attacked | None = None


def cases(inputs: Inputs) -> list[Case]:
    """Returns at most 12 flagged records: those that were explained, or those whose images are known.

    Raises:
        InputError: The index of the explanations names no plain file.
        DatasetError: A file of the attack was changed.
        ImageError: A file is no image.
    """
    return list(_explained(inputs) if inputs.explanations is not None else _flagged(inputs))


def total(inputs: Inputs) -> int:
    """Returns how many records there are to show."""
    if inputs.explanations is not None:
        return len(inputs.explanations.rows)
    window = inputs.monitor_attacked
    return window.flagged[window.leading] if window is not None else 0


def ordered(explanations: Explanations, leading: str) -> list[Explained]:
    """Returns the explained records, those of the leading violation first, otherwise as they are."""
    return sorted(explanations.rows, key=lambda row: leading not in row.violations.split(", "))


def _explained(inputs: Inputs) -> Iterator[Case]:
    explanations, attack = inputs.explanations, inputs.adversarial
    if explanations is None:
        return
    leading = inputs.monitor_attacked.leading if inputs.monitor_attacked is not None else ""
    for row in ordered(explanations, leading)[:MOST]:
        image, original = (explanations.image(row, what) for what in ("image", "original_image"))
        known = attack.by_path.get(row.inference_id or "") if attack is not None else None
        if image is not None:
            yield Case(
                event_id=row.event_id,
                answer=_name(row.class_index, row.label),
                score=row.score,
                image=decode(image),
                original=None if original is None else decode(original),
                before=_name(row.original_class, row.original_label),
                before_score=row.original_score,
                explained=row,
                attacked=known[2] if known else None,
            )


def _flagged(inputs: Inputs) -> Iterator[Case]:
    window, attack = inputs.monitor_attacked, inputs.adversarial
    if window is None:
        return
    captured = {row.event_id: row for row in inputs.captured.pictured} if inputs.captured is not None else {}
    found = 0
    for record in window.records:
        known = attack.by_path.get(record.inference_id or "") if attack is not None else None
        picture = captured.get(record.event_id)
        if found == MOST or not (known or picture):
            continue
        found += 1
        answer = _name(record.class_index, record.label)
        if known and attack is not None:
            yield _attacked(attack, known[2], record.event_id, answer, record.score)
        elif picture and inputs.captured is not None:
            yield Case(record.event_id, answer, record.score, decode(inputs.captured.image(picture)))


def _attacked(attack: Attack, row: Attacked, event_id: str, answer: str, score: float | None) -> Case:
    image, original, _ = attack.by_path[row.path]
    return Case(
        event_id=event_id,
        answer=answer,
        score=score,
        image=decode(attack.dataset.read_bytes(image)),
        original=decode(attack.originals.read_bytes(original)),
        before=attack.name(row.predicted_before),
        before_score=row.score_before,
        attacked=row,
    )


def _name(class_id: int | None, label: str | None) -> str:
    return " ".join(str(part) for part in (class_id, label) if part is not None)
