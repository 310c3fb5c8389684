"""Robust accuracy: the share of images that are still right under the strongest attack of each radius."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from components.adversarial.attacks import Attack
from components.adversarial.crafting import Case, craft
from components.adversarial.judging import Judge
from components.adversarial.model import PixelModel
from components.data.progress import Progress
from components.intervals import wilson

UNTARGETED = -1


class Point(NamedTuple):
    """Accuracy under attack at one radius.

    Attributes:
        epsilon: The radius, in 255ths; 0 is no attack.
        images: How many were judged.
        right: How many of them are still right.
        accuracy: Their share.
        low: Of its Wilson interval at 95 %.
        high: Of the same.
    """

    epsilon: float
    images: int
    right: int
    accuracy: float
    low: float
    high: float


def robust_accuracy(
    model: PixelModel,
    judge: Judge,
    cases: Sequence[Case],
    attacks: Callable[[float], Attack],
    epsilons: Sequence[float],
    batch: int,
) -> list[Point]:
    """Attacks each image, untargeted, at growing radii until it is wrong.

    An image that one radius breaks is broken at every larger one: the smaller ball lies inside. So it isn't attacked
    again, and the accuracy never rises with the radius, as it must not.

    Args:
        model: What the attacks see.
        judge: What decides, after PNG.
        cases: The images; those that are wrong before count as wrong at every radius.
        attacks: Builds the attack of a radius given in 255ths.
        epsilons: The radii, in 255ths.
        batch: Images that are attacked at once.
    """
    right = [case for case in cases if case.predicted == case.row.class_id]
    points = [_point(0.0, len(right), len(cases))]
    for epsilon in sorted(set(epsilons)):
        progress = Progress(f"robustness at {epsilon:g}/255: attacked", len(right), "images")
        left = []
        for one in craft(model, judge, attacks(epsilon), right, UNTARGETED, batch):
            progress.step()
            if not one.meets(UNTARGETED):
                left.append(one.case)
        right = left
        points.append(_point(epsilon, len(right), len(cases)))
    return points


def _point(epsilon: float, right: int, images: int) -> Point:
    return Point(epsilon, images, right, right / images, *wilson(right, images))
