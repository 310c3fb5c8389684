"""The explanations folder: one row an explained image, and its pictures.

README.md describes the columns and files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from components.data.index import Row
from components.fullgrad import interest
from components.fullgrad.explaining import Explained
from components.fullgrad.overlay import overlay
from components.fullgrad.selection import Subject
from components.images import encode_png

INDEX = "index.parquet"
SUMMARY = "summary.json"
FOLDERS = ("maps", "images", "originals", "overlays")

Values = dict[str, Any]


class Folder:
    """Fills an empty folder.

    Args:
        path: The folder.
        labels: One a class.
    """

    def __init__(self, path: Path, labels: tuple[str, ...]) -> None:
        self.path, self.labels = path, labels
        self.rows: list[Values] = []
        for name in FOLDERS:
            (path / name).mkdir()

    def add(self, subject: Subject, row: Row | None, found: Explained, original: Explained | None) -> None:
        """Writes one image's files and keeps its row.

        Args:
            subject: The captured image.
            row: What the dataset knows of it; None for nothing.
            found: Its explanation.
            original: That of the image before an attack; None if there is none.
        """
        name = hashlib.blake2b(f"{subject.position}:{subject.event_id}".encode(errors="replace"), digest_size=12)
        answered = subject.answered
        inside = interest.region(found.saliency.shape, row)
        captured = None if answered is None else answered.score
        self.rows.append(
            {
                "event_id": subject.event_id,
                "inference_id": subject.inference_id,
                "position": subject.position,
                "time": round(subject.time * 1e6),
                "violations": ", ".join(subject.violations),
                "class": found.target,
                "label": self.labels[found.target],
                "score": found.score if captured is None else captured,
                "recomputed_class": found.predicted,
                "recomputed_score": found.predicted_score,
                "same": answered is None or answered.class_index in (None, found.predicted),
                "region": "circle" if row is None else "box",
                **self._measured(found, inside, ""),
                **self._written(name.hexdigest(), found, "images", ""),
                **self._original(name.hexdigest(), original, inside),
            }
        )

    def finish(self) -> None:
        """Writes the index."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        ordered = sorted(self.rows, key=lambda row: (row["event_id"], row["position"]))
        pq.write_table(pa.Table.from_pylist(ordered, _schema()), self.path / INDEX, compression="zstd")

    def _original(self, name: str, original: Explained | None, inside: Any) -> Values:
        if original is None:
            return {}
        return {
            "original_class": original.target,
            "original_label": self.labels[original.target],
            "original_score": original.score,
            **self._measured(original, inside, "original_"),
            **self._written(f"{name}-original", original, "originals", "original_"),
        }

    def _measured(self, found: Explained, inside: Any, prefix: str) -> Values:
        outside = interest.outside(found.saliency, inside)
        return {
            f"{prefix}logit": found.logit,
            f"{prefix}residual": found.residual,
            f"{prefix}outside_share": outside.share,
            f"{prefix}outside_highest": outside.highest,
            f"{prefix}alert": outside.alert,
        }

    def _written(self, name: str, found: Explained, images: str, prefix: str) -> Values:
        files = {"map": f"maps/{name}.npy", "image": f"{images}/{name}.png", "overlay": f"overlays/{name}.png"}
        np.save(self.path / files["map"], found.saliency.astype(np.float32), allow_pickle=False)
        (self.path / files["image"]).write_bytes(encode_png(found.image))
        (self.path / files["overlay"]).write_bytes(encode_png(overlay(found.image, found.saliency)))
        return {f"{prefix}{what}": file for what, file in files.items()}


def _schema() -> Any:
    import pyarrow as pa

    def measured(prefix: str, required: bool) -> list[Any]:
        numbers = ("logit", "residual", "outside_share", "outside_highest")
        fields = [pa.field(f"{prefix}{n}", pa.float64(), nullable=not required) for n in numbers]
        fields.append(pa.field(f"{prefix}alert", pa.bool_(), nullable=not required))
        return [*fields, *(pa.field(f"{prefix}{n}", pa.string(), nullable=not required) for n in _FILES)]

    return pa.schema(
        [
            pa.field("event_id", pa.string(), nullable=False),
            ("inference_id", pa.string()),
            pa.field("position", pa.int32(), nullable=False),
            pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("violations", pa.string(), nullable=False),
            pa.field("class", pa.int64(), nullable=False),
            pa.field("label", pa.string(), nullable=False),
            pa.field("score", pa.float64(), nullable=False),
            pa.field("recomputed_class", pa.int64(), nullable=False),
            pa.field("recomputed_score", pa.float64(), nullable=False),
            pa.field("same", pa.bool_(), nullable=False),
            pa.field("region", pa.string(), nullable=False),
            *measured("", required=True),
            ("original_class", pa.int64()),
            ("original_label", pa.string()),
            ("original_score", pa.float64()),
            *measured("original_", required=False),
        ]
    )


_FILES = ("map", "image", "overlay")
