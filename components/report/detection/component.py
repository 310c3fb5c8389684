"""A detector's page as a KFP container component: the program is that of ``components.report``."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Model, Output

from components.artifacts import image


@dsl.container_component
def report_detection(
    scenes: Input[Dataset],
    model: Input[Model],
    training: Input[Metrics],
    curves: Input[Artifact],
    archive: Input[Model],
    clarify: Input[Artifact],
    page: Output[HTML],
    title: str = "Roadworthy",
) -> dsl.ContainerSpec:
    """Tells a detector and what made its boxes as one HTML page."""
    return dsl.ContainerSpec(
        image=image("analysis"),
        command=["python", "-m", "components.report"],
        args=[
            *("--title", title),
            *("--scenes", scenes.path),
            *("--model", model.path),
            *("--training", training.path),
            *("--curves", curves.path),
            *("--archive", archive.path),
            *("--clarify", clarify.path),
            *("--page", page.path),
            *("--executor-input", "{{$}}"),
        ],
    )
