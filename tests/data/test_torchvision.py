"""torchvision's own GTSRB reader as an oracle: it must find the same images under the same labels."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.data import gtsrb
from components.data.dataset import read
from tests.data import gtsrb_copy as copy

datasets = pytest.importorskip("torchvision.datasets", reason="torchvision is in the torch image's environment only")


def fingerprint(image: np.ndarray) -> str:
    return f"{image.shape} {hashlib.sha256(image.tobytes()).hexdigest()}"


@pytest.mark.parametrize(("theirs", "ours"), [("train", ("train", "validation")), ("test", ("test",))])
def test_torchvision_finds_the_same_images_and_labels(theirs: str, ours: tuple[str, ...], tmp_path: Path) -> None:
    root = copy.torchvision_root(tmp_path / "root")
    gtsrb.convert(str(root), tmp_path / "out")
    dataset = read(tmp_path / "out")
    found = [
        (fingerprint(np.asarray(Image.open(io.BytesIO(dataset.read_bytes(row))))), row.class_id)
        for row in dataset.rows
        if row.split in ours
    ]
    expected = datasets.GTSRB(root, split=theirs, download=False)
    # Their classes are the places of the folders in their order: this copy has the folders 0, 14 and 42.
    known = copy.CLASSES if theirs == "train" else range(43)
    assert sorted(found) == sorted((fingerprint(np.asarray(image)), known[label]) for image, label in expected)
