"""What must hold between the artifacts of one run, and whether it does.

A difference is no error of the page: to show it is what the page is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.package import folders
from components.package.archive import Limits, Manifest
from components.package.manifest import File, hashed
from components.report import agreements, wording
from components.report.detection import judging, proving
from components.report.inputs import Inputs
from components.report.lineage import Check, visible_digest
from components.report.matrix import Matrix

_ROUNDED = 1e-5  # metrics files hold five digits


def checks(inputs: Inputs) -> Iterator[Check]:
    """Yields what can be checked with the artifacts that are given."""
    yield from _data(inputs)
    yield from _accuracy(inputs)
    if inputs.package is not None:
        files = wording.count(len(inputs.package.manifest.files))
        yield Check("The archive's files have the SHA-256 that its manifest says.", True, f"{files} files")
        if inputs.model_folder is not None:
            yield _packed(inputs.package.manifest, inputs.model_folder)
    yield from agreements.checks(inputs)
    yield from judging.checks(inputs)
    yield from proving.checks(inputs)


def _data(inputs: Inputs) -> Iterator[Check]:
    dataset, model, matrix = inputs.dataset, inputs.model, inputs.confusion
    if dataset is not None and model is not None:
        said, found = (digest.removeprefix("sha256:") for digest in (model.data["digest"], dataset.digest))
        yield Check("The model was trained on this dataset.", said == found, _digests(said, found))
    if dataset is not None and matrix is not None:
        images = dataset.counts["test"]
        found = f"{wording.count(matrix.total)} judged, {wording.count(images)} in the split"
        yield Check("The confusion matrix counts every image of the test split once.", matrix.total == images, found)
    if model is not None and matrix is not None:
        same = list(model.labels) == list(matrix.labels)
        yield Check("The confusion matrix has the model's classes.", same, f"{len(matrix.labels)} classes")


def _accuracy(inputs: Inputs) -> Iterator[Check]:
    said = None if inputs.training is None else inputs.training.get("test_accuracy")
    if isinstance(said, int | float) and inputs.confusion is not None:
        yield _trace("The test accuracy is the confusion matrix's.", float(said), inputs.confusion)
    traffic = inputs.traffic or {}
    accuracy, right, images = (traffic.get(name) for name in ("accuracy", "right", "images"))
    if isinstance(accuracy, int | float) and isinstance(right, int) and isinstance(images, int) and images:
        found = f"{wording.count(right)} of {wording.count(images)} images"
        yield Check("The accuracy in traffic is that of its counts.", abs(accuracy - right / images) <= _ROUNDED, found)


def _trace(statement: str, said: float, matrix: Matrix) -> Check:
    found = f"{wording.count(matrix.right)} of {wording.count(matrix.total)} images"
    if not matrix.total:
        return Check(statement, False, found)
    return Check(statement, abs(said - matrix.right / matrix.total) <= _ROUNDED, found)


def _packed(manifest: Manifest, folder: Path) -> Check:
    """Compares the archive with the model folder, file by file."""
    found = {name: _file(folder, name) for name in folders.files(folder, Limits())}
    different = sorted(name for name in found.keys() | manifest.files if found.get(name) != manifest.files.get(name))
    told = (
        f"different: {', '.join(different)}" if different else visible_digest(manifest.digest.removeprefix("sha256:"))
    )
    return Check("The archive holds exactly this model.", not different, told)


def _file(folder: Path, name: str) -> File:
    with folders.open_inside(folder, name, Limits()) as file:
        return hashed(folders.chunks(file))


def _digests(said: str, found: str) -> str:
    return visible_digest(found) if said == found else f"expected {visible_digest(said)}, found {visible_digest(found)}"
