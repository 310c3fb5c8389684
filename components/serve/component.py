"""The stages ``deploy``, ``undeploy`` and ``replay`` as KFP container components."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output, OutputPath, PipelineTaskFinalStatus

from components.artifacts import image

SERVE = ["python", "-m", "components.serve"]
EXECUTOR = ("--executor-input", "{{$}}")


@dsl.container_component
def deploy(
    archive: Input[Model],
    endpoint: Output[Artifact],
    url: OutputPath(str),  # type: ignore[valid-type]
    name: str,
    state: str,
    target: str = "local",
    host: str = "127.0.0.1",
    port: int = 0,
    capture_to: str = "",
    sampling_percentage: float = 20.0,
    capture_rotate_seconds: float = 60.0,
    tensors: str = "",
    include_regex: str = "",
    tensor_percentage: float = 1.0,
    tensor_config: str = "",
    threads: int = 0,
    allow_code: bool = False,
    timeout: float = 120.0,
) -> dsl.ContainerSpec:
    """Starts a supervised server for a packaged model and waits until it is ready."""
    return dsl.ContainerSpec(
        image=image("torch"),
        command=[*SERVE, "deploy"],
        args=[
            *("--archive", archive.path, "--endpoint", endpoint.path, "--url", url, "--name", name, "--state", state),
            *("--target", target, "--host", host, "--port", port, "--capture-to", capture_to, "--tensors", tensors),
            *("--sampling-percentage", sampling_percentage, "--capture-rotate-seconds", capture_rotate_seconds),
            *("--include-regex", include_regex, "--tensor-percentage", tensor_percentage),
            *("--tensor-config", tensor_config, "--threads", threads, "--allow-code", allow_code),
            *("--timeout", timeout, *EXECUTOR),
        ],
    )


@dsl.container_component
def undeploy(name: str, state: str, timeout: float = 28.0, status: PipelineTaskFinalStatus = None) -> dsl.ContainerSpec:
    """Drains and stops what deploy started; does nothing where nothing runs."""
    given = ["--name", name, "--state", state, "--timeout", timeout, "--status", status, *EXECUTOR]
    return dsl.ContainerSpec(image=image("analysis"), command=[*SERVE, "undeploy"], args=given)


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
