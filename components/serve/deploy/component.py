"""The stages ``deploy`` and ``undeploy`` as KFP container components; a detector's server runs in its own image."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Model, Output, OutputPath, PipelineTaskFinalStatus
from kfp.dsl.base_component import BaseComponent

from components.artifacts import image

SERVE = ["python", "-m", "components.serve"]
EXECUTOR = ("--executor-input", "{{$}}")


def _deploying(name: str, environment: str) -> BaseComponent:
    """Returns the component whose image holds the library that the model needs."""

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
        given = [
            *("--archive", archive.path, "--endpoint", endpoint.path, "--url", url, "--name", name, "--state", state),
            *("--target", target, "--host", host, "--port", port, "--capture-to", capture_to, "--tensors", tensors),
            *("--sampling-percentage", sampling_percentage, "--capture-rotate-seconds", capture_rotate_seconds),
            *("--include-regex", include_regex, "--tensor-percentage", tensor_percentage),
            *("--tensor-config", tensor_config, "--threads", threads, "--allow-code", allow_code),
            *("--timeout", timeout, *EXECUTOR),
        ]
        return dsl.ContainerSpec(image=image(environment), command=[*SERVE, "deploy"], args=given)

    deploy.__name__ = name
    return dsl.container_component(deploy)


deploy = _deploying("deploy", "torch")
deploy_detector = _deploying("deploy_detector", "detector")


@dsl.container_component
def undeploy(name: str, state: str, timeout: float = 28.0, status: PipelineTaskFinalStatus = None) -> dsl.ContainerSpec:
    """Drains and stops what deploy started; does nothing where nothing runs."""
    given = ["--name", name, "--state", state, "--timeout", timeout, "--status", status, *EXECUTOR]
    return dsl.ContainerSpec(image=image("analysis"), command=[*SERVE, "undeploy"], args=given)
