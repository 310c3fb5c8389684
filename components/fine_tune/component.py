"""The stage ``fine_tune`` as a KFP container component."""

from kfp import dsl
from kfp.dsl import ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from components.artifacts import image


@dsl.container_component
def fine_tune(
    dataset: Input[Dataset],
    model: Output[Model],
    metrics: Output[Metrics],
    confusion: Output[ClassificationMetrics],
    name: str = "traffic-signs",
    pretrained: str = "",
    side: int = 96,
    epochs: int = 5,
    batch_size: int = 64,
    learning_rate: float = 0.1,
    patience: int = 3,
    seed: int = 0,
) -> dsl.ContainerSpec:
    """Fine-tunes a ResNet18 on a dataset folder and judges it on the tracks of its test split."""
    return dsl.ContainerSpec(
        image=image("torch"),
        command=["python", "-m", "components.fine_tune"],
        args=[
            *("--dataset", dataset.path),
            *("--model", model.path),
            *("--metrics", metrics.path),
            *("--confusion", confusion.path),
            *("--name", name),
            *("--pretrained", pretrained),
            *("--side", side),
            *("--epochs", epochs),
            *("--batch-size", batch_size),
            *("--learning-rate", learning_rate),
            *("--patience", patience),
            *("--seed", seed),
            *("--executor-input", "{{$}}"),
        ],
    )
