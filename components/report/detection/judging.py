"""What must hold of a detector before anything is explained: its dataset, its classes, its figures and its curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

from components.report import wording
from components.report.detection.curves import POINTS, Curves
from components.report.inputs import Inputs
from components.report.lineage import Check, visible_digest

if TYPE_CHECKING:
    from components.data.scenes.dataset import Scenes

_ROUNDED = 1e-5  # metrics files hold five digits
_AREA = 1e-3  # of an area under rounded points

FIGURES = {"map50": "map50", "map50_voc07": "voc07", "map": "map"}
"""The names that metrics and model give to the figures, and the fields of ``Curves`` that hold them."""


def checks(inputs: Inputs) -> Iterator[Check]:
    """Yields what can be checked with the artifacts that are given."""
    scenes, model, curves = inputs.scenes, inputs.model, inputs.curves
    if scenes is not None and model is not None:
        said, found = (digest.removeprefix("sha256:") for digest in (model.data["digest"], scenes.digest))
        told = visible_digest(found)
        told = told if said == found else f"expected {visible_digest(said)}, found {told}"
        yield Check("The detector was trained on this dataset.", said == found, told)
        yield _classes("The detector has the dataset's classes.", model.labels, scenes.labels)
    if curves is None:
        return
    if model is not None:
        yield _classes("The curves are of the detector's classes.", curves.labels, model.labels)
        test = model.training.get("test")
        if isinstance(test, Mapping):
            figures = {name: one.get("value") for name, one in test.items() if isinstance(one, Mapping)}
            yield from _same("The figures that travel with the model are those of the curves.", figures, curves)
    if inputs.training is not None:
        yield from _same("The figures of the metrics are those of the curves.", inputs.training, curves)
    if scenes is not None:
        yield _counts(curves, scenes)
    yield _areas(curves)
    yield _mean(curves)


def _classes(statement: str, one: tuple[str, ...], other: tuple[str, ...]) -> Check:
    return Check(statement, one == other, f"{wording.count(len(one))} and {wording.count(len(other))} classes")


def _same(statement: str, told: Mapping[str, Any], curves: Curves) -> Iterator[Check]:
    """Compares what another artifact tells, as far as it does, with the figures of the curves."""
    wrong, shown = [], []
    for name, field in FIGURES.items():
        said, estimate = told.get(name), getattr(curves, field)
        if type(said) in (int, float) and estimate is not None:
            shown.append(f"{name} {said:.5f}")
            if not abs(said - estimate.value) <= _ROUNDED:
                wrong.append(f"{name}: expected {estimate.value:.5f}, found {said:.5g}")
    if shown:
        yield Check(statement, not wrong, "; ".join(wrong or shown))


def _counts(curves: Curves, scenes: Scenes) -> Check:
    """Compares the counts with the test split; neither difficult objects nor crowds are to be found."""
    split = scenes.split("test")
    wanted = [row for image in split.images for row in scenes.rows.get(image.path, ())]
    counted = Counter(row.label for row in wanted if not (row.difficult or row.crowd))
    same = curves.pictures == len(split) and all(one.objects == counted[one.label] for one in curves.classes)
    found = (
        f"{wording.count(curves.objects)} objects in {wording.count(curves.pictures)} pictures judged, "
        f"{wording.count(counted.total())} in {wording.count(len(split))} there"
    )
    return Check("The curves count every picture and object of the test split once.", same, found)


def _areas(curves: Curves) -> Check:
    whole = [one for one in curves.classes if one.ap50 is not None and len(one.recall) < POINTS]
    wrong = [one.label for one in whole if one.ap50 is not None and abs(one.area - one.ap50.value) > _AREA]
    found = f"{wording.count(len(whole))} of {wording.count(len(curves.classes))} classes computed again"
    found = f"different: {', '.join(wrong[:5])}" if wrong else found
    return Check("Each class's average precision is the area under its curve.", not wrong, found)


def _mean(curves: Curves) -> Check:
    values = [one.ap50.value for one in curves.classes if one.ap50 is not None]
    if not values or curves.map50 is None:
        return Check("mAP50 is the mean over the classes.", not values and curves.map50 is None, "no class was judged")
    found = wording.percent(fmean(values), 2)
    return Check("mAP50 is the mean over the classes.", abs(fmean(values) - curves.map50.value) <= _ROUNDED, found)
