"""The stage ``fine_tune.detector``: a scenes folder in; a model folder, metrics, curves and a page out."""

from __future__ import annotations

import argparse
import sys

from components.artifacts import Outputs, Stage, boolean, number

stage = Stage("fine_tune.detector", "Trains a YOLOv3 on a scenes folder and judges it on pictures it has not seen.")
stage.input("dataset", "folder of scenes that the data stage wrote", kind="Dataset")
stage.output("model", "Model", "folder: model-symbol.json, model-0000.params and model.json")
stage.output("metrics", "Metrics", "mAP50 and mAP with their intervals, average precision of each class, seconds")
stage.output("curves", "Artifact", "precision over recall of each class, as JSON")
stage.output("report", "HTML", "the curves, and pictures with what was found and what is there")
stage.parameter("name", "of the model", default="sign-detector")
stage.parameter("architecture", "yolo3_small, or a yolo3_… of GluonCV's zoo", default="yolo3_small")
stage.parameter("pretrained", "URI of a .params file of the architecture's weights; empty: from scratch", default="")
stage.parameter("pretrained_digest", "sha256:… that this file must have; empty: any", default="")
stage.parameter("side", "of the model's input, in pixels; a multiple of 32", type=number(int, 32, 2048), default=128)
stage.parameter("epochs", "at most; 0 only judges pretrained weights", type=number(int, 0, 10_000), default=8)
stage.parameter("batch_size", "pictures a step", type=number(int, 1, 1024), default=16)
stage.parameter("learning_rate", "the peak", type=number(float, 1e-7, 1), default=3e-3)
stage.parameter("patience", "epochs without a better one before it stops", type=number(int, 1, 10_000), default=5)
stage.parameter("mirror", "mirror pictures at random: not where that makes another class", type=boolean, default=False)
stage.parameter("shift", "farthest move of a picture, as a share of its side", type=number(float, 0, 0.5), default=0.1)
stage.parameter("threads", "of the CPU; 0: as many as MXNet takes", type=number(int, 0, 1024), default=1)
stage.parameter("seed", "of weights, order, variation and intervals", type=number(int, 0, 2**31 - 1), default=0)


def work(args: argparse.Namespace, outputs: Outputs) -> None:
    """Loads, trains, judges, writes."""
    from components.fine_tune.detector import stages

    stages.fine_tune(args, outputs)


if __name__ == "__main__":
    sys.exit(stage.main(work))
