"""The stages ``explain`` and ``compare`` as KFP container components."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from components.artifacts import image


@dsl.container_component
def explain(
    results: Input[Artifact],
    archive: Input[Model],
    explanations: Output[Artifact],
    metrics: Output[Metrics],
    place: str,
    endpoint: str = "",
    variant: str = "",
    start: str = "",
    end: str = "",
    count: int = 32,
    batch: int = 16,
    method: str = "fullgrad",
    tolerance: float = 1e-4,
) -> dsl.ContainerSpec:
    """Explains the records that a monitor flagged, from their captured bytes."""
    return dsl.ContainerSpec(
        image=image("torch"),
        command=["python", "-m", "components.fullgrad", "explain"],
        args=[
            *("--results", results.path, "--archive", archive.path, "--explanations", explanations.path),
            *("--metrics", metrics.path, "--place", place, "--endpoint", endpoint, "--variant", variant),
            *("--start", start, "--end", end, "--count", count, "--batch", batch, "--method", method),
            *("--tolerance", tolerance, "--executor-input", "{{$}}"),
        ],
    )


@dsl.container_component
def compare(
    results: Input[Artifact],
    archive: Input[Model],
    dataset: Input[Dataset],
    explanations: Output[Artifact],
    metrics: Output[Metrics],
    place: str,
    endpoint: str = "",
    variant: str = "",
    start: str = "",
    end: str = "",
    count: int = 32,
    batch: int = 16,
    method: str = "fullgrad",
    tolerance: float = 1e-4,
) -> dsl.ContainerSpec:
    """Explains flagged records of a replayed dataset, beside their originals if attacked."""
    return dsl.ContainerSpec(
        image=image("torch"),
        command=["python", "-m", "components.fullgrad", "compare"],
        args=[
            *("--results", results.path, "--archive", archive.path, "--dataset", dataset.path),
            *("--explanations", explanations.path, "--metrics", metrics.path, "--place", place),
            *("--endpoint", endpoint, "--variant", variant, "--start", start, "--end", end, "--count", count),
            *("--batch", batch, "--method", method, "--tolerance", tolerance, "--executor-input", "{{$}}"),
        ],
    )
