"""The stage ``package`` as a KFP container component."""

from kfp import dsl
from kfp.dsl import Input, Model, Output, OutputPath

from components.artifacts import image


@dsl.container_component
def package(
    model: Input[Model],
    archive: Output[Model],
    digest: OutputPath(str),  # type: ignore[valid-type]
) -> dsl.ContainerSpec:
    """Packs a trained model into one deterministic model.tar.gz, checked, with a manifest of digests."""
    return dsl.ContainerSpec(
        image=image("analysis"),
        command=["python", "-m", "components.package", "pack"],
        args=[
            *("--model", model.path),
            *("--archive", archive.path),
            *("--digest", digest),
            *("--executor-input", "{{$}}"),
        ],
    )
