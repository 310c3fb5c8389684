"""The stage ``report`` as KFP container components.

The program takes any subset of the inputs. A component takes all of its own, so there is one for each use: whether an
optional *artifact* is present is a question that KFP's backend answers wrongly up to 2.17.0 (kubeflow/pipelines#14175).
"""

from typing import Any

from kfp import dsl
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from components.artifacts import image
from components.report.detection.component import report_detection

__all__ = ["incident", "report", "report_detection", "report_unexplained"]


def _spec(given: dict[str, Any]) -> dsl.ContainerSpec:
    title = given.pop("title")
    places = [part for name, one in given.items() for part in (f"--{name.replace('_', '-')}", one.path)]
    args = ["--title", title, *places, "--executor-input", "{{$}}"]
    return dsl.ContainerSpec(image=image("analysis"), command=["python", "-m", "components.report"], args=args)


@dsl.container_component
def report(
    dataset: Input[Dataset],
    model: Input[Model],
    training: Input[Metrics],
    confusion: Input[ClassificationMetrics],
    archive: Input[Model],
    traffic: Input[Metrics],
    captured: Input[Dataset],
    baseline: Input[Artifact],
    monitor_clean: Input[Artifact],
    monitor_attacked: Input[Artifact],
    adversarial: Input[Dataset],
    attack_metrics: Input[Metrics],
    explanations: Input[Artifact],
    page: Output[HTML],
    title: str = "Roadworthy",
) -> dsl.ContainerSpec:
    """Tells a whole run as one HTML page."""
    return _spec({**locals()})


@dsl.container_component
def report_unexplained(
    dataset: Input[Dataset],
    model: Input[Model],
    training: Input[Metrics],
    confusion: Input[ClassificationMetrics],
    archive: Input[Model],
    traffic: Input[Metrics],
    captured: Input[Dataset],
    baseline: Input[Artifact],
    monitor_clean: Input[Artifact],
    monitor_attacked: Input[Artifact],
    adversarial: Input[Dataset],
    attack_metrics: Input[Metrics],
    page: Output[HTML],
    title: str = "Roadworthy",
) -> dsl.ContainerSpec:
    """Tells a run in which nothing was flagged as one HTML page."""
    return _spec({**locals()})


@dsl.container_component
def incident(
    archive: Input[Model],
    captured: Input[Dataset],
    baseline: Input[Artifact],
    monitor_attacked: Input[Artifact],
    explanations: Input[Artifact],
    page: Output[HTML],
    title: str = "Roadworthy",
) -> dsl.ContainerSpec:
    """Tells what a scheduled check found as one HTML page."""
    return _spec({**locals()})
