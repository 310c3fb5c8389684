"""The stage as the program it is: a scenes folder in; a model folder, metrics, curves and a page out."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from detector_program import OUTPUTS, run

from components.data.scenes.dataset import read
from components.images import Preprocessing, decode
from components.package.archive import Package, check_model, pack
from components.package.description import ModelDescription

pytestmark = pytest.mark.filterwarnings("ignore")  # MXNet is retired: no one will mend its deprecations


@pytest.fixture(scope="module")
def first(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first")
    artifacts = {name: {"artifacts": [{"name": name, "uri": str(out / name)}]} for name in OUTPUTS}
    executor_input = {"outputs": {"artifacts": artifacts, "outputFile": str(out / "executor_output.json")}}
    done = run(shapes, out, "--seed=7", "--patience=16", "--executor-input", json.dumps(executor_input))
    assert done.returncode == 0, done.stderr
    assert "mAP50" in done.stderr
    assert "Warning" not in done.stderr
    return out


def metrics(out: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((out / "metrics").read_text())
    return found


@pytest.mark.slow
def test_it_learns_far_more_than_an_untrained_network_knows(first: Path, shapes: Path, tmp_path: Path) -> None:
    assert run(shapes, tmp_path, "--epochs=1", "--learning-rate=1e-7").returncode == 0
    assert metrics(tmp_path)["map50"] < 0.1
    assert metrics(first)["map50"] > 0.6


def test_every_figure_has_its_interval_and_sample_size(first: Path, shapes: Path) -> None:
    found, test = metrics(first), read(shapes).split("test")
    for rule in ("map50", "map50_voc07", "map"):
        assert 0 <= found[f"{rule}_low"] <= found[f"{rule}_high"] <= 1
    assert found["map"] < found["map50"]
    assert found["test_images"] == len(test)
    assert found["test_objects"] == sum(len(test.objects(i)) for i in range(len(test)))
    assert found["map50"] == pytest.approx((found["ap50_disc"] + found["ap50_square"]) / 2, abs=1e-4)


def test_the_curves_are_those_of_the_metrics(first: Path) -> None:
    curves = json.loads((first / "curves").read_text())
    assert curves["map50"]["value"] == pytest.approx(metrics(first)["map50"], abs=1e-4)
    for one in curves["classes"]:
        recall, precision = np.array(one["recall"]), np.array(one["precision"])
        assert (np.diff(recall) >= 0).all()
        assert (np.diff(one["scores"]) <= 0).all()
        best = np.maximum.accumulate(precision[::-1])[::-1]
        assert np.sum(np.diff(recall, prepend=0) * best) == pytest.approx(one["ap50"]["value"], abs=1e-4)


def test_the_kfp_ui_is_given_the_metrics_and_the_page_holds_curves_and_pictures(first: Path) -> None:
    listed = json.loads((first / "executor_output.json").read_text())["artifacts"]
    assert listed["metrics"]["artifacts"][0]["metadata"]["map50"] == metrics(first)["map50"]
    assert listed["model"]["artifacts"][0]["metadata"]["framework"] == "mxnet"
    page = (first / "report").read_text()
    assert page.count("data:image/jpeg") == 8
    assert page.count("precision over recall") == 2


def test_the_folder_packs_and_says_all_that_serving_and_tracing_need(first: Path, shapes: Path, tmp_path: Path) -> None:
    pack(first / "model", tmp_path / "model.tar.gz")
    description = check_model(Package(tmp_path / "model.tar.gz"))
    assert description == ModelDescription.read(first / "model")
    assert (description.task, description.framework) == ("detection", "mxnet")
    assert description.labels == ("disc", "square")
    assert description.preprocessing == Preprocessing(64, 64)
    assert description.data["digest"] == read(shapes).digest
    assert {"mxnet", "gluoncv", "numpy", "python", "roadworthy"} <= set(description.versions)
    assert description.training["recipe"]["seed"] == 7
    assert sorted(p.name for p in (first / "model").iterdir()) == [
        "model-0000.params",
        "model-symbol.json",
        "model.json",
    ]


def test_the_exported_network_gives_the_precision_that_is_claimed(first: Path, shapes: Path) -> None:
    from components.fine_tune.detector.answering import find
    from components.fine_tune.detector.evaluation import evaluate
    from components.fine_tune.detector.framework import mx

    files = (str(first / "model/model-symbol.json"), ["data"], str(first / "model/model-0000.params"))
    network = mx.gluon.SymbolBlock.imports(*files)
    test = read(shapes).split("test")
    pixels = np.stack([decode(test.read_bytes(i)) for i in range(len(test))])
    truths = [test.objects(i) for i in range(len(test))]
    judged = evaluate(truths, find(network, pixels, Preprocessing(64, 64), mx.cpu()), 2, seed=7)
    assert round(judged.area.value, 5) == metrics(first)["map50"]
    assert round(judged.area.low, 5) == metrics(first)["map50_low"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--side=100"], "--side: expected a multiple of 32, found 100"),
        (["--epochs=0"], "--epochs: expected 1 or more where there are no pretrained weights, found 0"),
        (["--pretrained-digest=sha256:00"], "--pretrained-digest: expected none without --pretrained"),
        (["--architecture=resnet18"], "expected the architecture yolo3_small or one of yolo3_"),
        (["--learning-rate=1"], "expected finite losses"),
    ],
    ids=["side", "epochs", "digest", "architecture", "rate"],
)
def test_what_cannot_work_is_refused_in_one_line_and_leaves_nothing(
    shapes: Path, tmp_path: Path, more: list[str], told: str
) -> None:
    done = run(shapes, tmp_path, *more)
    assert done.returncode == 1
    assert told in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_an_early_stop_keeps_the_best_epoch(shapes: Path, tmp_path: Path) -> None:
    done = run(shapes, tmp_path, "--patience=1", "--epochs=50", "--learning-rate=1e-6")
    assert done.returncode == 0, done.stderr
    training = ModelDescription.read(tmp_path / "model").training
    assert len(training["loss"]) < 50
    assert training["validation_map50"][training["best_epoch"]] == max(training["validation_map50"])
    assert all(math.isfinite(loss) for loss in training["loss"])
