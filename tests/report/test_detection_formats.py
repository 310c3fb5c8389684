"""What ``fine_tune.detector`` writes is what the report reads; in the environment of the detector, which has MXNet."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MXNet is retired: no one will mend its deprecations
    pytest.importorskip("mxnet", reason="expected MXNet, which the environment of the detector has")
    from components.fine_tune.detector import evaluation, folder, matching

from components.data.scenes.dataset import Objects
from components.fine_tune.detector.training import History
from components.report import metrics as flat
from components.report.detection import curves
from components.report.sections import detector

LABELS = ("Stop", "Give way!", "Never there")


@pytest.mark.parametrize("pictures", [3, 600], ids=["whole", "thinned"])
def test_curves_and_metrics_are_read_back(tmp_path: Path, pictures: int) -> None:
    rng = np.random.default_rng(1)
    box, none = np.array([[2, 2, 20, 20]], np.float32), np.zeros(1, bool)
    truths = [Objects(np.array([i % 2], np.int32), box, none, none) for i in range(pictures)]
    found = [
        matching.Detections(
            np.array([i % 2, 0], np.int32), rng.random(2).astype(np.float32), np.vstack([box, box + 30 * rng.random()])
        )
        for i in range(pictures)
    ]
    judged = evaluation.evaluate(truths, found, len(LABELS), 0, 20)
    folder.write_json(tmp_path / "curves.json", folder.curves(LABELS, judged))
    read = curves.read(tmp_path / "curves.json")
    assert (read.labels, read.pictures, read.objects) == (LABELS, pictures, pictures)
    assert read.classes[2].ap50 is None
    for one in read.classes[:2]:
        assert one.ap50 is not None
        if len(one.recall) < curves.POINTS:
            assert one.area == pytest.approx(one.ap50.value, abs=1e-3)
    assert max(len(one.recall) for one in read.classes) <= curves.POINTS
    told = folder.metrics(LABELS, History(), judged)
    folder.write_json(tmp_path / "metrics.json", told)
    shown = detector.figures(flat.read(tmp_path / "metrics.json", "training"))
    assert {"mAP50", "mAP", "mAP50, 11 points", "AP50, stop", "AP50, give way"} <= {figure.name for figure in shown}
