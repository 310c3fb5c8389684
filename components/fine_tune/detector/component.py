"""The stage ``fine_tune.detector`` as a KFP container component."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Model, Output

from components.artifacts import image


@dsl.container_component
def fine_tune_detector(
    dataset: Input[Dataset],
    model: Output[Model],
    metrics: Output[Metrics],
    curves: Output[Artifact],
    report: Output[HTML],
    name: str = "sign-detector",
    architecture: str = "yolo3_small",
    pretrained: str = "",
    pretrained_digest: str = "",
    side: int = 128,
    epochs: int = 8,
    batch_size: int = 16,
    learning_rate: float = 3e-3,
    patience: int = 5,
    mirror: bool = False,
    shift: float = 0.1,
    threads: int = 1,
    seed: int = 0,
) -> dsl.ContainerSpec:
    """Trains a YOLOv3 on a scenes folder and judges it on pictures it has not seen."""
    return dsl.ContainerSpec(
        image=image("detector"),
        command=["python", "-m", "components.fine_tune.detector"],
        args=[
            *("--dataset", dataset.path),
            *("--model", model.path),
            *("--metrics", metrics.path),
            *("--curves", curves.path),
            *("--report", report.path),
            *("--name", name),
            *("--architecture", architecture),
            *("--pretrained", pretrained),
            *("--pretrained-digest", pretrained_digest),
            *("--side", side),
            *("--epochs", epochs),
            *("--batch-size", batch_size),
            *("--learning-rate", learning_rate),
            *("--patience", patience),
            *("--mirror", mirror),
            *("--shift", shift),
            *("--threads", threads),
            *("--seed", seed),
            *("--executor-input", "{{$}}"),
        ],
    )
