"""The artifacts of a small story B: scenes, a judged detector, its archive, and boxes that clarify really explained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.clarify import summary
from components.clarify.config import AnalysisConfig
from components.clarify.explaining import Explainer
from components.clarify.folder import Folder
from components.clarify.looking import look
from components.clarify.predictors import Spent
from components.clarify.sources import pictures
from components.data.scenes.dataset import ScenesWriter, Thing, read
from components.fine_tune.detector import evaluation, matching
from components.images import Pixels, Preprocessing, encode_png
from components.package.archive import pack
from components.package.description import ModelDescription

LABELS = ("Stop", "Yield", "Priority road")
SIDE = 40
BOXES = ((4, 4, 16, 16), (24, 4, 36, 16), (4, 24, 16, 36))
"""Where an object of each class lies, if there is one: x1, y1, x2, y2 in pixels."""

TEST = ((0,), (1,), (0, 1), (2,), (0, 1, 2), (), (0, 2), (1,), (1, 2), (0,))
"""The classes of the objects in each test picture."""

CONFIG = {
    "probability_threshold": 0.5,
    "predictor": {"content_type": "application/x-npy"},
    "methods": {"shap": {"seed": 3, "image_config": {"model_type": "OBJECT_DETECTION", "num_segments": 9}}},
}


class Redness:
    """A detector that finds an object where its place is red, as sure as it is red."""

    def __init__(self, source: str) -> None:
        self.source, self.spent = source, Spent()

    def prepare(self, image: Pixels) -> Pixels:
        return image

    def room(self, size: int) -> int:
        return 64

    def answers(self, batches: Iterable[Pixels]) -> Iterator[NDArray[np.float32]]:
        for batch in batches:
            rows = np.full((len(batch), len(BOXES), 6), -1, np.float32)
            for i, (x1, y1, x2, y2) in enumerate(BOXES):
                red = batch[:, y1:y2, x1:x2].astype(np.float64)
                score = np.clip(red[..., 0] - red[..., 2], 0, 255).mean(axis=(1, 2)) / 255
                found = score > 0.05
                rows[found, i] = [i, 0, x1 / SIDE, y1 / SIDE, x2 / SIDE, y2 / SIDE]
                rows[found, i, 1] = score[found]
            self.spent.predictions += len(batch)
            yield rows

    def names(self, image: Pixels) -> dict[int, str]:
        return dict(enumerate(LABELS))

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Detection:
    """Where the artifacts lie, by the names of the stage's inputs."""

    scenes: Path
    model: Path
    training: Path
    curves: Path
    archive: Path
    clarify: Path

    def paths(self) -> dict[str, Path | None]:
        return dict(vars(self))


def scene(classes: tuple[int, ...], seed: int) -> Pixels:
    pixels = np.random.default_rng(seed).integers(90, 110, (SIDE, SIDE, 3)).astype(np.uint8)
    for class_id in classes:
        x1, y1, x2, y2 = BOXES[class_id]
        pixels[y1:y2, x1:x2] = (240 - 10 * (seed % 7), 20, 30)
    return pixels


def write_scenes(folder: Path, labels: tuple[str, ...], name: str, seed: int) -> Path:
    with ScenesWriter(folder, name=name, source="drawn", labels=labels, seed=5) as writer:
        for split, many in (("train", TEST * 2), ("validation", TEST[:4]), ("test", TEST)):
            for number, classes in enumerate(many):
                data = encode_png(scene(classes, number + 100 * len(many) + 1000 * seed))
                things = [Thing(class_id, BOXES[class_id]) for class_id in classes]
                writer.add(data, split=split, number=number, size=(SIDE, SIDE), objects=things)
    return folder


def write_model(folder: Path, digest: str, labels: tuple[str, ...], judged: evaluation.Evaluation) -> Path:
    folder.mkdir()
    (folder / "model-0000.params").write_bytes(b"weights")  # the report never opens them
    (folder / "model-symbol.json").write_text("{}")
    figures = {"map50": judged.area, "map50_voc07": judged.voc07, "map": judged.coco}
    ModelDescription(
        name="sign-detector",
        task="detection",
        framework="mxnet",
        architecture="yolo3_small",
        weights="model-0000.params",
        labels=labels,
        preprocessing=Preprocessing(SIDE, SIDE),
        versions={"mxnet": "1.9.1"},
        data={"name": "squares", "digest": digest},
        training={
            "recipe": {"epochs": 3},
            "loss": [20.0, 9.5, 7.25],
            "validation_map50": [0.25, 0.75, 0.5],
            "test": {"pictures": judged.pictures, **{name: estimate(one) for name, one in figures.items()}},
        },
    ).write(folder)
    return folder


def detections(seed: int = 0) -> list[matching.Detections]:
    """What a detector finds in the test pictures: most of it, some with low scores, and some that is not there."""
    rng, found = np.random.default_rng(seed), []
    for classes in TEST:
        rows = [
            (c, rng.uniform(0.4, 1.0), np.array(BOXES[c]) + rng.uniform(-1, 1, 4))
            for c in classes
            if rng.random() < 0.9
        ]
        rows += [(int(rng.integers(3)), rng.uniform(0.05, 0.6), np.array([18.0, 18.0, 34.0, 38.0]))]
        ids, scores, boxes = zip(*rows, strict=True)
        kinds = np.array(ids, np.int32), np.array(scores, np.float32), np.array(boxes, np.float32)
        found.append(matching.Detections(*kinds))
    return found


def estimate(one: Any) -> dict[str, float | None]:
    return {key: round(value, 6) if np.isfinite(value) else None for key, value in one._asdict().items()}


def curves(labels: tuple[str, ...], judged: evaluation.Evaluation) -> dict[str, Any]:
    return {
        "format": 1,
        "task": "detection",
        "labels": list(labels),
        "pictures": judged.pictures,
        "iou": 0.5,
        "resamples": judged.resamples,
        "map50": estimate(judged.area),
        "map50_voc07": estimate(judged.voc07),
        "map": estimate(judged.coco),
        "classes": [
            {
                "class_id": class_id,
                "label": labels[class_id],
                "objects": one.objects,
                "ap50": estimate(one.area),
                "ap50_voc07": estimate(one.voc07),
                "ap": estimate(one.coco),
                **{
                    name: [round(float(v), 6) for v in getattr(one, name)] for name in ("recall", "precision", "scores")
                },
            }
            for class_id, one in enumerate(judged.classes)
        ],
    }


def metrics(judged: evaluation.Evaluation) -> dict[str, float | int]:
    shown: dict[str, float | int] = {}
    for name, one in (("map50", judged.area), ("map50_voc07", judged.voc07), ("map", judged.coco)):
        shown |= {name: round(one.value, 5), f"{name}_low": round(one.low, 5), f"{name}_high": round(one.high, 5)}
    objects = sum(one.objects for one in judged.classes)
    return {
        **shown,
        "ap50_stop": 0.5,
        "test_images": judged.pictures,
        "test_objects": objects,
        "loss": 7.25,
        "epochs": 3,
    }


def clarify(scenes: Path, to: Path, source: str, count: int = 6) -> Path:
    """Explains test pictures, as the stage does once it has a predictor."""
    config, predictor = AnalysisConfig.from_json(CONFIG), Redness(source)
    found = pictures(scenes, "test")
    explainer, labels = Explainer(predictor, config, "blur"), dict(enumerate(found.labels))
    to.mkdir()
    folder = Folder(to, True, config.probability_threshold, labels)
    for one in found.found[:count]:
        image, objects = one.open()
        assert objects is not None
        truth = objects.truth({label: i for i, label in labels.items()})
        looked = look(image, predictor, config, truth)
        folder.add(one.name, folder.name(one.name), explainer.explain(looked))
    folder.finish(
        {
            "config": config.to_json(),
            "model": source,
            "detection": True,
            "baseline": "blur",
            "labels": {str(i): label for i, label in labels.items()},
            "skipped": [],
            "summary": summary.summarise(folder.images, 0, predictor.spent, 1.5),
        }
    )
    return to


def make_detection(root: Path, labels: tuple[str, ...] = LABELS, name: str = "squares", seed: int = 0) -> Detection:
    scenes = write_scenes(root / "scenes", labels, name, seed)
    found = read(scenes)
    split = found.split("test")
    judged = evaluation.evaluate([split.objects(i) for i in range(len(split))], detections(), len(labels), 0, 50)
    model = write_model(root / "model", found.digest, labels, judged)
    digest = pack(model, root / "model.tar.gz").digest
    (root / "metrics.json").write_text(json.dumps(metrics(judged)))
    (root / "curves.json").write_text(json.dumps(curves(labels, judged)))
    explained = clarify(scenes, root / "clarify", digest)
    return Detection(scenes, model, root / "metrics.json", root / "curves.json", root / "model.tar.gz", explained)


def changed(source: Path, to: Path, change: Callable[[Any], Any]) -> Path:
    """A copy of a JSON file, or of a results folder, in which the JSON is another."""
    place = to
    if source.is_dir():
        shutil.copytree(source, to)
        place, source = to / "analysis.json", source / "analysis.json"
    content = json.loads(source.read_text())
    content = change(content) or content
    place.write_text(json.dumps(content))
    return to
