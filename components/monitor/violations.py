"""``constraint_violations.json`` and the exit message, in SageMaker's words.

Sources: Amazon SageMaker Developer Guide, "Schema for Violations (constraint_violations.json file)", whose check types
these are, and "CloudWatch Metrics and exit message" of bring-your-own containers: what stands before the colon of the
message becomes the status of the execution, and its first kilobyte is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from components.monitor import shares
from components.monitor.grids import CLASS, CONFIDENCE
from components.monitor.models import OTHER_MODEL
from components.report.verdicts import Finding, Violation

_MESSAGE = 1024  # bytes

_CHECKS = {
    shares.OVER_PREDICTED: (CLASS, "baseline_drift_check"),
    shares.LOW_CONFIDENCE: (CONFIDENCE, "baseline_drift_check"),
    shares.UNRELATED: (CONFIDENCE, "baseline_drift_check"),
    shares.COMPLETENESS: (CLASS, "completeness_check"),
    shares.SCORE_COMPLETENESS: (CONFIDENCE, "completeness_check"),
    shares.UNKNOWN_CLASS: (CLASS, "categorical_values_check"),
    OTHER_MODEL: ("Model", "categorical_values_check"),
}


def violations(findings: Iterable[Finding]) -> list[Violation]:
    """Returns a violation for each violated rule, and for each class of an over-predicted one."""
    return [violation for finding in findings if finding.violated for violation in _of(finding)]


def _of(finding: Finding) -> Iterator[Violation]:
    feature, check = _CHECKS.get(finding.rule, (str(finding.details.get("feature")), "baseline_drift_check"))
    if finding.rule == shares.OVER_PREDICTED:
        texts = [one["description"] for one in finding.details["classes"] if one["violated"]]
    else:
        texts = [f"{finding.description}: {_beyond(finding)}{_probability(finding)}"]
    yield from (Violation(feature, check, text) for text in texts)


def _beyond(finding: Finding) -> str:
    if _CHECKS.get(finding.rule, ("", ""))[1] == "completeness_check":
        return f"{finding.value:.2%} is below the {finding.threshold:.2%} threshold"
    if finding.rule in _CHECKS:
        return f"{finding.value:.2%} Exceeded {finding.threshold:.2%} threshold"
    return f"Exceeded {finding.threshold:.3g} threshold"


def _probability(finding: Finding) -> str:
    return "" if finding.adjusted_p is None else f" (p = {finding.adjusted_p:.2g}, corrected)"


def to_json(found: Iterable[Violation]) -> dict[str, Any]:
    """Returns ``constraint_violations.json``."""
    return {"violations": [one._asdict() for one in found]}


def message(found: list[Violation]) -> str:
    """Returns the exit message, at most a kilobyte of UTF-8."""
    if not found:
        return "Completed: Job completed successfully with no violations."
    count = f"{len(found)} violation{'s' if len(found) > 1 else ''}"
    text = f"CompletedWithViolations: Job completed successfully with {count}."
    for one in found:
        text = f"{text} {one.description}."
    encoded = " ".join(text.split()).encode()
    return encoded.decode() if len(encoded) <= _MESSAGE else encoded[: _MESSAGE - 3].decode(errors="ignore") + "…"
