"""The stages ``explain`` and ``compare``: flagged records in; their saliency maps, numbers and pictures out."""

from __future__ import annotations

import argparse
import sys

from components.artifacts import Outputs, Stage, Work, dispatch, number
from components.capture import window

METHODS = ("fullgrad", "simple", "smooth")


def _stage(name: str, summary: str) -> Stage:
    stage = Stage(f"fullgrad {name}", summary)
    stage.input("results", "folder that monitor check wrote, with flagged.parquet")
    stage.input("archive", "model.tar.gz of the model that answered", kind="Model")
    stage.output("explanations", "Artifact", "folder: index.parquet, maps, images, overlays, summary.json")
    stage.output("metrics", "Metrics", "explained, missing and mismatched records, residuals, shares outside the sign")
    window.declare(stage)
    stage.parameter("count", "the most images of a violation, chosen by hash", type=number(int, 1, 100_000), default=32)
    stage.parameter("batch", "images at once", type=number(int, 1, 1024), default=16)
    stage.parameter("method", "fullgrad, or simple or smooth FullGrad", default="fullgrad", choices=METHODS)
    stage.parameter("tolerance", "the largest residual of an image", type=number(float, 1e-12, 1), default=1e-4)
    return stage


def _compared() -> Stage:
    stage = _stage("compare", "Explains flagged records of a replayed dataset, beside their originals if attacked.")
    stage.input("dataset", "folder that was replayed; its paths are the records' inference ids", kind="Dataset")
    return stage


def explain(args: argparse.Namespace, outputs: Outputs) -> None:
    """Explains flagged records from what was captured alone."""
    from components.fullgrad import stages

    stages.explain(args, None, outputs)


def compare(args: argparse.Namespace, outputs: Outputs) -> None:
    """Explains flagged records with what is known of the images that were replayed."""
    from components.fullgrad import replayed, stages

    stages.explain(args, replayed.open_folder(args.dataset), outputs)


STAGES: dict[str, tuple[Stage, Work]] = {
    "explain": (_stage("explain", "Explains the records that a monitor flagged, from their captured bytes."), explain),
    "compare": (_compared(), compare),
}

if __name__ == "__main__":
    sys.exit(dispatch(STAGES))
