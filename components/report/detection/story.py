"""What a detector finds, and what made its boxes, in words out of the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from components.report import metrics as flat
from components.report import wording
from components.report.blocks import Step
from components.report.detection.clarified import Clarified
from components.report.detection.curves import Curves, Estimate
from components.report.inputs import Inputs

THRESHOLD = 0.5
"""Score from which on a detection counts, where no explanation says which."""

LOW = 0.05
"""The share of the objects from which on it is told that more are found with lower scores."""


def threshold(inputs: Inputs) -> float:
    """Returns the score from which on a detection counts: that from which on boxes were explained."""
    return THRESHOLD if inputs.clarify is None else inputs.clarify.threshold


def finding(inputs: Inputs) -> str:
    """Returns what a reader is to know if they read one sentence; empty where nothing was judged or explained."""
    told = []
    if inputs.curves is not None and inputs.curves.objects:
        told.append(_found(inputs.curves, threshold(inputs)))
    elif (value := map50(inputs)) is not None:
        told.append(f"The detector's mAP50 on pictures that it has never seen is {wording.percent(value.value)}.")
    if inputs.clarify is not None:
        told.append(explained(inputs.clarify))
    return " ".join(told)


def steps(inputs: Inputs) -> Iterator[Step]:
    """Yields what was done, in order, as far as the artifacts tell it."""
    if inputs.scenes is not None:
        objects = sum(len(rows) for rows in inputs.scenes.rows.values())
        text = (
            f"{wording.count(len(inputs.scenes.images))} pictures show {wording.count(objects)} objects of "
            f"{wording.count(len(inputs.scenes.labels))} classes."
        )
        yield Step("Data", text, ", ".join(f"{wording.count(n)} for {s}" for s, n in inputs.scenes.counts.items()))
    if (value := map50(inputs)) is not None:
        yield _model(inputs, value)
    if inputs.clarify is not None:
        yield _explanation(inputs.clarify)


def explained(found: Clarified) -> str:
    """Says on how many objects the strongest segment lies, and how many it would be by chance."""
    boxes = len(found.boxes)
    if not boxes:
        return f"In none of {wording.count(len(found.pictures))} pictures was there a box to explain."
    which = f"{wording.count(found.on_object)} of {wording.count(boxes)} explained boxes"
    return (
        f"In {which} the segment that raised the score most lies on the object ({wording.of(found.on_object, boxes)}; "
        f"a segment drawn by lot would in {wording.percent(found.chance)})."
    )


def map50(inputs: Inputs) -> Estimate | None:
    """Returns mAP50, from the curves or else from the metrics."""
    if inputs.curves is not None:
        return inputs.curves.map50
    return None if inputs.training is None else estimate(inputs.training, "map50")


def estimate(metrics: flat.Metrics, name: str) -> Estimate | None:
    """Returns a share out of the metrics with its interval; None where it is none."""
    found = [metrics.get(f"{name}{end}") for end in ("", "_low", "_high")]
    numbers = [float(v) if isinstance(v, int | float) and 0 <= v <= 1 else None for v in found]
    if numbers[0] is None:
        return None
    return Estimate(numbers[0], 0.0 if numbers[1] is None else numbers[1], 1.0 if numbers[2] is None else numbers[2])


def between(value: Estimate) -> str:
    """Returns an estimate's interval as people read it, on one line."""
    return f"{wording.percent(value.low).removesuffix(wording.PERCENT)}\u00a0–\u00a0{wording.percent(value.high)}"


def _found(curves: Curves, score: float) -> str:
    found, ever = curves.found(score), curves.found(0.0)
    more = f"; {wording.of(ever, curves.objects)} with any score" if ever - found > LOW * curves.objects else ""
    told = (
        f"The detector finds {wording.of(found, curves.objects)} of the objects in {wording.count(curves.pictures)} "
        f"pictures that it has never seen ({wording.count(found)} of {wording.count(curves.objects)}, with a score of "
        f"{score:g} or more{more})"
    )
    if curves.map50 is None:
        return f"{told}."
    return f"{told}; its mAP50 is {wording.percent(curves.map50.value)} ({between(curves.map50)})."


def _model(inputs: Inputs, value: Estimate) -> Step:
    coco = None if inputs.training is None else estimate(inputs.training, "map")
    coco = inputs.curves.map if inputs.curves is not None else coco
    text = f"On the test pictures mAP50 is {wording.percent(value.value)}"
    proof = f"mAP50 {between(value)}"
    if coco is not None:
        text += f", and COCO's mAP, which asks for tighter boxes, {wording.percent(coco.value)}"
        proof += f", mAP {between(coco)}"
    return Step("Model", f"{text}.", f"{proof}, with 95{wording.PERCENT} confidence.")


def _explanation(found: Clarified) -> Step:
    low, high = found.interval
    exact = sum(box.exact for box in found.boxes)
    boxes = len(found.boxes)
    if not boxes:
        return Step("Explanation", explained(found))
    text = (
        f"{wording.many(boxes, 'box', 'boxes')} in {wording.many(len(found.explained), 'picture', 'pictures')}, each "
        "explained by the segments that raised its score. "
        f"In {wording.of(found.on_object, boxes)} the strongest lies on the object."
    )
    proof = f"{between(Estimate(0, low, high))} with 95{wording.PERCENT} confidence; by chance "
    proof += f"{wording.percent(found.chance)}. "
    proof += f"Largest standard error of a segment's value {found.largest_error:.2g}"
    proof += f"; {wording.many(exact, 'box is', 'boxes are')} exact. " if exact else ". "
    proof += f"Values sum up to what they explain within {wording.small(found.largest_residual)}."
    return Step("Explanation", text, proof)
