from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from components.images import Preprocessing
from components.package.description import ModelDescription


@pytest.fixture
def description() -> ModelDescription:
    return ModelDescription(
        name="traffic-signs",
        task="classification",
        framework="torch",
        architecture="two-layers",
        weights="model.safetensors",
        labels=("Stop", "Yield", "Größenbeschränkung"),
        preprocessing=Preprocessing(height=96, width=96),
        versions={"torch": "2.14.1"},
        data={"name": "signs", "digest": "sha256:" + "0" * 64},
        training={"epochs": 3, "loss": [1.5, 0.25]},
    )


@pytest.fixture
def trained(tmp_path: Path, description: ModelDescription) -> Path:
    """A small model's folder, as fine_tune writes it."""
    folder = tmp_path / "trained"
    (folder / "code").mkdir(parents=True)
    description.write(folder)
    weights = {"fc.weight": np.arange(12, dtype=np.float32).reshape(3, 4), "fc.bias": np.zeros(3, np.float32)}
    (folder / "model.safetensors").write_bytes(save(weights))
    (folder / "code" / "inference.py").write_text("def model_fn(folder): ...\n")
    return folder
