"""What the stage does with its arguments."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from components.artifacts import Outputs
from components.clarify import planning, settings, sources, summary
from components.clarify.config import AnalysisConfig
from components.clarify.debugging import samples
from components.clarify.explaining import Explainer
from components.clarify.folder import Folder
from components.clarify.looking import Looked, Truth, look
from components.clarify.page import page
from components.clarify.predictors import DETECTION, Predictor
from components.errors import ImageError, InputError
from components.images import Pixels

_SECONDS = 2.0  # between two lines of progress


@dataclass
class Gallery:
    """The pictures that are looked at, one after the other; what could not be read, and what classes are called.

    Args:
        found: The pictures, in order.
        predictor: The model.
        config: What is asked.
        known: Labels of the dataset.
        labels: By class, as the dataset names them; what the model tells takes their place.
        given: Whether the labels are those of the configuration, which nothing replaces.
    """

    found: list[sources.Source]
    predictor: Predictor
    config: AnalysisConfig
    known: Sequence[str]
    labels: dict[int, str]
    given: bool
    skipped: list[dict[str, str]] = field(default_factory=list)
    _told: bool = False

    def looks(self) -> Iterator[tuple[sources.Source, Looked]]:
        """Yields each picture that can be read, looked at.

        Raises:
            InputError: None can be read.
        """
        for source in self.found:
            try:
                image, objects = source.open()
            except ImageError as error:
                self.skipped.append({"name": source.name, "reason": str(error)})
                continue
            self._learn(image)
            yield source, look(image, self.predictor, self.config, self._truth(objects))
        if len(self.skipped) == len(self.found):
            first = self.skipped[0]
            raise InputError(f"{first['name']}: {first['reason']} (and no other picture can be read)")

    def _truth(self, objects: sources.Objects | None) -> Truth | None:
        """Returns the objects in the model's classes; None if it has none of the labels by which the dataset goes."""
        classes = {label: i for i, label in self.labels.items()}
        if objects is None or not classes.keys() & set(self.known):
            return None
        return objects.truth(classes)

    def _learn(self, image: Pixels) -> None:
        told = {} if self.given else self.predictor.names(self.predictor.prepare(image))
        if told and not self._told:
            self.labels.clear()  # the dataset's order may be another
        self._told |= bool(told)
        self.labels |= told


def clarify(args: argparse.Namespace, outputs: Outputs) -> None:
    """The stage: writes ``results``, ``metrics`` and ``report``."""
    config = settings.config(args)
    for key in config.ignored:
        print(f"clarify: {key} means nothing here and is left aside", file=sys.stderr)
    debug = config.shap.image_config.debug
    found = sources.pictures(args.images, args.split, None if debug is None else debug.image_names)
    predictor = settings.predictor(args, config)
    ledgers = Path(args.ledgers) if args.ledgers else None
    try:
        gallery = _gallery(args, config, found, predictor)
        explainer = Explainer(predictor, config, settings.baseline(config), ledgers)
        (_plan if args.dry_run else _explain)(args, outputs, gallery, explainer)
    finally:
        predictor.close()


def _gallery(
    args: argparse.Namespace, config: AnalysisConfig, found: sources.Pictures, predictor: Predictor
) -> Gallery:
    headers = config.predictor.label_headers
    order = found.drawn(config.shap.seed) if args.count else list(found.found)
    return Gallery(order, predictor, config, found.labels, dict(enumerate(headers or found.labels)), bool(headers))


def _explain(args: argparse.Namespace, outputs: Outputs, gallery: Gallery, explainer: Explainer) -> None:
    started, config, spent = time.perf_counter(), explainer.config, explainer.predictor.spent
    detection = config.shap.image_config.model_type == DETECTION
    with outputs.folder("results") as path:
        arrays = config.shap.save_local_shap_values
        folder = Folder(path, detection, config.probability_threshold, gallery.labels, arrays)
        _fill(folder, gallery, explainer, args.count)
        took = time.perf_counter() - started
        numbers = summary.summarise(folder.images, len(gallery.skipped), spent, took)
        told = {
            "config": config.to_json(),
            "model": explainer.predictor.source,
            "detection": detection,
            "baseline": config.shap.baseline or config.roadworthy.baseline,
            "labels": {str(i): label for i, label in sorted(gallery.labels.items())},
            "skipped": gallery.skipped,
            "summary": numbers,
        }
        folder.finish(told)
        text = page(_title(args, config), {**told, "images": folder.images}, path).render()
    with outputs.file("report") as file:
        file.write_text(text, encoding="utf-8")
    outputs.metrics("metrics", numbers)
    outputs.describe("results", model=told["model"], images=numbers["images"], boxes=numbers["boxes"])
    print(summary.sentence(numbers, detection), file=sys.stderr)


def _fill(folder: Folder, gallery: Gallery, explainer: Explainer, count: int) -> None:
    """Explains pictures until ``count`` have something to explain; 0: all."""
    debug = explainer.config.shap.image_config.debug
    explained, total = 0, count or len(gallery.found)
    for source, looked in gallery.looks():
        number = explained + 1 if count else len(folder.images) + 1
        progress = _Progress(number, total, explainer.planned(looked))
        name = folder.name(source.name)
        watching = replace(explainer, watch=samples(debug, folder.path, name))
        explained += bool(folder.add(source.name, name, watching.explain(looked, progress))["boxes"])
        if count and explained == count:
            break


def _title(args: argparse.Namespace, config: AnalysisConfig) -> str:
    return args.title or (config.report.title if config.report is not None else "Why the model said so")


def _plan(args: argparse.Namespace, outputs: Outputs, gallery: Gallery, explainer: Explainer) -> None:
    plan = planning.plan(gallery.looks(), explainer, args.count)
    with outputs.folder("results") as path:
        planning.write(path, plan, explainer.config)
    with outputs.file("report") as file:
        file.write_text(planning.page(_title(args, explainer.config), plan).render(), encoding="utf-8")
    outputs.metrics("metrics", plan.metrics())
    print(plan.sentence(), file=sys.stderr)


class _Progress:
    """Says how far a picture is, every two seconds."""

    def __init__(self, number: int, total: int, planned: int) -> None:
        self._where, self._planned = f"picture {number} of {total}", planned
        self._started = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said < _SECONDS:
            return
        self._said = now
        rate = done / (now - self._started)
        left = (self._planned - done) / rate
        print(
            f"clarify: {self._where}, {done} of {self._planned} predictions, {rate:.0f}/s, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )
