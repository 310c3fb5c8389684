"""The stages ``deploy`` and ``undeploy`` as KFP container components; a detector's server runs in its own image."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Model, Output, OutputPath, PipelineTaskFinalStatus
from kfp.dsl.base_component import BaseComponent

from components import artifacts

SERVE = ["python", "-m", "components.serve"]
EXECUTOR = ("--executor-input", "{{$}}")


def _deploying(name: str, environment: str) -> BaseComponent:
    """Returns the component whose image holds the library that the model needs."""

    def deploy(
        archive: Input[Model],
        endpoint: Output[Artifact],
        url: OutputPath(str),  # type: ignore[valid-type]
        name: str,
        state: str = "",
        target: str = "auto",
        namespace: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        models: str = "",
        capture_to: str = "",
        sampling_percentage: float = 20.0,
        capture_rotate_seconds: float = 60.0,
        tensors: str = "",
        include_regex: str = "",
        tensor_percentage: float = 1.0,
        tensor_config: str = "",
        threads: int = 0,
        allow_code: bool = False,
        public_key: str = "",
        options: str = "",
        image: str = "",
        placement: str = "",
        replicas: int = 1,
        max_replicas: int = 0,
        cpu: str = "1",
        memory: str = "2Gi",
        timeout: float = 120.0,
    ) -> dsl.ContainerSpec:
        """Starts a server for a packaged model, here or on the cluster, and waits until it is ready."""
        given = [
            *("--archive", archive.path, "--endpoint", endpoint.path, "--url", url, "--name", name, "--state", state),
            *("--target", target, "--namespace", namespace, "--host", host, "--port", port, "--models", models),
            *("--capture-to", capture_to, "--sampling-percentage", sampling_percentage),
            *("--capture-rotate-seconds", capture_rotate_seconds, "--tensors", tensors),
            *("--include-regex", include_regex, "--tensor-percentage", tensor_percentage),
            *("--tensor-config", tensor_config, "--threads", threads, "--allow-code", allow_code, "--timeout", timeout),
            *("--public-key", public_key, "--options", options, "--image", image, "--placement", placement),
            *("--replicas", replicas, "--max-replicas", max_replicas, "--cpu", cpu, "--memory", memory, *EXECUTOR),
        ]
        return dsl.ContainerSpec(image=artifacts.image(environment), command=[*SERVE, "deploy"], args=given)

    deploy.__name__ = name
    return dsl.container_component(deploy)


deploy = _deploying("deploy", "torch")
deploy_detector = _deploying("deploy_detector", "detector")


@dsl.container_component
def undeploy(
    name: str,
    state: str = "",
    target: str = "auto",
    namespace: str = "",
    timeout: float = 28.0,
    status: PipelineTaskFinalStatus = None,
) -> dsl.ContainerSpec:
    """Drains and stops what deploy started; does nothing where nothing runs."""
    where = ["--name", name, "--state", state, "--target", target, "--namespace", namespace, "--timeout", timeout]
    command, ended = [*SERVE, "undeploy"], ["--status", status, *EXECUTOR]
    return dsl.ContainerSpec(image=artifacts.image("analysis"), command=command, args=[*where, *ended])
