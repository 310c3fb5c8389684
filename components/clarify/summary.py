"""What an analysis comes to: counts, how often the strongest segment lies on the object, errors, time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.clarify.predictors import Spent
from components.intervals import wilson

Values = Mapping[str, Any]


def summarise(images: Sequence[Values], skipped: int, spent: Spent, seconds: float) -> dict[str, Any]:
    """Returns flat numbers.

    Args:
        images: As the results folder tells of them.
        skipped: Pictures that could not be read.
        spent: On predicting.
        seconds: Of the whole.
    """
    boxes = [box for image in images for box in image["boxes"]]
    errors = [error for box in boxes for error in box["standard_errors"]]
    found = {
        "images": len(images),
        "explained": sum(bool(image["boxes"]) for image in images),
        "unreadable": skipped,
        "boxes": len(boxes),
        "predictions": spent.predictions,
        "requests": spent.requests,
        "dropped_rows": sum(sum(image["dropped_rows"].values()) for image in images),
        "largest_residual": max((abs(box["efficiency_residual"]) for box in boxes), default=0.0),
        "largest_standard_error": max(errors, default=0.0),
        "seconds": round(seconds, 2),
        "predictions_per_second": round(spent.predictions / max(seconds, 1e-9), 1),
        "overhead": round(max(0.0, 1 - spent.seconds / max(seconds, 1e-9)), 4),
    }
    return found | _on_object([box for box in boxes if box["top_on_object"] is not None])


def sentence(found: Values, detection: bool) -> str:
    """Returns the summary in a line."""
    text = (
        f"{found['boxes']} {'boxes' if detection else 'classes'} in {found['explained']} of {found['images']} pictures "
        f"explained with {found['predictions']} predictions in {found['seconds']:.1f} s, "
        f"{found['overhead']:.1%} of that besides predicting; largest residual {found['largest_residual']:.1e}"
    )
    if "on_object" in found:
        text += (
            f"; the strongest segment lies on the object in {found['on_object']} of {found['boxes']} "
            f"({found['strongest_on_object_low']:.3f} to {found['strongest_on_object_high']:.3f} with 95 %, "
            f"{found['on_object_by_chance']:.3f} by chance)"
        )
    return text


def _on_object(boxes: Sequence[Values]) -> dict[str, Any]:
    if not boxes:
        return {}
    on = sum(box["top_on_object"] for box in boxes)
    low, high = wilson(on, len(boxes))
    return {
        "on_object": on,
        "strongest_on_object": on / len(boxes),
        "strongest_on_object_low": low,
        "strongest_on_object_high": high,
        "three_strongest_on_object": sum(box["strongest_on_object"] for box in boxes) / len(boxes),
        "on_object_by_chance": sum(box["on_object_by_chance"] for box in boxes) / len(boxes),
    }
