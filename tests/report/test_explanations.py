"""What ``fullgrad`` writes is what the report reads; in the environment of ``fullgrad``, which has torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="expected torch, which the environment of fullgrad has")

from components.capture.predictions import Prediction
from components.data.index import Row
from components.fullgrad.explaining import Explained
from components.fullgrad.folder import Folder
from components.fullgrad.selection import Subject
from components.images import decode
from components.report import explanations

LABELS = ("Stop", "Yield")


def explained(target: int, seed: int) -> Explained:
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (8, 8, 3), np.uint8)
    saliency = random.random((8, 8), np.float32)
    return Explained(image, saliency, target, 2.5, 0.75, 1e-7, target, 0.75)


@pytest.mark.parametrize("paired", [True, False], ids=["with an original", "without"])
def test_the_folder_of_fullgrad_is_read_back(tmp_path: Path, paired: bool) -> None:
    path = tmp_path / "explanations"
    path.mkdir()
    folder = Folder(path, LABELS)
    after, before = explained(0, 1), explained(1, 2)
    box = Row("images/a.png", 1, "Yield", "00001/00001", 0, "test", 8, 8, 1, 1, 7, 7, "0" * 64)
    subject = Subject("event", "images/a.png", 1.0, 0, ("low_confidence",), after.image, Prediction(0, "Stop", 0.7))
    folder.add(subject, box, after, before if paired else None)
    folder.finish()
    (path / "summary.json").write_text('{"tolerance": 1e-4, "model": "sha256:1"}')
    found = explanations.read(path)
    (row,) = found.rows
    assert (row.event_id, row.class_index, row.label, row.score, row.same) == ("event", 0, "Stop", 0.7, True)
    assert (row.original_class, row.original_label) == ((1, "Yield") if paired else (None, None))
    assert len(found.pairs) == paired
    assert (found.tolerance, found.digest_of("model"), found.largest_residual) == (1e-4, "sha256:1", 1e-7)
    image = found.image(row, "image")
    assert image is not None
    assert np.array_equal(decode(image), after.image)
    original = found.image(row, "original_image")
    assert (original is not None) == paired
    assert original is None or np.array_equal(decode(original), before.image)
