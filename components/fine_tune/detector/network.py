"""YOLOv3, by GluonCV: a small one that learns from scratch in minutes on a CPU, or one of the zoo.

YOLOv3: An Incremental Improvement, Redmon and Farhadi 2018 (arXiv 1804.02767). All of them answer ``ids (batch, n,
1)``, ``scores (batch, n, 1)`` and ``boxes (batch, n, 4)`` in pixels of the input, padded with −1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError
from components.fine_tune.detector.framework import gluoncv, mx
from components.fine_tune.detector.targets import Grid

SMALL = "yolo3_small"
STRIDES = (16, 32)
ANCHORS = 3  # an output
NAME = "model"

_WIDTH = 16  # channels of the first layer
_HEAD = (128, 64)  # of the detection blocks, the deepest first
_PRIOR = 0.01  # how likely a prediction is an object, before anything is learnt


def small(labels: Sequence[str], width: int = _WIDTH, head: Sequence[int] = _HEAD) -> Any:
    """Returns a YOLOv3 of plain 3 × 3 convolutions with two outputs, 2.2 million parameters, not initialised.

    Its anchors mean nothing until ``set_anchors`` or given weights say them.

    The zoo's smallest, of depthwise convolutions and wider outputs, takes over three times as long a step on a CPU.

    Args:
        labels: One a class.
        width: Channels of the first layer.
        head: Channels of the detection blocks, the deepest first.
    """
    first = [(width, 3, 2), (2 * width, 3, 2), (2 * width, 3, 1)]
    second = [(4 * width, 3, 2), (2 * width, 1, 1), (4 * width, 3, 1)]
    middle = [(8 * width, 3, 2), (4 * width, 1, 1), (8 * width, 3, 1)]
    last = [(16 * width, 3, 2), (8 * width, 1, 1), (16 * width, 3, 1)]
    # Names count from where the manager stands: a new one, so that a network's names do not depend on others before.
    with mx.name.NameManager():
        return gluoncv.model_zoo.yolo.yolo3.get_yolov3(
            "small",
            [_stage([*first, *second, *middle]), _stage(last)],
            list(head),
            [[stride] * 2 * ANCHORS for stride in STRIDES],
            list(STRIDES),
            list(labels),
            "custom",
            pretrained=False,
        )


def zoo(name: str, labels: Sequence[str] | None = None) -> Any:
    """Returns a YOLOv3 of GluonCV's zoo, not initialised; nothing is fetched.

    Args:
        name: ``yolo3_mobilenet0.25_custom``, ``yolo3_darknet53_coco``, …
        labels: One a class, for a ``…_custom``; the others have those of their dataset.

    Raises:
        InputError: There is no such network.
    """
    if not name.startswith("yolo3_") or name not in gluoncv.model_zoo.get_model_list():
        known = ", ".join(n for n in gluoncv.model_zoo.get_model_list() if n.startswith("yolo3_"))
        raise InputError(f"expected the architecture {SMALL} or one of {known}, found {name!r}")
    classes = {"classes": list(labels)} if name.endswith("_custom") and labels else {}
    with mx.name.NameManager():
        return gluoncv.model_zoo.get_model(name, pretrained=False, pretrained_base=False, **classes)


def initialize(network: Any, context: Any, seed: int) -> None:
    """Draws the weights (He et al. 2015, arXiv 1502.01852); all outputs begin by saying that there is hardly anything.

    Without that the first hundred steps only teach the network that most cells are empty (Lin et al. 2017, arXiv
    1708.02002, section 4.1).
    """
    mx.random.seed(seed)
    network.initialize(mx.init.Xavier("gaussian", "in", 2), ctx=context)
    for output in network.yolo_outputs:
        bias = np.zeros((output._num_anchors, output._num_pred), np.float32)
        bias[:, 4] = -math.log(1 / _PRIOR - 1)
        output.prediction.bias.set_data(mx.nd.array(bias.ravel()))


def set_anchors(network: Any, anchors: NDArray[np.floating]) -> None:
    """Sets the anchors of an initialised network, ``(anchors, 2)`` in pixels from small to large."""
    outputs = list(network.yolo_outputs)  # the deepest first: it takes the largest
    for output, own in zip(outputs, np.split(np.asarray(anchors, np.float32), len(outputs))[::-1], strict=True):
        output.anchors.set_data(mx.nd.array(own.reshape(output.anchors.shape)))


def anchor_count(network: Any) -> int:
    """Returns how many anchors a network has, over all its outputs."""
    return sum(int(output._num_anchors) for output in network.yolo_outputs)


def grid(network: Any, height: int, width: int) -> Grid:
    """Returns where a network looks in inputs of ``height`` × ``width`` pixels."""
    outputs = list(network.yolo_outputs)
    anchors = np.stack([output.anchors.data().asnumpy().reshape(-1, 2) for output in outputs])
    return Grid(height, width, tuple(int(output._stride) for output in outputs), anchors)


def hybridize(network: Any) -> None:
    """Compiles the network anew; needed at each change between training and answering.

    GluonCV's YOLOv3 takes seven arguments in training and one in answering, and the compiled graph only those that it
    was compiled for.
    """
    network.hybridize(static_alloc=True)


def export(network: Any, folder: Path, height: int, width: int, context: Any) -> None:
    """Writes ``model-symbol.json`` and ``model-0000.params``."""
    for parameter in network.collect_params().values():
        # MXNet counts in a variable how many graphs have written to it, and exports the count: it would tell of the
        # times that the network was compiled. A new variable begins at none.
        parameter._var = None
    hybridize(network)
    with mx.name.NameManager():
        network(mx.nd.zeros((1, 3, height, width), ctx=context))
        network.export(str(folder / NAME), epoch=0)
    _without_addresses(folder / f"{NAME}-symbol.json")


def _without_addresses(path: Path) -> None:
    """Drops how the variables were initialised: for constants MXNet writes an address in this process's memory."""
    symbol = json.loads(path.read_text(encoding="utf-8"))
    for node in symbol["nodes"]:
        node.get("attrs", {}).pop("__init__", None)
    path.write_text(json.dumps(symbol, indent=1) + "\n", encoding="utf-8")


def _stage(layers: Sequence[tuple[int, int, int]]) -> Any:
    """Returns convolutions of (channels, kernel, stride), each with batch normalisation and a leaky rectifier."""
    stage = mx.gluon.nn.HybridSequential()
    with stage.name_scope():
        for channels, kernel, stride in layers:
            stage.add(
                mx.gluon.nn.Conv2D(channels, kernel, stride, kernel // 2, use_bias=False),
                mx.gluon.nn.BatchNorm(epsilon=1e-5, momentum=0.9),
                mx.gluon.nn.LeakyReLU(0.1),
            )
    return stage
