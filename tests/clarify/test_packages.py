"""Packaged models in the process, without an endpoint, and our own server as the endpoint, with the same answer.

They run in the torch environment, with a classifier.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from toy_server import png

from components.clarify import folder
from components.clarify.__main__ import stage, work
from components.clarify.predictors import CLASSIFICATION, DETECTION, PackagePredictor
from components.errors import InputError
from components.package.archive import Package
from components.serve.client import Client

torch = pytest.importorskip("torch", reason="expected torch, found an environment without it")

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("stop", "yield", "priority road", "no entry", "bend")


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    from safetensors.torch import save
    from torchvision.models import resnet18

    from components.images import Preprocessing
    from components.package.archive import pack
    from components.package.description import ModelDescription

    made = tmp_path_factory.mktemp("trained")
    torch.manual_seed(3)
    (made / "model.safetensors").write_bytes(save(resnet18(num_classes=len(LABELS)).state_dict()))
    ModelDescription(
        name="signs",
        task="classification",
        framework="torch",
        architecture="resnet18",
        weights="model.safetensors",
        labels=LABELS,
        preprocessing=Preprocessing(32, 32),
        versions={"torch": "2"},
        data={"name": "none", "digest": "sha256:" + "0" * 64},
    ).write(made)
    path = tmp_path_factory.mktemp("packed") / "model.tar.gz"
    pack(made, path)
    return path


@contextmanager
def serving(archive: Path) -> Iterator[str]:
    """Runs our own server as a program."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--model", str(archive), "--port", str(port), "--threads", "1", "--device", "cpu")
    command = [sys.executable, "-m", "components.serve", "run", *options]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        url = f"http://127.0.0.1:{port}"
        with Client(url) as client:
            end = time.monotonic() + 60
            while not client.ready() and process.poll() is None and time.monotonic() < end:
                time.sleep(0.05)
        try:
            yield url
        finally:
            process.kill()


def explained(tmp_path, *options):
    (tmp_path / "p.png").write_bytes(png(np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)))
    outputs = [f"--{name}={tmp_path / 'out' / name}" for name in ("results", "metrics", "report")]
    asked = ("--model-type", CLASSIFICATION, "--num-segments", "6", "--max-objects", "2")
    assert stage.main(work, ["--images", str(tmp_path / "p.png"), *outputs, *asked, *options]) == 0
    return folder.read(tmp_path / "out" / "results")


def test_a_packaged_classifier_is_explained_as_its_endpoint_is(tmp_path, archive):
    packaged = explained(tmp_path, "--archive", str(archive))
    with serving(archive) as url:
        served = explained(tmp_path, "--url", url)
    one, other = packaged["images"][0]["boxes"], served["images"][0]["boxes"]
    assert len(one) == len(other)
    assert packaged["model"] == served["model"] == Package(archive).digest
    for mine, theirs in zip(one, other, strict=True):
        assert mine["label"] == theirs["label"]
        assert mine["values"] == pytest.approx(theirs["values"], abs=1e-5)
        assert mine["heat_map"] == f"shap_p_{mine['label'].replace(' ', '_')}.jpeg"
    assert packaged["images"][0]["objects_file"] is None
    assert served["summary"]["requests"] >= 2


def test_a_model_of_the_other_type_is_refused(archive):
    with pytest.raises(InputError, match="expected a model for OBJECT_DETECTION, found one that answers probabilities"):
        PackagePredictor(archive, DETECTION)


def test_batches_are_bounded_by_bytes(archive):
    predictor = PackagePredictor(archive, CLASSIFICATION, batch_bytes=10 * 3072)
    assert predictor.room(3072) == 10
    assert predictor.room(10**9) == 1
    assert predictor.names(np.zeros((4, 4, 3), np.uint8)) == dict(enumerate(LABELS))
    (found,) = predictor.answers([np.zeros((3, 32, 32, 3), np.uint8)])
    assert found.shape == (3, 5)
    predictor.close()
