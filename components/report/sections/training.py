"""The model and its training: how good it is, how it got there, what it was made from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.package import folders
from components.package.archive import Limits
from components.package.description import ModelDescription
from components.package.manifest import hashed
from components.report import metrics as flat
from components.report import wording
from components.report.blocks import Block, Columns, Figures, Table
from components.report.charts import LineChart
from components.report.lineage import Link
from components.report.page import Section
from components.report.sections import detector

_EPOCHS = 2_000


def section(model: ModelDescription | None, metrics: flat.Metrics | None, curves: bool = False) -> Section:
    """Returns the section on a model, on the metrics of its training, or on both.

    Args:
        model: Its description.
        metrics: Of its training.
        curves: Whether the page has a detector's curves, with the average precision of each class.
    """
    blocks: list[Block] = []
    if metrics is not None:
        found = proofs(metrics)
        judged = flat.figures(metrics, found, skip=("test_images",) if found else ())
        blocks.append(Figures(detector.figures(metrics, not curves) if detector.detects(metrics) else judged))
    if model is not None:
        charts = _charts(model.training)
        blocks += [Columns(charts)] if charts else []
        blocks.append(Columns(_tables(model)))
    lead = "" if model is None else f"{model.architecture}, {len(model.labels)} classes, {_input(model)} pixels."
    return Section("Training", blocks, lead)


def link(model: ModelDescription, folder: Path | None) -> Link:
    """Returns the model's place in the lineage, with the SHA-256 of its weights.

    Raises:
        InputError: There are no weights beside the description.
    """
    digest = ""
    if folder is not None:
        with folders.open_inside(folder, model.weights, Limits()) as file:
            digest = "sha256:" + hashed(folders.chunks(file)).sha256
    return Link("Model", model.name, digest, f"weights of {model.architecture}, {len(model.labels)} classes")


def proofs(metrics: flat.Metrics) -> dict[str, str]:
    """Returns what the figures rest on, where the metrics tell it, by their names."""
    images = metrics.get("test_images")
    if not isinstance(images, int):
        return {}
    words = f"{wording.count(images)} images of the test split"
    return dict.fromkeys(("test_accuracy", "test_loss"), words) | {"worst_class_recall": "the lowest of all classes"}


def _charts(training: Mapping[str, Any]) -> list[Block]:
    charts: list[Block] = []
    if loss := _series(training.get("loss")):
        charts.append(LineChart("Training loss", loss, mark="min"))
    if accuracy := _series(training.get("validation_accuracy")):
        shares = all(0 <= value <= 1 for value in accuracy)
        charts.append(LineChart("Validation accuracy", accuracy, percent=shares, mark="max"))
    if precision := _series(training.get("validation_map50")):
        shares = all(0 <= value <= 1 for value in precision)
        charts.append(LineChart("Validation mAP50", precision, percent=shares, mark="max"))
    return charts


def _series(values: object) -> list[float]:
    """Returns the numbers of a list, or none where it is anything else: a training may tell what it likes."""
    if not isinstance(values, list) or not 1 <= len(values) <= _EPOCHS:
        return []
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return numbers if len(numbers) == len(values) and all(map(math.isfinite, numbers)) else []


def _tables(model: ModelDescription) -> list[Block]:
    contract = model.preprocessing
    preprocessing = [
        ("input", f"{_input(model)} pixels, {contract.channel_order}"),
        ("resize", contract.interpolation),
        ("mean", _listed(contract.mean)),
        ("standard deviation", _listed(contract.std)),
    ]
    recipe = model.training.get("recipe")
    tables = [Table(("preprocessing", "value"), preprocessing, "How pixels become the model's input")]
    if isinstance(recipe, dict) and recipe:
        rows = [(wording.words(str(k)).lower(), _told(v)) for k, v in sorted(recipe.items())]
        tables.append(Table(("recipe", "value"), rows, "How it was trained"))
    if model.versions:
        versions = sorted(model.versions.items())
        tables.append(Table(("library", "version"), versions, "What trained it"))
    return [*tables]


def _input(model: ModelDescription) -> str:
    return f"{model.preprocessing.width} × {model.preprocessing.height}"


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
