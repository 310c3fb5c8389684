"""The stage as the program it is: a dataset folder in; a model folder, metrics and confusion matrix out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from components.fine_tune.network import classifier
from components.images import Preprocessing
from components.package.description import ModelDescription

ROOT = Path(__file__).resolve().parents[2]


def run(dataset: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    paths = [f"--{name}={out / name}" for name in ("model", "metrics", "confusion")]
    small = ["--side=32", "--batch-size=12", "--epochs=10", "--patience=10", "--learning-rate=0.02", "--name=shapes"]
    command = [sys.executable, "-m", "components.fine_tune", f"--dataset={dataset}", *paths, *small, *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def first(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first")
    artifacts = {n: {"artifacts": [{"name": n, "uri": str(out / n)}]} for n in ("model", "metrics", "confusion")}
    executor_input = {"outputs": {"artifacts": artifacts, "outputFile": str(out / "executor_output.json")}}
    done = run(shapes, out, "--seed=7", "--executor-input", json.dumps(executor_input))
    assert done.returncode == 0, done.stderr
    return out


def test_it_learns_and_says_how_well(first: Path) -> None:
    metrics = json.loads((first / "metrics").read_text())
    assert metrics["test_accuracy"] >= 0.75
    assert metrics["test_accuracy_low"] < metrics["test_accuracy"] <= metrics["test_accuracy_high"]
    assert metrics["test_images"] == 12


def test_the_confusion_matrix_counts_the_test_split(first: Path) -> None:
    confusion = json.loads((first / "confusion").read_text())
    metrics = json.loads((first / "metrics").read_text())
    matrix = np.array(confusion["matrix"])
    assert confusion["labels"] == ["disc", "square", "cross"]
    assert matrix.sum(1).tolist() == [4, 4, 4]
    assert np.trace(matrix) / matrix.sum() == pytest.approx(metrics["test_accuracy"], abs=1e-5)


def test_the_kfp_ui_is_given_metrics_and_confusion_matrix(first: Path) -> None:
    listed = json.loads((first / "executor_output.json").read_text())["artifacts"]
    metadata = {name: entry["artifacts"][0]["metadata"] for name, entry in listed.items()}
    assert metadata["model"]["framework"] == "torch"
    assert metadata["metrics"]["test_images"] == 12
    assert len(metadata["confusion"]["confusionMatrix"]["rows"]) == 3


def test_the_description_says_all_that_serving_and_tracing_need(first: Path, shapes: Path) -> None:
    description = ModelDescription.read(first / "model")
    assert description.labels == ("disc", "square", "cross")
    assert description.preprocessing == Preprocessing(32, 32)
    assert description.data["digest"] == json.loads((shapes / "dataset.json").read_text())["digest"]
    assert {"torch", "torchvision", "numpy", "python", "roadworthy"} <= set(description.versions)
    assert description.training["recipe"]["seed"] == 7


def test_the_weights_give_the_accuracy_that_is_claimed(first: Path, shapes: Path) -> None:
    from components.data.dataset import read
    from components.fine_tune import evaluation, pictures

    network = classifier(3)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in load_file(first / "model/model.safetensors").items()})
    judged = evaluation.evaluate(
        network, pictures.load(read(shapes), "test", Preprocessing(32, 32)), Preprocessing(32, 32)
    )
    assert judged.confusion.tolist() == json.loads((first / "confusion").read_text())["matrix"]


@pytest.mark.slow
def test_one_seed_gives_the_same_bytes_and_another_seed_others(shapes: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        assert run(shapes, tmp_path / name, f"--seed={seed}", "--epochs=2").returncode == 0
    one, again, other = (tmp_path / name / "model" for name in ("one", "again", "other"))
    for name in ("model.safetensors", "model.json"):
        assert (one / name).read_bytes() == (again / name).read_bytes()
    assert (one / "model.safetensors").read_bytes() != (other / "model.safetensors").read_bytes()


def test_pretrained_weights_are_taken_but_for_a_last_layer_of_another_size(
    first: Path, shapes: Path, tmp_path: Path
) -> None:
    weights = load_file(first / "model/model.safetensors")
    given = classifier(3, (first / "model/model.safetensors").read_bytes()).state_dict()
    assert all(np.array_equal(given[name].numpy(), value) for name, value in weights.items())
    other = classifier(5, (first / "model/model.safetensors").read_bytes()).state_dict()
    assert other["fc.weight"].shape == (5, 512)
    assert np.array_equal(other["conv1.weight"].numpy(), weights["conv1.weight"])
    done = run(
        shapes, tmp_path, "--epochs=1", "--learning-rate=0.002", f"--pretrained={first / 'model/model.safetensors'}"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "metrics").read_text())["test_accuracy"] >= 0.75


def test_weights_of_another_network_are_refused_in_one_line(shapes: Path, tmp_path: Path) -> None:
    save_file({"dense.weight": np.ones((2, 2), np.float32)}, tmp_path / "other.safetensors")
    done = run(shapes, tmp_path / "out", f"--pretrained={tmp_path / 'other.safetensors'}")
    assert done.returncode == 1
    assert "expected the tensors of a ResNet18" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "out").glob("*"))


def test_a_pickle_is_refused_before_it_is_opened(shapes: Path, tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "resnet18.pth")
    done = run(shapes, tmp_path / "out", f"--pretrained={tmp_path / 'resnet18.pth'}")
    assert done.returncode == 1
    assert "expected weights as safetensors" in done.stderr.splitlines()[-1]


def test_a_folder_that_is_no_dataset_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path / "out")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "expected" in done.stderr
