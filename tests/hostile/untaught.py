"""Models that have learnt nothing, in the shape of those that have: quick to make, and all that a stage asks for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from stage_calls import ROOT

SIDE = 32  # of the classifier's input, in pixels

_DETECTOR = """
import sys
from pathlib import Path
from tests.detector import exported
exported.archive(exported.model(Path(sys.argv[1])))
"""

_HANDLER = """
def model_fn(model_dir):
    return None


def transform_fn(model, body, content_type, accept, context):
    return "{}", "application/json"
"""


def classifier(folder: Path, dataset: Path, favoured: tuple[int, ...]) -> Path:
    """Returns a model folder with a ResNet18 of a dataset's labels, in the environment of torch.

    Args:
        folder: Is made.
        dataset: Whose labels it has.
        favoured: Classes among which its guesses are.
    """
    import torch
    from safetensors.torch import save
    from torchvision.models import resnet18

    from components.data.dataset import read
    from components.images import Preprocessing
    from components.package.description import ModelDescription

    labels = tuple(read(dataset).labels)
    folder.mkdir()
    torch.manual_seed(1)
    network = resnet18(num_classes=len(labels))
    with torch.no_grad():
        network.fc.bias[list(favoured)] += 2
    (folder / "model.safetensors").write_bytes(save(network.state_dict()))
    described: dict[str, Any] = {"name": "signs", "task": "classification", "framework": "torch", "labels": labels}
    described |= {"architecture": "resnet18", "weights": "model.safetensors", "versions": {"torch": "2"}}
    described |= {"data": {"name": "none", "digest": "sha256:" + "0" * 64}}
    ModelDescription(**described, preprocessing=Preprocessing(SIDE, SIDE)).write(folder)
    return folder


def detector(folder: Path) -> Path:
    """Returns the archive of a small YOLOv3, made beside ``folder`` in the environment of the detector."""
    python = str(ROOT / ".venvs" / "detector" / "bin" / "python")
    command = [python, "-W", "ignore", "-c", _DETECTOR, str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder.with_suffix(".tar.gz")


def handler(folder: Path) -> Path:
    """Returns an archive, made beside ``folder``, with code of its own and no weights: its server is up in a second."""
    from components.package.archive import pack

    (folder / "code").mkdir(parents=True)
    (folder / "code" / "inference.py").write_text(_HANDLER)
    pack(folder, folder.with_suffix(".tar.gz"))
    return folder.with_suffix(".tar.gz")
