"""The artifacts of a small monitored attack, by the monitor's program and the owners of the formats."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from report_artifacts import LABELS, Run

from components.data import attacked
from components.data.attacked import Attacked
from components.data.dataset import DatasetWriter, read
from components.images import encode_png
from components.intervals import wilson
from components.package.archive import Package
from components.report.changes import change
from tests.monitor.records import HOUR, NOON, check, line, make_baseline, png, put

IMAGES, SIDE, TARGET = 60, 40, 0
EXPLAINED = 15


@dataclass(frozen=True)
class Story:
    """Where the artifacts of a monitored attack lie, by the names of the stage's inputs."""

    baseline: Path
    monitor_clean: Path
    monitor_attacked: Path
    adversarial: Path
    attack_metrics: Path
    explanations: Path

    def paths(self) -> dict[str, Path | None]:
        return dict(vars(self))


def answer(class_id: int, score: float, labels: tuple[str, ...] = LABELS) -> bytes:
    return json.dumps({"predictions": [{"class": class_id, "label": labels[class_id], "score": score}]}).encode()


def usual(seed: int, count: int) -> list[bytes]:
    random = np.random.default_rng(seed)
    scores = 1 - random.beta(0.6, 12, count)
    return [
        line(f"{seed}-{i}", answer(i % 3, float(score)), png(1000 * seed + i), inference_id=f"images/{seed}/{i}.png")
        for i, score in enumerate(scores)
    ]


def write_attack(folder: Path, source: str, labels: tuple[str, ...] = LABELS, after: float = 0.4) -> list[Attacked]:
    random = np.random.default_rng(5)
    about: dict[str, Any] = {"source": source, "labels": labels, "seed": 0}
    place: dict[str, Any] = {"split": "test", "size": (SIDE, SIDE), "box": (4, 4, 36, 36)}
    rows = []
    with (
        DatasetWriter(folder, name="signs-attacked", **about) as images,
        DatasetWriter(folder / attacked.ORIGINALS, name="signs-originals", **about) as originals,
    ):
        for i in range(IMAGES):
            before = random.integers(8, 248, (SIDE, SIDE, 3), np.uint8)
            moved = (before.astype(np.int16) + random.integers(-6, 7, before.shape)).astype(np.uint8)
            class_id = 1 + i % (len(labels) - 1)
            images.add(encode_png(moved), class_id=class_id, track=i, frame=0, **place)
            originals.add(encode_png(before), class_id=class_id, track=i, frame=0, **place)
            moves = (moved.astype(float) - before) / 255
            score, wanted = 0.9 + i / 1000, min(0.99, after + i / 1000)
            rows.append(
                Attacked(
                    *(f"images/{class_id:05d}/{i:05d}_00000.png", f"images/{i}", class_id, TARGET, class_id, score),
                    *(TARGET if i else class_id, wanted, float(np.sqrt((moves**2).sum())), float(np.abs(moves).max())),
                    *(12, i > 0, False),
                )
            )
    skipped = Attacked("", "images/skipped", TARGET, TARGET, TARGET, 0.99, TARGET, 0.99, 0.0, 0.0, 0, False, True)
    attacked.write([*rows, skipped], folder)
    (folder / attacked.ROBUSTNESS).write_text(json.dumps(robustness()))
    return rows


def robustness() -> dict[str, Any]:
    points = []
    for epsilon, right in ((0, 48), (1, 47), (2, 40), (4, 21), (8, 3), (16, 0)):
        low, high = wilson(right, 50)
        points.append(
            {"epsilon": epsilon, "images": 50, "right": right, "accuracy": right / 50, "low": low, "high": high}
        )
    return {"attack": "pgd", "norm": "linf", "steps": 20, "unit": "1/255", "points": points}


def write_metrics(path: Path, rows: list[Attacked]) -> None:
    done = [row for row in rows if row.success]
    found = change([row.score_before for row in done], [row.score_after for row in done])
    assert found is not None
    told = {"images": len(rows), "succeeded": len(done), "success_rate": len(done) / len(rows), "skipped": 1}
    path.write_text(json.dumps(told | {"confidence_clean": found.before, "confidence_attacked": found.after}))


EXPLAINED_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("inference_id", pa.string()),
        ("violations", pa.string()),
        ("class", pa.int64()),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("recomputed_score", pa.float64()),
        ("same", pa.bool_()),
        *((name, pa.float64()) for name in ("logit", "residual", "outside_share")),
        ("alert", pa.bool_()),
        ("original_class", pa.int64()),
        ("original_label", pa.string()),
        *((f"original_{name}", pa.float64()) for name in ("score", "logit", "residual", "outside_share")),
        ("original_alert", pa.bool_()),
        *((name, pa.string()) for name in ("image", "overlay", "original_image", "original_overlay")),
    ]
)


def explained(i: int, event_id: str, path: str, score: float, label: str = LABELS[TARGET]) -> dict[str, Any]:
    """One row of an index of explanations."""
    return {
        **{"event_id": event_id, "inference_id": path, "violations": "low_confidence, over_predicted_class"},
        **{"class": TARGET, "label": label, "score": score, "recomputed_score": score + 1e-6, "same": True},
        **{"logit": 3.0, "residual": 2e-7, "outside_share": 0.40 + i / 100, "alert": i % 2 == 0},
        **{"original_class": 1, "original_label": LABELS[1], "original_score": 0.93, "original_logit": 8.0},
        **{"original_residual": 1e-7, "original_outside_share": 0.30 + i / 99, "original_alert": False},
        **{"image": f"images/{i}.png", "overlay": f"overlays/{i}.png"},
        **{"original_image": f"originals/{i}.png", "original_overlay": f"overlays/{i}-original.png"},
    }


def write_explanations(folder: Path, rows: list[dict[str, Any]], **summary: Any) -> None:
    for name in ("images", "originals", "overlays"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(9)
    for row in rows:
        for what in ("image", "overlay", "original_image", "original_overlay"):
            if row[what] is not None:
                pixels = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
                (folder / row[what]).write_bytes(encode_png(pixels))
    pq.write_table(pa.Table.from_pylist(rows, EXPLAINED_SCHEMA), folder / "index.parquet")
    paired = [row for row in rows if row["original_outside_share"] is not None]
    moved = [row["outside_share"] - row["original_outside_share"] for row in paired]
    told = {"outside_share": {"change": {"mean": float(np.mean(moved))}}} if moved else {}
    (folder / "summary.json").write_text(json.dumps({"tolerance": 1e-4, **told, **summary}))


def make_story(root: Path, run: Run) -> Story:
    window = ("--start", HOUR[0], "--end", HOUR[1])
    rows = write_attack(root / "adversarial", f"attack on signs {read(run.dataset).digest}")
    write_metrics(root / "attack.json", rows)
    images = {path: (root / "adversarial" / path).read_bytes() for path in (row.path for row in rows)}
    sent = [
        line(f"attacked-{i}", answer(r.predicted_after, r.score_after), images[r.path], inference_id=r.path)
        for i, r in enumerate(rows)
    ]
    put(root / "before", usual(1, 150))
    put(root / "clean", [*usual(2, 120), line("outside", answer(1, 0.9), seconds=NOON - 7200)])
    put(root / "attacked", sent)
    baseline = make_baseline(root, root / "before", *window)
    for name in ("clean", "attacked"):
        done = check(root / f"check-{name}", root / name, baseline, *window)
        assert done.returncode == 0, done.stderr
    told = [explained(i, f"attacked-{i}", rows[i].path, rows[i].score_after) for i in range(1, 1 + EXPLAINED)]
    digests = {"model": Package(run.archive).digest, "data": read(root / "adversarial").digest}
    write_explanations(root / "explanations", told, **digests)
    return Story(
        baseline,
        root / "check-clean" / "results",
        root / "check-attacked" / "results",
        root / "adversarial",
        root / "attack.json",
        root / "explanations",
    )
