"""The stage ``clarify`` as KFP container components: of an endpoint, and of a packaged detector without one."""

from typing import Any

from kfp import dsl
from kfp.dsl import HTML, Artifact, Input, Metrics, Model, Output

from components.artifacts import image


def _spec(given: dict[str, Any], environment: str) -> dsl.ContainerSpec:
    args = [part for name, one in given.items() for part in (f"--{name.replace('_', '-')}", getattr(one, "path", one))]
    command = ["python", "-m", "components.clarify"]
    return dsl.ContainerSpec(image=image(environment), command=command, args=[*args, "--executor-input", "{{$}}"])


@dsl.container_component
def clarify(
    images: Input[Artifact],
    results: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[HTML],
    url: str = "",
    config: str = "",
    model_type: str = "",
    split: str = "test",
    count: int = 8,
    seed: int = -1,
    num_samples: int = -1,
    num_segments: int = -1,
    max_objects: int = -1,
    context: float = -1.0,
    probability_threshold: float = -1.0,
    baseline: str = "",
    patience: float = 120.0,
    ledgers: str = "",
    dry_run: bool = False,
    title: str = "",
) -> dsl.ContainerSpec:
    """Explains detections or classes of an endpoint by Shapley values of the picture's segments."""
    return _spec({**locals()}, "analysis")


@dsl.container_component
def clarify_detector(
    images: Input[Artifact],
    archive: Input[Model],
    results: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[HTML],
    url: str = "",
    config: str = "",
    model_type: str = "",
    split: str = "test",
    count: int = 8,
    seed: int = -1,
    num_samples: int = -1,
    num_segments: int = -1,
    max_objects: int = -1,
    context: float = -1.0,
    probability_threshold: float = -1.0,
    baseline: str = "",
    patience: float = 120.0,
    ledgers: str = "",
    dry_run: bool = False,
    title: str = "",
) -> dsl.ContainerSpec:
    """Explains detections of a packaged detector in this process: there is no endpoint to pay for."""
    return _spec({**locals()}, "detector")
