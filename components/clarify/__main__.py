"""The stage ``clarify``: pictures and a model in; which segments made each detection or class, with errors, out."""

from __future__ import annotations

import argparse
import sys

from components.artifacts import Outputs, Stage, boolean, number

MODEL_TYPES = ("", "OBJECT_DETECTION", "IMAGE_CLASSIFICATION")
SPLITS = ("", "train", "validation", "test")
SAID = "as the configuration says, else"

stage = Stage("clarify", "Explains detections or classes by Shapley values of the picture's segments.")
stage.input("images", "scenes, a dataset, any folder of pictures, or one picture")
stage.input(
    "archive", "model.tar.gz, explained in this process in the place of an endpoint", kind="Model", optional=True
)
stage.output("results", "Artifact", "folder: analysis.json, heat maps, pictures with their boxes, arrays")
stage.output("metrics", "Metrics", "boxes, predictions, how often the strongest segment lies on the object, residuals")
stage.output("report", "HTML", "page with every box to click")
stage.parameter("url", "of the endpoint, http://host:port; or give an archive", default="")
stage.parameter("config", "analysis_config.json: a path, file:// or s3:// place, or the JSON itself", default="")
stage.parameter(
    "model_type", f"OBJECT_DETECTION or IMAGE_CLASSIFICATION; empty: {SAID} detection", default="", choices=MODEL_TYPES
)
stage.parameter("split", "of scenes or a dataset; empty: all", default="test", choices=SPLITS)
stage.parameter(
    "count", "pictures to explain, drawn with the seed; 0: all, in order", type=number(int, 0, 1_000_000), default=8
)
stage.parameter("seed", f"of coalitions, noise and draw; -1: {SAID} 0", type=number(int, -1, 2**31 - 1), default=-1)
stage.parameter(
    "num_samples",
    f"coalitions of a picture; -1: {SAID} all for 12 segments or fewer, else 2F + 2048",
    type=number(int, -1, 10_000_000),
    default=-1,
)
stage.parameter("num_segments", f"of a picture; -1: {SAID} 20", type=number(int, -1, 4096), default=-1)
stage.parameter("max_objects", f"boxes of a picture, best first; -1: {SAID} 3", type=number(int, -1, 1000), default=-1)
stage.parameter("context", f"0 to 1; -1: {SAID} 1", type=number(float, -1, 1), default=-1.0)
stage.parameter(
    "probability_threshold", f"of explained detections; -1: {SAID} 0.5", type=number(float, -1, 1), default=-1.0
)
stage.parameter("baseline", f"noise, blur, mean, or a picture's place; empty: {SAID} noise", default="")
stage.parameter("patience", "seconds for a lost endpoint to come back", type=number(float, 0, 86_400), default=120.0)
stage.parameter("ledgers", "folder that keeps the answers of an interrupted run for the next; empty: none", default="")
stage.parameter("dry_run", "only say how many predictions and how much time it takes", type=boolean, default=False)
stage.parameter("title", "of the page; empty: the configuration's, else Why the model said so", default="")


def work(args: argparse.Namespace, outputs: Outputs) -> None:
    """Explains."""
    from components.clarify import stages

    stages.clarify(args, outputs)


if __name__ == "__main__":
    sys.exit(stage.main(work))
