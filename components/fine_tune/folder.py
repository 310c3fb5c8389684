"""The model folder: ``model.safetensors`` and, in ``model.json``, all that is needed to serve and to trace it."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from safetensors.torch import save

from components.artifacts import VERSION
from components.data.dataset import Dataset
from components.fine_tune.evaluation import Evaluation
from components.fine_tune.network import ARCHITECTURE
from components.fine_tune.training import History, Recipe
from components.images import Preprocessing
from components.package.description import ModelDescription

WEIGHTS = "model.safetensors"


def describe(
    name: str, dataset: Dataset, preprocessing: Preprocessing, recipe: Recipe, history: History, judged: Evaluation
) -> ModelDescription:
    """Returns what travels with the weights.

    No times and no durations: the same run twice must give the same bytes.
    """
    low, high = judged.interval
    return ModelDescription(
        name=name,
        task="classification",
        framework="torch",
        architecture=ARCHITECTURE,
        weights=WEIGHTS,
        labels=tuple(dataset.labels),
        preprocessing=preprocessing,
        versions={
            "numpy": np.__version__,
            "python": platform.python_version(),
            "roadworthy": VERSION,
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
        },
        data={"name": dataset.name, "digest": dataset.digest},
        training={
            "recipe": vars(recipe),
            "loss": history.loss,
            "validation_accuracy": history.validation_accuracy,
            "test": {"accuracy": judged.accuracy, "interval": [low, high], "images": judged.count},
        },
    )


def write(path: Path, network: torch.nn.Module, description: ModelDescription) -> None:
    """Writes the weights, float32 and on no device, and the description beside them."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    (path / WEIGHTS).write_bytes(save(tensors, metadata={"format": "pt"}))
    description.write(path)


def metrics(history: History, judged: Evaluation) -> dict[str, Any]:
    """Returns the flat names and values that the KFP UI shows."""
    low, high = judged.interval
    recalls = judged.recalls
    return {
        "test_accuracy": round(judged.accuracy, 5),
        "test_accuracy_low": round(low, 5),
        "test_accuracy_high": round(high, 5),
        "test_images": judged.count,
        "test_loss": round(judged.loss, 5),
        "worst_class_recall": round(float(np.nanmin(recalls)), 5),
        "validation_accuracy": round(history.validation_accuracy[history.best], 5),
        "epochs": len(history.loss),
        "seconds": round(sum(history.seconds), 1),
    }
