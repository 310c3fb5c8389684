"""The stages ``deploy``, ``undeploy`` and ``replay`` as KFP container components."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output, OutputPath

from components.artifacts import image
from components.serve.deploy.component import EXECUTOR, SERVE, deploy, deploy_detector, undeploy

__all__ = ["deploy", "deploy_detector", "replay", "undeploy"]


@dsl.container_component
def replay(
    dataset: Input[Dataset],
    answers: Output[Dataset],
    metrics: Output[Metrics],
    captured: OutputPath(int),  # type: ignore[valid-type]
    start: OutputPath(str),  # type: ignore[valid-type]
    end: OutputPath(str),  # type: ignore[valid-type]
    url: str,
    split: str = "test",
    count: int = 0,
    concurrency: int = 8,
    retries: int = 8,
    timeout: float = 60.0,
    seed: int = 0,
    sampling_percentage: float = 0.0,
) -> dsl.ContainerSpec:
    """Sends a dataset's images to an endpoint and keeps the answers."""
    given = [
        *("--dataset", dataset.path, "--answers", answers.path, "--metrics", metrics.path, "--captured", captured),
        *("--start", start, "--end", end, "--url", url, "--split", split, "--count", count, "--seed", seed),
        *("--concurrency", concurrency, "--retries", retries, "--timeout", timeout),
        *("--sampling-percentage", sampling_percentage, *EXECUTOR),
    ]
    return dsl.ContainerSpec(image=image("analysis"), command=[*SERVE, "replay"], args=given)
