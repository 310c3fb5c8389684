"""The stage ``report``: the artifacts of a run in, one HTML page out."""

from __future__ import annotations

import argparse
import sys

from components.artifacts import Outputs, Stage

stage = Stage("report", "Makes one self-contained HTML page out of the artifacts of a run.")
stage.parameter("title", "of the page", default="Roadworthy")
stage.input("dataset", "folder that the data stage wrote", kind="Dataset", optional=True)
stage.input("model", "folder that fine_tune wrote", kind="Model", optional=True)
stage.input("training", "metrics of the training", kind="Metrics", optional=True)
stage.input("confusion", "confusion matrix on the test split", kind="ClassificationMetrics", optional=True)
stage.input("archive", "model.tar.gz that package wrote", kind="Model", optional=True)
stage.input("traffic", "metrics of the replay", kind="Metrics", optional=True)
stage.input("captured", "folder of records that the capture stage wrote", kind="Dataset", optional=True)
stage.input("baseline", "folder that monitor baseline wrote", optional=True)
stage.input("monitor_clean", "results of monitor check on clean traffic", optional=True)
stage.input("monitor_attacked", "results of monitor check on attacked traffic", optional=True)
stage.input("adversarial", "folder that adversarial wrote", kind="Dataset", optional=True)
stage.input("attack_metrics", "metrics of the attack", kind="Metrics", optional=True)
stage.input("explanations", "folder that fullgrad wrote", optional=True)
stage.input("scenes", "folder of scenes that a detector was trained on", kind="Dataset", optional=True)
stage.input("curves", "precision over recall that fine_tune.detector wrote", optional=True)
stage.input("clarify", "results folder that clarify wrote", optional=True)
stage.output("page", "HTML", "the page, one file")

INPUTS = tuple(name for name, declared in stage.declared.items() if declared.role == "input")


def work(args: argparse.Namespace, outputs: Outputs) -> None:
    """Reads what is given and writes the page."""
    from components.report import compose, inputs

    made = compose.page(args.title, inputs.read({name: getattr(args, name) for name in INPUTS}))
    with outputs.file("page") as path:
        path.write_text(made.render(), encoding="utf-8")
    outputs.describe("page", title=made.title, sections=len(made.sections))


if __name__ == "__main__":
    sys.exit(stage.main(work))
