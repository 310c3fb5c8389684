"""The results folder: pictures, arrays, and ``analysis.json``; README.md describes it.

The names of the pictures are those of Clarify's jobs; that the numbers behind them are kept is not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.clarify import drawing
from components.clarify.drawing import Boxed, Ground
from components.clarify.explaining import Explanation, Target
from components.clarify.names import Names, plain
from components.clarify.objects import Detections

ANALYSIS = "analysis.json"
ARRAYS = "arrays"
FORMAT = 1

_MOST = 100  # detections of a picture that are listed

Values = dict[str, Any]


class Folder:
    """Fills an empty folder.

    Args:
        path: The folder.
        detection: Whether boxes were explained, or classes.
        threshold: Detections below it are not listed.
        labels: By class; one that is not in it is called by its number.
        arrays: Whether values are written as arrays too.
    """

    def __init__(
        self, path: Path, detection: bool, threshold: float, labels: Mapping[int, str], arrays: bool = True
    ) -> None:
        self.path, self._detection, self._threshold, self._labels = path, detection, threshold, labels
        self._arrays = arrays
        self.images: list[Values] = []
        self._images, self._files = Names(), Names(longest=180)
        (path / ARRAYS).mkdir()

    def name(self, picture: str) -> str:
        """Returns a name of its own for the files of a picture."""
        return self._images.of(picture)

    def add(self, picture: str, file: str, explanation: Explanation) -> Values:
        """Writes one picture's files; returns what ``analysis.json`` will say of it.

        Args:
            picture: What it is called.
            file: The ``name`` of its files.
            explanation: Of it.
        """
        looked = explanation.looked
        ground = Ground(looked.shown, looked.segments.map)
        segments = f"{ARRAYS}/{self._files.of(f'{file}_segments')}.npy"
        np.save(self.path / segments, looked.segments.map, allow_pickle=False)
        told = {
            "name": picture,
            "width": looked.size[0],
            "height": looked.size[1],
            "asked_width": looked.asked.shape[1],
            "asked_height": looked.asked.shape[0],
            "segments": looked.segments.count,
            "segment_compactness": looked.segments.compactness,
            "segments_file": segments,
            "objects_file": self._objects(file, explanation, ground) if self._detection else None,
            "truth_known": looked.truth is not None,
            "dropped_rows": dict(sorted(looked.dropped.items())),
            "predictions": explanation.predictions,
            "detections": self._listed(looked.found),
            "boxes": [self._box(file, target, ground) for target in explanation.targets],
        }
        self.images.append(told)
        return told

    def finish(self, told: Mapping[str, Any]) -> None:
        """Writes ``analysis.json``: what is told of the whole, and of each picture."""
        whole = {"format": FORMAT, **told, "images": self.images}
        text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
        (self.path / ANALYSIS).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")

    def label(self, class_index: int) -> str:
        """Returns what a class is called."""
        return self._labels.get(class_index, f"class {class_index}")

    def _objects(self, file: str, explanation: Explanation, ground: Ground) -> str:
        name = f"{self._files.of(f'{file}_objects')}.jpeg"
        shown = explanation.looked.found.best(self._threshold, _MOST)
        numbers = {tuple(target.box): f"{target.number} " for target in explanation.targets}
        boxes = [
            Boxed(box, f"{numbers.get(tuple(box), '')}{self.label(int(c))} {score:.2f}", int(c), tuple(box) in numbers)
            for c, score, box in zip(*shown, strict=True)
        ]
        (self.path / name).write_bytes(drawing.objects(ground, boxes))
        return name

    def _box(self, file: str, target: Target, ground: Ground) -> Values:
        label = self.label(target.class_index)
        what = f"box{target.number}" if self._detection else plain(label)
        name = f"{self._files.of(f'shap_{file}_{what}')}.jpeg"
        array = f"{ARRAYS}/{self._files.of(f'{file}_{what}_shap')}.npy"
        picture = drawing.heat_map(
            ground,
            target.values,
            target.box if self._detection else None,
            f"{target.number} {label} {target.score:.2f}",
            f"{target.full:.3f} with all segments, {target.base:.3f} with none",
        )
        (self.path / name).write_bytes(picture)
        if self._arrays:
            np.save(self.path / array, target.values, allow_pickle=False)
        found, on = target.estimate, target.on_object
        return {
            "k": target.number,
            "class": target.class_index,
            "label": label,
            "score": target.score,
            "box": target.box.tolist() if self._detection else None,
            "true_box": None if target.truth is None else target.truth.tolist(),
            "base_value": target.base,
            "full_value": target.full,
            "values": target.values.tolist(),
            "standard_errors": target.standard_errors.tolist(),
            "players": target.players.tolist(),
            "efficiency_residual": target.residual,
            "samples": found.samples,
            "exact": found.exact,
            "freedom": found.freedom if math.isfinite(found.freedom) else None,
            "seed": found.seed,
            "top_on_object": None if on is None else on.top,
            "strongest_on_object": None if on is None else on.share,
            "on_object_by_chance": None if on is None else on.chance,
            "heat_map": name,
            "array": array if self._arrays else None,
        }

    def _listed(self, found: Detections) -> list[Values]:
        shown = found.best(self._threshold, _MOST) if self._detection else found.best(0.0, 5)
        return [
            {
                "class": int(class_index),
                "label": self.label(int(class_index)),
                "score": float(score),
                "box": box.tolist() if self._detection else None,
            }
            for class_index, score, box in zip(*shown, strict=True)
        ]


def read(folder: Path) -> Values:
    """Returns what ``analysis.json`` in a results folder says."""
    found: Values = json.loads((folder / ANALYSIS).read_text(encoding="utf-8"))
    return found


def values(folder: Path, box: Mapping[str, Any]) -> NDArray[np.float64]:
    """Returns the φ of one of its boxes ``(segments,)`` from its array."""
    return np.load(folder / box["array"], allow_pickle=False)
