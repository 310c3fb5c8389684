"""What a report is made of: each artifact read and checked by the owner of its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import InputError, RoadworthyError
from components.report import metrics as flat

if TYPE_CHECKING:
    from components.capture.records import Records
    from components.data.dataset import Dataset
    from components.data.scenes.dataset import Scenes
    from components.package.archive import Package
    from components.package.description import ModelDescription
    from components.report.attacks import Attack
    from components.report.detection.clarified import Clarified
    from components.report.detection.curves import Curves
    from components.report.explanations import Explanations
    from components.report.matrix import Matrix
    from components.report.windows import Baseline, Window


@dataclass(frozen=True)
class Inputs:
    """The artifacts of one run, as far as they are given.

    Attributes:
        dataset: What the model was trained and tested on.
        model: What ``model.json`` says.
        model_folder: Where it lies.
        training: Metrics of the training.
        confusion: The confusion matrix on the test split.
        package: The archive, verified.
        traffic: Metrics of the replay.
        captured: What the endpoint captured.
        baseline: What the monitor compares with.
        monitor_clean: A check of traffic that nobody attacked.
        monitor_attacked: A check of attacked traffic.
        adversarial: The attacked images.
        attack_metrics: Metrics of the attack.
        explanations: Of flagged records.
        scenes: What a detector was trained and tested on.
        curves: How well it finds things.
        clarify: What made some of its boxes.
    """

    dataset: Dataset | None = None
    model: ModelDescription | None = None
    model_folder: Path | None = None
    training: flat.Metrics | None = None
    confusion: Matrix | None = None
    package: Package | None = None
    traffic: flat.Metrics | None = None
    captured: Records | None = None
    baseline: Baseline | None = None
    monitor_clean: Window | None = None
    monitor_attacked: Window | None = None
    adversarial: Attack | None = None
    attack_metrics: flat.Metrics | None = None
    explanations: Explanations | None = None
    scenes: Scenes | None = None
    curves: Curves | None = None
    clarify: Clarified | None = None


def read(paths: Mapping[str, Path | None]) -> Inputs:
    """Reads what is given.

    Args:
        paths: By the names of the stage's inputs; None or missing for what is not given.

    Raises:
        InputError: Something is not what it should be; an input's name is the first word of the message.
        ArchiveError: The archive is damaged, or differs from its manifest.
    """
    readers: dict[str, Callable[[Path], object]] = {
        "dataset": _dataset,
        "model": _model,
        "training": lambda path: flat.read(path, "training"),
        "confusion": _confusion,
        "package": _package,
        "traffic": lambda path: flat.read(path, "traffic"),
        "captured": _captured,
        "baseline": _baseline,
        "monitor_clean": _window,
        "monitor_attacked": _window,
        "adversarial": _attack,
        "attack_metrics": lambda path: flat.read(path, "attack_metrics"),
        "explanations": _explanations,
        "scenes": _scenes,
        "curves": _curves,
        "clarify": _clarify,
    }
    given = {"package" if name == "archive" else name: path for name, path in paths.items() if path is not None}
    found = {name: _named(name, readers[name], path) for name, path in given.items()}
    return Inputs(**found, model_folder=given.get("model"))  # type: ignore[arg-type]


def _named(name: str, reader: Callable[[Path], object], path: Path) -> object:
    try:
        return reader(path)
    except RoadworthyError as error:
        name = "archive" if name == "package" else name
        if str(error).startswith(f"{name}:"):
            raise
        raise type(error)(f"{name}: {error}") from None


def _dataset(path: Path) -> Dataset:
    from components.data.dataset import read as read_dataset

    return read_dataset(path)


def _model(path: Path) -> ModelDescription:
    from components.package.description import ModelDescription

    if not path.is_dir():
        raise InputError(f"expected the folder of a model, found the file {path.name!r}")
    return ModelDescription.read(path)


def _confusion(path: Path) -> Matrix:
    from components.report.matrix import Matrix

    return Matrix(*flat.read_confusion(path))


def _package(path: Path) -> Package:
    from components.package.archive import Package

    return Package(path)


def _captured(path: Path) -> Records:
    from components.capture.records import read as read_records

    return read_records(path)


def _baseline(path: Path) -> Baseline:
    from components.report import windows

    return windows.read_baseline(path)


def _window(path: Path) -> Window:
    from components.report import windows

    return windows.read(path)


def _attack(path: Path) -> Attack:
    from components.report import attacks

    return attacks.read(path)


def _explanations(path: Path) -> Explanations:
    from components.report import explanations

    return explanations.read(path)


def _scenes(path: Path) -> Scenes:
    from components.data.scenes.dataset import read as read_scenes

    return read_scenes(path)


def _curves(path: Path) -> Curves:
    from components.report.detection import curves

    return curves.read(path)


def _clarify(path: Path) -> Clarified:
    from components.report.detection import analysis

    return analysis.read(path)
