"""A YOLOv3 of a few thousand weights, exported as GluonCV exports, described and packed; and its answers by a loop."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from components.images import Preprocessing
from components.package.archive import pack
from components.package.description import ModelDescription

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mxnet as mx
    from gluoncv.model_zoo.yolo.darknet import _conv2d
    from gluoncv.model_zoo.yolo.yolo3 import get_yolov3

LABELS = ("dog", "elephant", "zebra")
SIDES = (64, 96)  # height, width: boxes that mix them up would be seen


def stage(*channels: int) -> Any:
    blocks = mx.gluon.nn.HybridSequential()
    for width in channels:
        blocks.add(_conv2d(width, 3, 1, 2))
    return blocks


def network() -> Any:
    """Returns a network with random weights, so doubtful that it finds something in some pictures only."""
    mx.random.seed(11)
    np.random.seed(11)  # MXNet's initialisers draw from it
    anchors = [[10, 13, 16, 30, 33, 23], [30, 61, 45, 30, 60, 50]]
    stages = [stage(4, 8, 8), stage(12)]
    made = get_yolov3(None, stages, [12, 8], anchors, [8, 16], LABELS, "own", post_nms=20)
    made.initialize(mx.init.Xavier(magnitude=6))
    made.hybridize()
    made(mx.nd.zeros((1, 3, *SIDES)))
    for name, parameter in made.collect_params().items():
        if name.endswith("bias"):
            parameter.set_data(mx.nd.ones(parameter.shape) * -2.6)
    return made


def model(folder: Path) -> Path:
    """Writes a folder as fine_tune's detector does."""
    folder.mkdir()
    network().export(str(folder / "model"), epoch=0)
    ModelDescription(
        name="animals",
        task="detection",
        framework="mxnet",
        architecture="yolo3_tiny",
        weights="model-0000.params",
        labels=LABELS,
        preprocessing=Preprocessing(*SIDES),
        versions={"mxnet": mx.__version__},
        data={"name": "none", "digest": "sha256:" + "0" * 64},
    ).write(folder)
    return folder


def archive(folder: Path) -> Path:
    """Packs a model's folder beside it."""
    path = folder.with_suffix(".tar.gz")
    pack(folder, path)
    return path


def looped(folder: Path, pictures: Any) -> list[Any]:
    """Returns each picture's rows ``(detections, 6)``, by MXNet's own reader, a picture at a time, in plain Python."""
    paths = (str(folder / "model-symbol.json"), ["data"], str(folder / "model-0000.params"))
    block = mx.gluon.SymbolBlock.imports(*paths)
    return [_rows(block, picture) for picture in pictures]


def _rows(block: Any, picture: Any) -> Any:
    height, width = SIDES
    scaled = (picture / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    ids, scores, boxes = (out.asnumpy()[0] for out in block(mx.nd.array(scaled.transpose(2, 0, 1)[None])))
    found = []
    for (kind,), (score,), box in zip(ids.tolist(), scores.tolist(), boxes.tolist(), strict=True):
        x1, y1, x2, y2 = (min(max(v / of, 0), 1) for v, of in zip(box, (width, height) * 2, strict=True))
        if kind >= 0 and x2 > x1 and y2 > y1:
            found.append([kind, score, x1, y1, x2, y2])
    return np.array(sorted(found, key=lambda row: -row[1])).reshape(-1, 6)
