"""The model folder (``model-symbol.json``, ``model-0000.params``, ``model.json``), the metrics, and the curves."""

from __future__ import annotations

import json
import math
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.artifacts import VERSION
from components.data.scenes.dataset import Scenes
from components.fine_tune.detector.evaluation import COCO_IOUS, IOU, ClassPrecision, Evaluation
from components.fine_tune.detector.framework import gluoncv, mx
from components.fine_tune.detector.precision import Estimate
from components.fine_tune.detector.training import History
from components.images import Preprocessing
from components.package.description import ModelDescription

WEIGHTS = "model-0000.params"
CURVES_FORMAT = 1

_POINTS = 400
"""Of a class's curve, at most."""


def describe(
    name: str,
    architecture: str,
    scenes: Scenes,
    preprocessing: Preprocessing,
    recipe: Mapping[str, Any],
    history: History,
    judged: Evaluation,
) -> ModelDescription:
    """Returns what travels with the weights.

    No times and no durations: the same run twice must give the same bytes.
    """
    return ModelDescription(
        name=name,
        task="detection",
        framework="mxnet",
        architecture=architecture,
        weights=WEIGHTS,
        labels=scenes.labels,
        preprocessing=preprocessing,
        versions={
            "gluoncv": gluoncv.__version__,
            "mxnet": mx.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "roadworthy": VERSION,
        },
        data={"name": scenes.name, "digest": scenes.digest},
        training={
            "recipe": dict(recipe),
            "loss": history.loss,
            "validation_map50": history.validation,
            "best_epoch": history.best,
            "steps": history.steps,
            "test": {
                "pictures": judged.pictures,
                **{rule: _estimate(getattr(judged, field)) for rule, field in _RULES.items()},
                "ap50": {label: _estimate(c.area) for label, c in zip(scenes.labels, judged.classes, strict=True)},
            },
        },
    )


def metrics(labels: tuple[str, ...], history: History, judged: Evaluation) -> dict[str, float | int]:
    """Returns the flat names and values that the KFP UI shows; a class without objects has none."""
    shown: dict[str, float | int] = {}
    for rule, field in _RULES.items():
        value: Estimate = getattr(judged, field)
        shown |= {rule: value.value, f"{rule}_low": value.low, f"{rule}_high": value.high}
    for class_id, (label, one) in enumerate(zip(labels, judged.classes, strict=True)):
        key = "ap50_" + (re.sub(r"\W+", "_", label.lower()).strip("_") or str(class_id))
        shown[key if key not in shown else f"{key}_{class_id}"] = one.area.value
    shown |= {"test_images": judged.pictures, "test_objects": sum(one.objects for one in judged.classes)}
    if history.losses:
        shown |= {"loss": history.loss[-1], "validation_map50": history.validation[history.best]}
    shown |= {"epochs": len(history.losses), "steps": history.steps}
    rounded = {key: round(value, 5) for key, value in shown.items() if math.isfinite(value)}
    return {**rounded, "seconds": round(history.seconds, 1)}


def curves(labels: tuple[str, ...], judged: Evaluation) -> dict[str, Any]:
    """Returns the precision-recall curves as JSON values, with what is known of each class."""
    return {
        "format": CURVES_FORMAT,
        "task": "detection",
        "labels": list(labels),
        "pictures": judged.pictures,
        "iou": IOU,
        "coco_ious": [round(float(iou), 2) for iou in COCO_IOUS],
        "resamples": judged.resamples,
        **{rule: _estimate(getattr(judged, field)) for rule, field in _RULES.items()},
        "classes": [
            _curve(class_id, label, one)
            for class_id, (label, one) in enumerate(zip(labels, judged.classes, strict=True))
        ],
    }


def write_json(path: Path, content: Any) -> None:
    """Writes JSON; the same content gives the same bytes."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


_RULES = {"map50": "area", "map50_voc07": "voc07", "map": "coco"}
"""Our names of the figures, and the fields of ``Evaluation`` they are read from."""


def _curve(class_id: int, label: str, one: ClassPrecision) -> dict[str, Any]:
    at = thinned(one.recall, one.precision)
    return {
        "class_id": class_id,
        "label": label,
        "objects": one.objects,
        "ap50": _estimate(one.area),
        "ap50_voc07": _estimate(one.voc07),
        "ap": _estimate(one.coco),
        "recall": [round(float(v), 6) for v in one.recall[at]],
        "precision": [round(float(v), 6) for v in one.precision[at]],
        "scores": [round(float(v), 6) for v in one.scores[at]],
    }


def thinned(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.int64]:
    """Chooses the points of a curve that are worth keeping, ``(points,)``: where the recall rises, and the last.

    Between them the precision only falls, as one miss follows another.
    """
    if not len(recall):
        return np.zeros(0, np.int64)
    before = np.flatnonzero(np.diff(recall, prepend=0.0) > 0)
    at = np.unique(np.concatenate([before, np.maximum(before - 1, 0), [0, len(recall) - 1]]))
    return at if len(at) <= _POINTS else at[np.linspace(0, len(at) - 1, _POINTS).round().astype(int)]


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {key: round(value, 6) if math.isfinite(value) else None for key, value in estimate._asdict().items()}
