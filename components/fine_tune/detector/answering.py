"""What a network finds in pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.fine_tune.detector.framework import mx
from components.fine_tune.detector.matching import Detections
from components.fine_tune.detector.network import hybridize
from components.images import Preprocessing


def find(
    network: Any, pixels: NDArray[np.uint8], preprocessing: Preprocessing, context: Any, batch: int = 32
) -> list[Detections]:
    """Returns the detections of each picture, boxes clipped to it.

    Args:
        network: As ``network.small`` makes it, or an exported one.
        pixels: uint8 ``(pictures, height, width, 3)``, already of the contract's size.
        preprocessing: The contract.
        context: The device of the weights.
        batch: Pictures a pass; the last pass is filled up, so that the network is compiled once.
    """
    hybridize(network)
    found: list[Detections] = []
    for start in range(0, len(pixels), batch):
        part = pixels[start : start + batch]
        filled = np.concatenate([part, np.zeros((min(batch, len(pixels)) - len(part), *part.shape[1:]), np.uint8)])
        outputs = network(mx.nd.array(preprocessing.normalize(filled), ctx=context))
        ids, scores, boxes = (output.asnumpy()[: len(part)] for output in outputs)
        size = (preprocessing.width, preprocessing.height) * 2
        found += [_kept(*answer, size) for answer in zip(ids, scores, boxes, strict=True)]
    return found


def _kept(
    ids: NDArray[np.float32], scores: NDArray[np.float32], boxes: NDArray[np.float32], size: tuple[int, ...]
) -> Detections:
    kept = ids[:, 0] >= 0
    return Detections(ids[kept, 0].astype(np.int32), scores[kept, 0], boxes[kept].clip(0, size).astype(np.float32))
