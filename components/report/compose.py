"""A page out of a run's artifacts: what happened at its head, a section for each artifact, and what holds between."""

from __future__ import annotations

from collections.abc import Iterator

from components.report import metrics as flat
from components.report import story, wording
from components.report.blocks import Block, Figure, Figures, Heading, Story
from components.report.checks import checks
from components.report.detection.story import threshold
from components.report.inputs import Inputs
from components.report.lineage import Check, Checks, Lineage, Link
from components.report.page import Page, Section
from components.report.sections import (
    archive,
    attack,
    boxes,
    captured,
    classes,
    confusion,
    data,
    detector,
    flagged,
    monitor,
    precision,
    saliency,
    scenes,
    traffic,
    training,
)


def page(title: str, inputs: Inputs) -> Page:
    """Returns the page.

    Raises:
        InputError: A file that an index names is missing, changed or no image.
    """
    found = list(checks(inputs))
    sections = [*_story(inputs), *_sections(inputs), *_proof(inputs, found)]
    return Page(title, sections, list(_overview(inputs, found)), story.finding(inputs))


def _story(inputs: Inputs) -> Iterator[Section]:
    """Yields the sections of what happened to the traffic."""
    clean, attacked = inputs.monitor_clean, inputs.monitor_attacked
    if (pictures := flagged.section(inputs)) is not None:
        yield pictures
    if clean is not None or attacked is not None:
        yield monitor.section(clean, attacked)
    if inputs.adversarial is not None or inputs.attack_metrics is not None:
        yield attack.section(inputs.adversarial, inputs.attack_metrics)
    if inputs.explanations is not None:
        yield saliency.section(inputs.explanations)
    if inputs.clarify is not None:
        yield boxes.section(inputs.clarify)
    if inputs.curves is not None:
        yield precision.section(inputs.curves, threshold(inputs))
    if (power := monitor.power(clean, attacked)) is not None:
        yield power


def _sections(inputs: Inputs) -> Iterator[Section]:
    """Yields the sections of what was there before."""
    if inputs.dataset is not None:
        yield data.section(inputs.dataset)
    if inputs.scenes is not None:
        yield scenes.section(inputs.scenes)
    if inputs.model is not None or inputs.training is not None:
        yield training.section(inputs.model, inputs.training, inputs.curves is not None)
    if inputs.confusion is not None:
        yield confusion.section(inputs.confusion)
    if inputs.package is not None:
        yield archive.section(inputs.package)
    if inputs.traffic is not None:
        yield traffic.section(inputs.traffic)
    if inputs.captured is not None:
        yield captured.section(inputs.captured)


def _overview(inputs: Inputs, found: list[Check]) -> Iterator[Block]:
    clean, attacked = inputs.monitor_clean, inputs.monitor_attacked
    if clean is not None or attacked is not None:
        yield Heading("Predicted classes, before and during")
        yield classes.table(clean, attacked, classes.HEAD)
        if max(len(w.results.class_counts) for w in (clean, attacked) if w is not None) > classes.HEAD:
            yield classes.table(clean, attacked, None)
    told = list(story.steps(inputs))
    if len(told) > 1:
        yield Heading("What happened")
        yield Story(told)
    if figures := list(_figures(inputs, found)):
        yield Figures(figures)


def _proof(inputs: Inputs, found: list[Check]) -> Iterator[Section]:
    blocks: list[Block] = []
    if links := list(_links(inputs)):
        blocks += [Heading("What was made from what"), Lineage(links)]
    if found:
        blocks += [Heading("What was checked while this page was made"), Checks(found)]
    if blocks:
        yield Section("Lineage and checks", blocks)


def _figures(inputs: Inputs, found: list[Check]) -> Iterator[Figure]:
    """Yields the few numbers that a reader wants first."""
    if inputs.training is not None:
        yield from _chosen(inputs.training, {"test_accuracy": "Test accuracy"}, training.proofs(inputs.training))
        yield from (figure for name in detector.KEYS if (figure := detector.key(inputs.training, name)) is not None)
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
    if inputs.curves is not None and inputs.curves.objects:
        yield precision.figure(inputs.curves, threshold(inputs))
    if inputs.clarify is not None:
        yield from boxes.figures(inputs.clarify)
    if inputs.dataset is not None:
        proof = f"{wording.count(len({row.class_id for row in inputs.dataset.rows}))} classes"
        yield Figure("Images in the dataset", wording.count(len(inputs.dataset.rows)), proof=proof)
    if found:
        wrong = sum(not check.holds for check in found)
        proof = f"{wording.count(wrong)} of {wording.count(len(found))} differ" if wrong else "numbers and digests fit"
        yield Figure("Checks that hold", f"{len(found) - wrong} of {len(found)}", proof=proof)


def _chosen(metrics: flat.Metrics, names: dict[str, str], proofs: dict[str, str]) -> Iterator[Figure]:
    for name, words in names.items():
        for figure in flat.figures({k: v for k, v in metrics.items() if k.startswith(name)}, proofs)[:1]:
            yield Figure(words, figure.value, figure.interval, figure.proof)


def _links(inputs: Inputs) -> Iterator[Link]:
    if inputs.dataset is not None:
        yield data.link(inputs.dataset)
    elif inputs.scenes is not None:
        yield scenes.link(inputs.scenes)
    elif inputs.model is not None:
        yield Link("Dataset", inputs.model.data["name"], inputs.model.data["digest"])
    if inputs.model is not None:
        yield training.link(inputs.model, inputs.model_folder)
    if inputs.package is not None:
        yield archive.link(inputs.package)
    if inputs.traffic is not None or inputs.captured is not None:
        yield traffic.link(inputs.traffic, inputs.captured)
    if inputs.baseline is not None:
        yield monitor.baseline_link(inputs.baseline)
    windows = dict(monitor.windows(inputs.monitor_clean, inputs.monitor_attacked))
    yield from (monitor.link(name, window) for name, window in windows.items() if window is inputs.monitor_clean)
    if inputs.adversarial is not None:
        yield attack.link(inputs.adversarial)
    yield from (monitor.link(name, window) for name, window in windows.items() if window is inputs.monitor_attacked)
    if inputs.explanations is not None:
        yield saliency.link(inputs.explanations)
    if inputs.clarify is not None:
        yield boxes.link(inputs.clarify)
