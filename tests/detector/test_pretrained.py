"""Weights that are given: who may give them, what is kept of them, and that nothing is ever fetched."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from components.data.scenes.dataset import ScenesWriter, Thing, read
from components.errors import DigestError, InputError, WeightsError
from components.images import encode_png

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("mxnet", reason="expected the detector's environment, found another image's")
from components.fine_tune.detector import network as networks
from components.fine_tune.detector import pretrained
from components.fine_tune.detector.framework import mx

pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(__file__).resolve().parents[2]
ZOO = "yolo3_mobilenet0.25_coco"
KEPT = ["zebra", "dog"]


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a network of the zoo, by its own ``save_parameters``: drawn by lot, but as large as real ones."""
    path = tmp_path_factory.mktemp("zoo") / "coco.params"
    network = networks.zoo(ZOO)
    networks.initialize(network, mx.cpu(), seed=1)
    network(mx.nd.zeros((1, 3, 64, 64)))
    network.save_parameters(str(path))
    return path


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("animals") / "scenes"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    with ScenesWriter(folder, name="animals", source="drawn", labels=KEPT, seed=1) as writer:
        for split in ("train", "validation", "test"):
            for number in range(2):
                thing = Thing(number, (8, 8, 40, 40))
                writer.add(encode_png(pixels), split=split, number=number, size=(64, 64), objects=[thing])
    return folder


def all_boxes(network: object, inputs: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every prediction of a network, before any is suppressed: ids, scores and boxes."""
    network.set_nms(nms_thresh=0)  # type: ignore[attr-defined]
    networks.hybridize(network)
    ids, scores, boxes = (output.asnumpy()[0] for output in network(inputs))  # type: ignore[operator]
    return ids[:, 0], scores[:, 0], boxes


def test_a_class_that_is_kept_keeps_its_scores_and_boxes(coco: Path) -> None:
    inputs = mx.nd.random.normal(shape=(1, 3, 64, 64))
    whole, part = networks.zoo(ZOO), networks.zoo(ZOO)
    for network in (whole, part):
        pretrained.adopt(network, coco.read_bytes(), mx.cpu())
    names = list(whole.classes)
    pretrained.reset_classes(part, KEPT, KEPT)
    (ids, scores, boxes), (new_ids, new_scores, new_boxes) = (all_boxes(n, inputs) for n in (whole, part))
    assert len(new_ids) * len(names) == len(ids) * len(KEPT)
    for new_id, name in enumerate(KEPT):
        before, after = ids == names.index(name), new_ids == new_id
        np.testing.assert_allclose(new_scores[after], scores[before], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(new_boxes[after], boxes[before], rtol=1e-5, atol=1e-4)
        assert scores[before].std() > 0


def run(dataset: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Runs the stage where a download could only fail: no home, no cache, and a repository that is not there."""
    paths = [f"--{name}={out / name}" for name in ("model", "metrics", "curves", "report")]
    command = [sys.executable, "-m", "components.fine_tune.detector", f"--dataset={dataset}", *paths, "--side=64"]
    home = out.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "MXNET_GLUON_REPO": "http://127.0.0.1:9/"}
    done = subprocess.run(
        [*command, "--threads=1", *more], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert not list(home.rglob("*.params"))
    return done


def test_the_seeds_way_reset_classes_export_and_no_training(coco: Path, animals: Path, tmp_path: Path) -> None:
    digest = f"sha256:{hashlib.sha256(coco.read_bytes()).hexdigest()}"
    given = [f"--architecture={ZOO}", f"--pretrained={coco}", f"--pretrained-digest={digest}", "--epochs=0"]
    done = run(animals, tmp_path / "out", *given)
    assert done.returncode == 0, done.stderr
    description = json.loads((tmp_path / "out/model/model.json").read_text())
    assert (description["labels"], description["architecture"]) == (KEPT, ZOO)
    assert description["training"]["recipe"]["pretrained_digest"] == digest
    assert json.loads((tmp_path / "out/metrics").read_text())["steps"] == 0


def test_pretrained_weights_can_be_trained_further(coco: Path, animals: Path, tmp_path: Path) -> None:
    given = [f"--architecture={ZOO}", f"--pretrained={coco}", "--epochs=1", "--batch-size=2"]
    done = run(animals, tmp_path / "out", *given)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out/metrics").read_text())["steps"] == 1


def test_an_exported_model_is_taken_up_where_it_was_left(animals: Path, tmp_path: Path) -> None:
    first = run(animals, tmp_path / "first", "--epochs=2", "--batch-size=2")
    assert first.returncode == 0, first.stderr
    weights = tmp_path / "first/model/model-0000.params"
    again = run(animals, tmp_path / "again", f"--pretrained={weights}", "--epochs=0")
    assert again.returncode == 0, again.stderr
    for name in ("model-0000.params", "model-symbol.json"):
        assert (tmp_path / "again/model" / name).read_bytes() == (tmp_path / "first/model" / name).read_bytes()


def test_weights_of_another_digest_are_refused(coco: Path, animals: Path, tmp_path: Path) -> None:
    with pytest.raises(DigestError, match=r"expected sha256:00.*, found sha256:"):
        pretrained.check_digest(coco.read_bytes(), "sha256:" + 64 * "0")
    given = [f"--architecture={ZOO}", f"--pretrained={coco}", f"--pretrained-digest=sha256:{64 * '0'}", "--epochs=0"]
    done = run(animals, tmp_path / "out", *given)
    assert (done.returncode, list((tmp_path / "out").glob("*"))) == (1, [])
    assert "expected sha256:00" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("data", "told"), [(b"", "0 bytes"), (b"\x80\x04K\x01.", "a pickle"), (bytes(64), "found")])
def test_what_is_no_parameter_list_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(WeightsError, match=told):
        pretrained.adopt(networks.small(KEPT), data, mx.cpu())


def test_weights_of_another_network_are_refused_by_name(coco: Path) -> None:
    with pytest.raises(WeightsError, match=r"unknown 'stages.*of another shape 'stages"):
        pretrained.adopt(networks.small(KEPT), coco.read_bytes(), mx.cpu())


def test_classes_that_the_weights_do_not_know_need_training(coco: Path, shapes: Path, tmp_path: Path) -> None:
    assert set(read(shapes).labels) == {"disc", "square"}
    done = run(shapes, tmp_path / "out", f"--architecture={ZOO}", f"--pretrained={coco}", "--epochs=0")
    assert done.returncode == 1
    assert "the given weights do not know 'disc', 'square'" in done.stderr.splitlines()[-1]
    with pytest.raises(InputError, match="found 'disc'"):
        pretrained.reset_classes(networks.zoo(ZOO), ["disc"], ["disc"])
