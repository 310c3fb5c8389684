"""The stages ``baseline`` and ``check``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from components.artifacts import Outputs, Stage, Work, boolean, dispatch, number
from components.capture import window

_SHARE = number(float, 0, 1)


def _records(stage: Stage) -> None:
    """Declares which records a stage reads, and how."""
    window.declare(stage)
    window.declare_waiting(stage)
    stage.parameter("images", "the most request images that are measured", type=number(int, 0, 100_000), default=1000)


def _baseline() -> Stage:
    stage = Stage("monitor baseline", "Reads a window of captured traffic into statistics.json and constraints.json.")
    stage.output("baseline", "Artifact", "folder: statistics.json and constraints.json")
    stage.output("metrics", "Metrics", "records, predictions, classes, broken lines")
    _records(stage)
    stage.parameter("comparison_threshold", "largest distance from it, for constraints.json", type=_SHARE, default=0.1)
    return stage


def _check() -> Stage:
    stage = Stage("monitor check", "Judges a window of captured traffic by rules and by a baseline.")
    stage.input("baseline", "folder that monitor baseline wrote")
    stage.output("results", "Artifact", "folder: verdicts.json, constraint_violations.json, flagged.parquet, metrics")
    stage.output("metrics", "Metrics", "counts, verdicts, and what each rule measured")
    stage.output("report", "HTML", "the check as one page")
    stage.result("violated", "whether any rule is violated, true or false")
    stage.result("message", "Completed: … or CompletedWithViolations: …")
    _records(stage)
    stage.parameter("share_threshold", "largest share of one class", type=_SHARE, default=0.5)
    stage.parameter("confidence_bound", "score below which a prediction is unsure", type=_SHARE, default=0.5)
    stage.parameter("low_confidence_threshold", "largest share of unsure predictions", type=_SHARE, default=0.2)
    stage.parameter("related", "related classes: gtsrb, none, JSON or a file of it", default="gtsrb")
    stage.parameter("unrelated_threshold", "largest share with an unrelated top three", type=_SHARE, default=0.1)
    stage.parameter("mix_effect_threshold", "largest Cramér's V of class and window", type=_SHARE, default=0.2)
    stage.parameter("alpha", "probability of a false alarm among all tests", type=_SHARE, default=0.01)
    stage.parameter("minimum_records", "below it only a clear case is decided", type=number(int, 1, 10**9), default=30)
    stage.parameter("allow_other_model", "compare with a baseline of another model", type=boolean, default=False)
    stage.parameter("flagged", "the most records listed for a violation", type=number(int, 0, 10**8), default=10_000)
    stage.parameter("schedule", "name of the schedule, for metrics.jsonl", default="")
    stage.parameter("gateway", "address of a Prometheus push gateway; empty: none", default="")
    stage.parameter("fail_on_violation", "exit with 3 if violated", type=boolean, default=False)
    return stage


def baseline(args: argparse.Namespace, outputs: Outputs) -> None:
    """Makes a baseline."""
    from components.monitor import stages

    stages.baseline(args, outputs)


def check(args: argparse.Namespace, outputs: Outputs) -> None:
    """Judges a window."""
    from components.monitor import stages

    stages.check(args, outputs)


STAGES: dict[str, tuple[Stage, Work]] = {
    "baseline": (_baseline(), baseline),
    "check": (_check(), check),
}


def main(argv: Sequence[str]) -> int:
    """Runs a stage."""
    return dispatch(STAGES, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
