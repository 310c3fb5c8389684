"""What is known of a picture before any segment of it is masked: what the model finds, its segments, its true boxes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.boxes import overlap
from components.clarify import objects
from components.clarify.masks import strengths
from components.clarify.objects import Detections
from components.clarify.pictures import shrunk
from components.clarify.predictors import DETECTION, Predictor
from components.clarify.segments import Segments, segment
from components.errors import InputError
from components.images import Pixels

if TYPE_CHECKING:
    from components.clarify.config import AnalysisConfig, ImageConfig

Floats = NDArray[np.float64]

SIDE = 640
"""The longer side, at most, of the picture in which segments are kept and maps are drawn."""

_WHOLE = np.array([[0.0, 0.0, 1.0, 1.0]])


class Truth(NamedTuple):
    """The objects that are known to be in a picture.

    Attributes:
        classes: ``(objects,)``.
        boxes: ``(objects, 4)`` x1, y1, x2, y2 as shares of the upright picture's width and height.
    """

    classes: NDArray[np.int64]
    boxes: Floats

    def of(self, class_index: int, box: Floats, threshold: float) -> Floats | None:
        """Returns the box of that class that overlaps a box ``(4,)`` most; None if no overlap reaches the threshold."""
        boxes = self.boxes[self.classes == class_index]
        overlaps = overlap(boxes, box)
        if not len(boxes) or overlaps.max() < threshold - objects.TOLERANCE:
            return None
        best: Floats = boxes[int(overlaps.argmax())]
        return best


@dataclass(frozen=True)
class Looked:
    """A picture, ready to be explained.

    Attributes:
        shown: As people see it, upright, ``(H, W, 3)``, its longer side at most ``SIDE``.
        size: Width and height of the upright picture as it came.
        asked: The picture in the size in which it is masked and predicted.
        segments: Of ``shown``.
        found: All detections, best first; of a classifier, its classes, best first.
        wanted: Those that are explained.
        truth: Its objects, where they are known.
        dropped: Rows of its answers that were no detections, by reason; grows as it is explained.
    """

    shown: Pixels
    size: tuple[int, int]
    asked: Pixels
    segments: Segments
    found: Detections
    wanted: Detections
    truth: Truth | None = None
    dropped: Counter[str] = field(default_factory=Counter)

    def games(self, context: float) -> list[tuple[Detections, Floats]]:
        """Returns what is explained together, and the strength of the segments ``(segments,)`` for it.

        With context 1 all boxes share one game; with less, each has its own. Nothing to explain makes no game.
        """
        if not len(self.wanted):
            return []
        if context == 1:
            return [(self.wanted, np.ones(self.segments.count))]
        return [
            (self.wanted.only(i), strengths(self.segments.meeting(box), context))
            for i, box in enumerate(self.wanted.boxes)
        ]


def look(image: Pixels, predictor: Predictor, config: AnalysisConfig, truth: Truth | None = None) -> Looked:
    """Asks the model about a picture as it is, and cuts it into segments.

    Args:
        image: Upright ``(H, W, 3)``.
        predictor: The model.
        config: What is asked.
        truth: The picture's objects, where they are known.

    Raises:
        EndpointError: There is no answer.
        InputError: The boxes of the answer are in pixels.
    """
    options, dropped = config.shap.image_config, Counter[str]()
    asked = predictor.prepare(image)
    (answer,) = predictor.answers([asked[None]])
    found = _detections(answer[0], dropped) if options.model_type == DETECTION else _classes(answer[0])
    shown = shrunk(image, SIDE)
    segments = segment(shown, options.num_segments, options.segment_compactness)
    wanted = _wanted(found, options, config.probability_threshold)
    return Looked(shown, (image.shape[1], image.shape[0]), asked, segments, found, wanted, truth, dropped)


def _detections(rows: NDArray[np.float32], dropped: Counter[str]) -> Detections:
    found = objects.detections(rows, dropped)
    if not len(found) and dropped[objects.PIXELS]:
        raise InputError(
            "expected boxes as shares of the picture's width and height, found coordinates over 2: are they pixels?"
        )
    return found


def _classes(probabilities: NDArray[np.float32]) -> Detections:
    order = np.argsort(-probabilities, kind="stable")
    return Detections(order, probabilities[order].astype(np.float64), np.repeat(_WHOLE, len(order), axis=0))


def _wanted(found: Detections, options: ImageConfig, threshold: float) -> Detections:
    if options.debug is not None and options.debug.class_ids is not None:
        found = found.only(np.isin(found.classes, options.debug.class_ids))
    if options.model_type != DETECTION:
        threshold = min(threshold, float(found.scores.max(initial=0)))  # the best class is explained, however weak
    return found.best(threshold, options.max_objects)
