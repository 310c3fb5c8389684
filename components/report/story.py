"""What happened, in words, out of the numbers of a run."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from components.report import wording
from components.report.attacks import LEVELS, Attack
from components.report.blocks import Step
from components.report.detection import story as detection
from components.report.explanations import Explanations
from components.report.inputs import Inputs
from components.report.sections import attack as attack_section
from components.report.sections import monitor as monitor_section
from components.report.sections import saliency as saliency_section
from components.report.sections import training as training_section
from components.report.windows import OVER_PREDICTED, Window

_NAMES = {"width_drift", "height_drift"}


def finding(inputs: Inputs) -> str:
    """Returns what a reader is to know if they read one sentence; empty where nothing was found out."""
    window, clean = inputs.monitor_attacked, inputs.monitor_clean
    if window is None:
        return detection.finding(inputs) if clean is None else _checked("The traffic was checked", clean)
    if not window.violated:
        what = "the attack" if inputs.adversarial is not None else "anything"
        return f"The monitor did not report {what}: {_quiet(window)}."
    what = "the attack" if inputs.adversarial is not None else "a violation"
    told = f"The monitor reported {what}. {_most(window)}"
    if clean is None:
        return told
    if clean.violated:
        return f"{told} But the clean window before it violated {_rules(len(clean.violated))} as well."
    return f"{told} In the clean window before it, it found nothing."


def steps(inputs: Inputs) -> Iterator[Step]:
    """Yields what happened, in order, as far as the artifacts tell it."""
    yield from detection.steps(inputs)
    yield from _model(inputs)
    if inputs.monitor_clean is not None:
        yield _window("Clean traffic", inputs.monitor_clean, "The monitor")
    if inputs.adversarial is not None:
        yield _attack(inputs.adversarial)
    if inputs.monitor_attacked is not None:
        name = "Attacked traffic" if inputs.adversarial is not None else "Traffic"
        yield _window(name, inputs.monitor_attacked, "The monitor", _sizes(inputs))
    if inputs.adversarial is not None and (change := inputs.adversarial.confidence) is not None:
        text = attack_section.confidence(change, inputs.adversarial.done)
        yield Step("Confidence", text, _low_confidence(inputs.monitor_attacked))
    if inputs.explanations is not None:
        yield _explanation(inputs.explanations)


def _explanation(found: Explanations) -> Step:
    explained = f"{wording.count(len(found.rows))} flagged records were explained from their captured bytes"
    residual = f"Largest residual {wording.small(found.largest_residual)}"
    residual += "." if found.tolerance is None else f", where {wording.small(found.tolerance)} is allowed."
    if found.outside is None:
        return Step("Explanation", f"{explained}.", residual)
    return Step("Explanation", saliency_section.words(found.outside), f"{explained}. {residual}")


def _model(inputs: Inputs) -> Iterator[Step]:
    if inputs.training is None or "test_accuracy" not in inputs.training:
        return
    proofs = training_section.proofs(inputs.training)
    accuracy, low, high = (inputs.training.get(f"test_accuracy{end}") for end in ("", "_low", "_high"))
    if isinstance(accuracy, int | float):
        known = isinstance(low, int | float) and isinstance(high, int | float)
        between = f"{_percent(low)} – {_percent(high)} with 95{wording.PERCENT} confidence; " if known else ""
        text = f"The model is right on {_percent(accuracy)} of the test images."
        yield Step("Model", text, f"{between}{proofs.get('test_accuracy', '')}".removesuffix("; "))


def _window(name: str, window: Window, who: str, note: str = "") -> Step:
    if window.violated:
        rules = _rules(len(window.violated), len(window.results.rules))
        text = f"{who} found {rules} violated. {_most(window)}"
        rule = window.rule(OVER_PREDICTED)
        proof = ""
        if rule is not None and rule.violated and (between := monitor_section.interval(rule)):
            proof = f"{between} with {wording.percent(rule.confidence, 0)} confidence. "
        return Step(name, text, f"{proof}{_unsure(window)}{note}", "bad")
    return Step(name, f"{who} found no violation: {_quiet(window)}.", f"{_unsure(window)}{note}", "good")


def _attack(attack: Attack) -> Step:
    share, between = attack_section.success(attack)
    goal, n = attack_section.goal(attack), len(attack.tried)
    done = attack.done or attack.tried
    text = (
        f"{wording.count(n)} test images were changed so that the model takes them for {goal}. "
        f"It does so for {wording.count(len(attack.done))} of them ({share})."
    )
    lengths = (
        f"{between} with 95{wording.PERCENT} confidence, judged after PNG. In the median the change has length L2 "
        f"{median(row.l2 for row in done):.2f} and moves no channel by more than "
        f"{LEVELS * median(row.linf for row in done):.0f}/255."
    )
    skipped = len(attack.rows) - n
    more = f" {wording.count(skipped)} more wanted nothing done." if skipped else ""
    return Step("Attack", text, lengths + more)


def _most(window: Window) -> str:
    """Says what was predicted too often, or else the first violation."""
    most = window.most
    if most is None:
        return f"{window.violated[0].description}."
    rule = window.rule(OVER_PREDICTED)
    limit = "" if rule is None else f"; the limit is {wording.percent(rule.threshold, 0)}"
    times, of = wording.count(most["count"]), wording.count(window.predictions)
    share = wording.of(most["count"], window.predictions)
    return f"{times} of {of} predictions ({share}) are class {window.shown(most['class'])}{limit}."


def _quiet(window: Window) -> str:
    records = f"{wording.count(window.predictions)} predictions, {_rules(len(window.results.rules))}"
    if not window.results.class_counts:
        return records
    first = max(window.results.class_counts, key=lambda one: one.count)
    share = wording.of(first.count, window.predictions)
    return f"{records}, and the most frequent class, {window.shown(first.name)}, has {share}"


def _checked(start: str, window: Window) -> str:
    return f"{start}. {_most(window)}" if window.violated else f"{start}, and nothing was found: {_quiet(window)}."


def _unsure(window: Window) -> str:
    count = len(window.unsure)
    return f"{_rules(count)} had too little data to decide. " if count else "Every rule had enough data to decide. "


def _low_confidence(window: Window | None) -> str:
    rule = window.rule("low_confidence") if window is not None else None
    if rule is None or rule.value is None:
        return ""
    words = {True: "does see", False: "does not see"}[rule.violated]
    return f"The monitor's rule on low confidence {words} it: {rule.description}."


def _sizes(inputs: Inputs) -> str:
    """Says what the attacked images have in common besides the attack, where the rules on sizes see it."""
    window, attack = inputs.monitor_attacked, inputs.adversarial
    if window is None or attack is None or not _NAMES & {rule.rule for rule in window.violated}:
        return ""
    sizes = {(row.width, row.height) for row in attack.dataset.rows}
    if len(sizes) != 1:
        return ""
    ((width, height),) = sizes
    return (
        f"The attacked images were sent at the model's input size, {width} × {height} pixels, the others as they are: "
        "the rules on sizes and sharpness may see that, and not the attack."
    )


def _rules(count: int, of: int | None = None) -> str:
    whole = "" if of is None else f" of {wording.count(of)}"
    return f"{wording.count(count)}{whole} rule{'s' if (of or count) != 1 else ''}"


def _percent(value: object) -> str:
    return wording.percent(float(value)) if isinstance(value, int | float) else wording.NONE
