"""The stage ``report`` as a KFP container component.

The program takes any subset of the inputs. The component takes all of them: whether an optional *artifact* is present
is a question that KFP's backend answers wrongly up to 2.17.0 (kubeflow/pipelines#14175), and a page that silently lacks
sections is worse than one that cannot be asked for.
"""

from kfp import dsl
from kfp.dsl import HTML, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from components.artifacts import image


@dsl.container_component
def report(
    dataset: Input[Dataset],
    model: Input[Model],
    training: Input[Metrics],
    confusion: Input[ClassificationMetrics],
    archive: Input[Model],
    traffic: Input[Metrics],
    captured: Input[Dataset],
    page: Output[HTML],
    title: str = "Roadworthy",
) -> dsl.ContainerSpec:
    """Makes one self-contained HTML page out of the artifacts of a run."""
    return dsl.ContainerSpec(
        image=image("analysis"),
        command=["python", "-m", "components.report"],
        args=[
            *("--title", title),
            *("--dataset", dataset.path),
            *("--model", model.path),
            *("--training", training.path),
            *("--confusion", confusion.path),
            *("--archive", archive.path),
            *("--traffic", traffic.path),
            *("--captured", captured.path),
            *("--page", page.path),
            *("--executor-input", "{{$}}"),
        ],
    )
