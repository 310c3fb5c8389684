"""What must hold between the artifacts of a monitored attack: monitor, attack and explanations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from components.images import decode
from components.intervals import wilson
from components.report import differences, wording
from components.report.attacks import Attack, Robustness
from components.report.explanations import Explanations
from components.report.inputs import Inputs
from components.report.lineage import Check, visible_digest
from components.report.sections.monitor import windows
from components.report.windows import OVER_PREDICTED, Window

_ROUNDED = 1e-5
_SCORES = 1e-3  # between a server's score and the same computed again, perhaps on another machine
_MEASURED = 200  # images whose changes are measured again


def checks(inputs: Inputs) -> Iterator[Check]:
    """Yields what can be checked with the artifacts that are given."""
    for name, window in windows(inputs.monitor_clean, inputs.monitor_attacked):
        yield from _window(inputs, name, window)
    if inputs.adversarial is not None:
        yield from _attack(inputs, inputs.adversarial)
    if inputs.explanations is not None:
        yield from _explanations(inputs, inputs.explanations)


def _window(inputs: Inputs, name: str, window: Window) -> Iterator[Check]:
    counted, told = window.predictions, window.results.counts.get("predictions")
    found = f"{wording.count(counted)} counted, {told} told"
    yield Check(f"{name}: the classes' counts sum up to the predictions.", counted == told, found)
    rule, most = window.rule(OVER_PREDICTED), window.most
    if rule is not None and most is not None and rule.value is not None:
        share = window.count(most["class"]) / counted if counted else math.nan
        found = f"{wording.count(window.count(most['class']))} of {wording.count(counted)} are {wording.percent(share)}"
        close = abs(share - rule.value) <= _ROUNDED
        yield Check(f"{name}: the share of the class predicted too often is that of its counts.", close, found)
        between = wilson(window.count(most["class"]), counted, rule.confidence)
        yield _interval(f"{name}: its interval is Wilson's.", rule.interval, between)
    rules = len(window.violated)
    found = f"{rules} rules, {len(window.violations)} violations"
    both = bool(rules) == bool(window.violations) and len(window.violations) >= rules
    yield Check(f"{name}: constraint_violations.json lists each violated rule.", both, found)
    if inputs.baseline is not None:
        was = {one.name: one.baseline for one in window.results.class_counts if one.baseline}
        classes = {key: n for key, n in inputs.baseline.classes.items() if n}
        found = f"{wording.count(sum(was.values()))} and {wording.count(sum(classes.values()))} predictions"
        yield Check(f"{name}: it was compared with this baseline.", was == classes, found)


def _attack(inputs: Inputs, attack: Attack) -> Iterator[Check]:
    if inputs.dataset is not None:
        digest = inputs.dataset.digest
        found = visible_digest(digest.removeprefix("sha256:"))
        yield Check("The attacked images were made from this dataset.", attack.dataset.source.endswith(digest), found)
    metrics = inputs.attack_metrics or {}
    for name, said, share in _shares(attack, metrics):
        yield Check(
            f"The attack's {name} is that of its images.", abs(said - share) <= _ROUNDED, wording.percent(share)
        )
    yield _lengths(attack)
    if attack.robustness is not None and attack.robustness.points:
        yield from _robustness(attack.robustness)


def _shares(attack: Attack, metrics: Any) -> Iterator[tuple[str, float, float]]:
    rate = metrics.get("success_rate")
    if isinstance(rate, int | float) and attack.tried:
        yield "success rate", float(rate), len(attack.done) / len(attack.tried)
    change = attack.confidence
    for name, wanted in (("clean", "before"), ("attacked", "after")):
        said = metrics.get(f"confidence_{name}")
        if isinstance(said, int | float) and change is not None:
            yield f"mean confidence {wanted}", float(said), change.before if name == "clean" else change.after


def _lengths(attack: Attack) -> Check:
    rows = attack.tried[:_MEASURED]
    wrong = 0
    for row in rows:
        image, original, _ = attack.by_path[row.path]
        before, after = decode(attack.originals.read_bytes(original)), decode(attack.dataset.read_bytes(image))
        if before.shape != after.shape:
            wrong += 1
            continue
        found = differences.lengths(differences.difference(before, after))
        wrong += abs(found.l2 - row.l2) > _ROUNDED or abs(found.linf - row.linf) > _ROUNDED
    told = f"{wording.count(len(rows))} measured again" + (f", {wrong} differ" if wrong else "")
    return Check("The lengths of the changes are those of the pixels.", not wrong, told)


def _robustness(found: Robustness) -> Iterator[Check]:
    points = sorted(found.points)
    right = all(abs(p.accuracy - p.right / p.images) <= _ROUNDED for p in points if p.images)
    right = right and all(_close((p.low, p.high), wilson(p.right, p.images)) for p in points)
    yield Check(
        "The accuracies under attack and their intervals are those of the counts.", right, f"{len(points)} radii"
    )
    falls = all(first.accuracy >= second.accuracy for first, second in pairwise(points))
    yield Check("Accuracy under attack does not rise with the radius.", falls)


def _explanations(inputs: Inputs, found: Explanations) -> Iterator[Check]:
    if found.tolerance is not None:
        told = f"largest residual {wording.small(found.largest_residual)}, {wording.small(found.tolerance)} allowed"
        yield Check("Every saliency map adds up to its logit.", found.largest_residual <= found.tolerance, told)
    for name, what, digest in _digests(inputs):
        said = found.digest_of(name)
        if said:
            yield Check(
                f"The explanations are of this {what}.", said == digest, visible_digest(said.removeprefix("sha256:"))
            )
    same = sum(row.same and abs(row.score - row.recomputed_score) <= _SCORES for row in found.rows)
    told = f"{wording.count(same)} of {wording.count(len(found.rows))} within {_SCORES:g}"
    yield Check("The explained model gives the answers that were captured.", same == len(found.rows), told)
    flagged = inputs.monitor_attacked.events if inputs.monitor_attacked is not None else None
    if flagged is not None:
        listed = sum(row.event_id in flagged for row in found.rows)
        told = f"{wording.count(listed)} of {wording.count(len(found.rows))}"
        yield Check("Every explained record was flagged in the checked window.", listed == len(found.rows), told)
    mean = _told_change(found.summary)
    if mean is not None and found.outside is not None:
        told = f"{100 * found.outside.change:+.2f} points"
        yield Check(
            "The change of saliency outside the sign is that of its pairs.",
            abs(mean - found.outside.change) <= _ROUNDED,
            told,
        )


def _digests(inputs: Inputs) -> Iterator[tuple[str, str, str]]:
    if inputs.package is not None:
        yield "model", "archive", inputs.package.digest
    if inputs.adversarial is not None:
        yield "data", "attack", inputs.adversarial.dataset.digest


def _told_change(summary: Any) -> float | None:
    try:
        said = summary["outside_share"]["change"]["mean"]
    except (KeyError, TypeError):
        return None
    return float(said) if isinstance(said, int | float) else None


def _interval(statement: str, said: tuple[float, float] | None, found: tuple[float, float]) -> Check:
    told = f"{wording.percent(found[0])} – {wording.percent(found[1])}"
    return Check(statement, said is not None and _close(said, found), told)


def _close(first: tuple[float, float], second: tuple[float, float]) -> bool:
    return all(abs(a - b) <= _ROUNDED for a, b in zip(first, second, strict=True))
