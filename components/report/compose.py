"""A page out of a run's artifacts: a section for each that is given, and at its head what holds between them."""

from __future__ import annotations

from collections.abc import Iterator

from components.report import metrics as flat
from components.report import wording
from components.report.blocks import Block, Figure, Figures, Heading
from components.report.checks import checks
from components.report.inputs import Inputs
from components.report.lineage import Checks, Lineage, Link
from components.report.page import Page, Section
from components.report.sections import archive, captured, confusion, data, traffic, training


def page(title: str, inputs: Inputs) -> Page:
    """Returns the page.

    Raises:
        InputError: A file that an index names is missing, changed or no image.
    """
    return Page(title, list(_sections(inputs)), list(_overview(inputs)))


def _sections(inputs: Inputs) -> Iterator[Section]:
    if inputs.dataset is not None:
        yield data.section(inputs.dataset)
    if inputs.model is not None or inputs.training is not None:
        yield training.section(inputs.model, inputs.training)
    if inputs.confusion is not None:
        yield confusion.section(inputs.confusion)
    if inputs.package is not None:
        yield archive.section(inputs.package)
    if inputs.traffic is not None:
        yield traffic.section(inputs.traffic)
    if inputs.captured is not None:
        yield captured.section(inputs.captured)


def _overview(inputs: Inputs) -> Iterator[Block]:
    if figures := list(_figures(inputs)):
        yield Figures(figures)
    if links := list(_links(inputs)):
        yield Heading("What was made from what")
        yield Lineage(links)
    if found := list(checks(inputs)):
        yield Checks(found)


def _figures(inputs: Inputs) -> Iterator[Figure]:
    """Yields the few numbers that a reader wants first."""
    if inputs.training is not None:
        yield from _chosen(inputs.training, {"test_accuracy": "Test accuracy"}, training.proofs(inputs.training))
    elif inputs.confusion is not None:
        right, total = inputs.confusion.right, inputs.confusion.total
        proof = f"{wording.count(right)} of {wording.count(total)} images"
        yield Figure("Test accuracy", wording.of(right, total, 2), proof=proof)
    if inputs.traffic is not None:
        proofs = traffic.proofs(inputs.traffic)
        names = {"accuracy": "Accuracy in traffic", "latency_p99_seconds": "Latency, 99th percentile"}
        yield from _chosen(inputs.traffic, names, proofs)
    if inputs.captured is not None:
        proof = f"{wording.count(len(inputs.captured.classes))} predicted classes"
        yield Figure("Captured records", wording.count(inputs.captured.events), proof=proof)
    if inputs.dataset is not None:
        proof = f"{wording.count(len({row.class_id for row in inputs.dataset.rows}))} classes"
        yield Figure("Images in the dataset", wording.count(len(inputs.dataset.rows)), proof=proof)


def _chosen(metrics: flat.Metrics, names: dict[str, str], proofs: dict[str, str]) -> Iterator[Figure]:
    for name, words in names.items():
        for figure in flat.figures({k: v for k, v in metrics.items() if k.startswith(name)}, proofs)[:1]:
            yield Figure(words, figure.value, figure.interval, figure.proof)


def _links(inputs: Inputs) -> Iterator[Link]:
    if inputs.dataset is not None:
        yield data.link(inputs.dataset)
    elif inputs.model is not None:
        yield Link("Dataset", inputs.model.data["name"], inputs.model.data["digest"])
    if inputs.model is not None:
        yield training.link(inputs.model, inputs.model_folder)
    if inputs.package is not None:
        yield archive.link(inputs.package)
    if inputs.traffic is not None or inputs.captured is not None:
        yield traffic.link(inputs.traffic, inputs.captured)
