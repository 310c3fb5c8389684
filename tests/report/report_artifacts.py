"""The artifacts of one small run: written by the owners of their formats, never by hand."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from components.capture import dataset as captured
from components.capture.record import Exchange
from components.data.dataset import DatasetWriter, read
from components.images import Preprocessing
from components.package.archive import pack
from components.package.description import ModelDescription

LABELS = ("Stop", "Yield", "No entry")
MATRIX = [[3, 1, 0], [0, 4, 0], [0, 2, 2]]
METRICS = {
    "test_accuracy": 0.75,
    "test_accuracy_low": 0.46769,
    "test_accuracy_high": 0.91106,
    "test_images": 12,
    "test_loss": 0.4321,
    "worst_class_recall": 0.5,
    "epochs": 4,
    "seconds": 12.5,
}
TRAFFIC = {
    "accuracy": 0.75,
    "images": 12,
    "right": 9,
    "requests": 13,
    "retries": 1,
    "latency_p50_seconds": 0.0042,
    "latency_p99_seconds": 0.0171,
    "images_per_second": 812.5,
}


@dataclass(frozen=True)
class Run:
    """Where the artifacts of a run lie, by the names of the stage's inputs."""

    dataset: Path
    model: Path
    training: Path
    confusion: Path
    archive: Path
    traffic: Path
    captured: Path

    def paths(self) -> dict[str, Path | None]:
        return dict(vars(self))


def picture(seed: int, kind: str = "PNG", side: int = 40) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def write_dataset(folder: Path, labels: tuple[str, ...] = LABELS) -> None:
    with DatasetWriter(folder, name="signs", source="rendered", labels=labels, seed=7) as writer:
        for class_id in range(len(labels)):
            for track, split in enumerate(("train", "train", "validation", "test", "test")):
                for frame in range(2):
                    writer.add(
                        picture(100 * class_id + 10 * track + frame),
                        class_id=class_id,
                        track=track,
                        frame=frame,
                        split=split,
                        size=(40, 40),
                        box=(4, 4, 36, 36),
                    )


def write_model(folder: Path, digest: str, labels: tuple[str, ...] = LABELS) -> None:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")  # the report never opens them
    ModelDescription(
        name="traffic-signs",
        task="classification",
        framework="torch",
        architecture="resnet18",
        weights="model.safetensors",
        labels=labels,
        preprocessing=Preprocessing(96, 96),
        versions={"torch": "2.9.0"},
        data={"name": "signs", "digest": "sha256:" + digest.removeprefix("sha256:")},
        training={
            "recipe": {"epochs": 4, "learning_rate": 0.1},
            "loss": [2.5, 1.25, 0.75, 0.5],
            "validation_accuracy": [0.25, 0.5, 1.0, 0.75],
        },
    ).write(folder)


def write_records(folder: Path, exchanges: list[Exchange]) -> None:
    folder.mkdir()
    captured.write(folder, exchanges, images=256)


def exchange(i: int, label: str = "Stop", event_id: str | None = None, score: float = 0.5) -> Exchange:
    answer = {"predictions": [{"class": i % 3, "label": label, "score": score}]}
    return Exchange(
        event_id=f"event-{i}" if event_id is None else event_id,
        time=1_790_000_000.0 + i,
        request=picture(i, "JPEG"),
        request_type="image/jpeg",
        response=json.dumps(answer).encode(),
        response_type="application/json",
    )


def make_run(root: Path) -> Run:
    write_dataset(root / "dataset")
    write_model(root / "model", read(root / "dataset").digest)
    pack(root / "model", root / "model.tar.gz")
    write_records(root / "captured", [exchange(i, LABELS[i % 3], score=i / 30) for i in range(30)])
    (root / "training.json").write_text(json.dumps(METRICS))
    (root / "confusion.json").write_text(json.dumps({"labels": LABELS, "matrix": MATRIX}))
    (root / "traffic.json").write_text(json.dumps(TRAFFIC))
    return Run(
        dataset=root / "dataset",
        model=root / "model",
        training=root / "training.json",
        confusion=root / "confusion.json",
        archive=root / "model.tar.gz",
        traffic=root / "traffic.json",
        captured=root / "captured",
    )
