"""The torch runtime: weights from verified bytes, one preprocessing, and answers that do not depend on the company."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from components.errors import DigestError, InputError, WeightsError
from components.images import Preprocessing
from components.package.archive import pack, unpack
from components.serve.loading import Settings, load
from components.serve.runtimes.classifier import Classifier, Options


@pytest.fixture(scope="module")
def folder(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("unpacked") / "model"
    unpack(archive, path)
    return path


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Any:
    return load(folder, Settings(threads=1, device="cpu")).model


def pictures(count: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 3), np.uint8)


def test_scores_are_the_networks_softmax(classifier: Any, trained: Path) -> None:
    from safetensors.torch import load_file
    from torchvision.models import resnet18

    network = resnet18(num_classes=43).eval()
    network.load_state_dict(load_file(trained / "model.safetensors"))
    batch = pictures(3)
    with torch.no_grad():
        wanted = torch.softmax(network(torch.from_numpy(Preprocessing(64, 64).normalize(batch))), 1).numpy()
    found = classifier.predict(batch)
    assert (found.shape, found.dtype) == ((3, 43), np.float32)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_torch_normalises_as_the_contract_does(order: str) -> None:
    preprocessing = Preprocessing(8, 8, (0.1, 0.5, 0.9), (0.2, 0.3, 0.4), order)
    model = Classifier(torch.nn.Identity(), ("a",), preprocessing, Options(device="cpu"))
    batch = pictures(2)[:, :8, :8]
    np.testing.assert_allclose(model.normalize(batch).numpy(), preprocessing.normalize(batch), atol=1e-6)


def test_an_answer_does_not_depend_on_the_batch_it_was_in(classifier: Any) -> None:
    batch = pictures(7)
    together = classifier.predict(batch)
    alone = np.concatenate([classifier.predict(batch[i : i + 1]) for i in range(7)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_folded_normalisation_gives_the_same_scores(folder: Path, classifier: Any) -> None:
    folded: Any = load(folder, Settings(threads=1, device="cpu", fold=True)).model
    np.testing.assert_allclose(folded.predict(pictures(4)), classifier.predict(pictures(4)), atol=1e-4)


def test_half_precision_gives_nearly_the_same_scores(folder: Path, classifier: Any) -> None:
    half: Any = load(folder, Settings(threads=1, device="cpu", bfloat16=True)).model
    np.testing.assert_allclose(half.predict(pictures(4)), classifier.predict(pictures(4)), atol=0.05)


def test_an_archive_can_be_served_without_unpacking(archive: Path, classifier: Any) -> None:
    found = load(archive, Settings(device="cpu"))
    assert (found.name, len(found.version)) == ("signs", 12)
    model: Any = found.model
    np.testing.assert_array_equal(model.predict(pictures(2)), classifier.predict(pictures(2)))


def changed(trained: Path, tmp_path: Path, **changes: Any) -> Path:
    folder = tmp_path / "changed"
    shutil.copytree(trained, folder)
    described = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**described, **changes}))
    pack(folder, tmp_path / "changed.tar.gz")
    return tmp_path / "changed.tar.gz"


def test_weights_of_another_number_of_classes_are_refused(trained: Path, tmp_path: Path) -> None:
    path = changed(trained, tmp_path, labels=["one", "two"])
    with pytest.raises(WeightsError, match=r"fc\.bias"):
        load(path, Settings(device="cpu"))


def test_an_unknown_architecture_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected an architecture among"):
        load(changed(trained, tmp_path, architecture="alexnet"), Settings(device="cpu"))


def test_weights_of_another_architecture_are_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="missing"):
        load(changed(trained, tmp_path, architecture="resnet50"), Settings(device="cpu"))


def test_weights_that_changed_on_disk_are_not_loaded(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    content = bytearray((copy / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(DigestError):
        load(copy, Settings(device="cpu"))


def test_scores_that_are_not_finite_are_an_error() -> None:
    class Broken(torch.nn.Module):
        def forward(self, inputs: Any) -> Any:
            return inputs.mean((1, 2, 3))[:, None] * float("nan")

    model = Classifier(Broken(), ("a",), Preprocessing(64, 64), Options(device="cpu"))
    with pytest.raises(WeightsError, match="finite"):
        model.predict(pictures(1))
