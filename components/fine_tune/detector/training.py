"""The loop: a recipe in, the best weights out.

Adam (Kingma and Ba 2014, arXiv 1412.6980) under a rate that warms up and then falls along a cosine (Loshchilov and
Hutter 2016, arXiv 1608.03983); the losses are GluonCV's, those of YOLOv3: objectness, centre, size and
class of each box.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from components.errors import InputError
from components.fine_tune.detector import network as networks
from components.fine_tune.detector.answering import find
from components.fine_tune.detector.batches import Batch, Batches
from components.fine_tune.detector.evaluation import quick
from components.fine_tune.detector.framework import mx
from components.fine_tune.detector.pictures import Pictures
from components.images import Preprocessing

_SAY = 5.0
"""Seconds between two lines of progress."""

_AHEAD = 8
"""Steps that may wait in MXNet's queue: it would take a whole epoch's batches into memory."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        epochs: At most; 0 trains nothing.
        batch_size: Pictures a step.
        learning_rate: The peak.
        warm_up: Share of all steps in which the rate rises to its peak.
        mirror: Whether pictures may be mirrored: not where a mirrored class is another one, as with signs.
        shift: The farthest that pictures are moved, as a share of their sides.
        patience: Epochs without a better one on the validation split before it stops.
        seed: Of the initial weights, the order of the pictures and their variation.
    """

    epochs: int = 8
    batch_size: int = 16
    learning_rate: float = 3e-3
    warm_up: float = 0.05
    mirror: bool = False
    shift: float = 0.1
    patience: int = 5
    seed: int = 0

    def rate(self, step: int, steps: int) -> float:
        """Returns the learning rate of a step, counted from 0."""
        risen = min(1.0, (step + 1) / max(1.0, self.warm_up * steps))
        return self.learning_rate * risen * (1 + math.cos(math.pi * step / steps)) / 2


class Losses(NamedTuple):
    """Means over an epoch, each a sum over the boxes of a picture."""

    objectness: float
    centers: float
    scales: float
    classes: float


@dataclass
class History:
    """What happened, one entry an epoch; ``best`` is the epoch whose weights were kept, counted from 0."""

    best: int = 0
    steps: int = 0
    losses: list[Losses] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def loss(self) -> list[float]:
        """The sum of the losses of each epoch."""
        return [round(sum(losses), 6) for losses in self.losses]


def train(
    network: Any, data: Pictures, validation: Pictures, preprocessing: Preprocessing, recipe: Recipe, classes: int
) -> History:
    """Trains ``network`` in place and leaves it with the weights of its best epoch.

    Args:
        network: Initialised, on the device that it is to be trained on.
        data: What it learns from.
        validation: What decides which epoch was best and when to stop.
        preprocessing: The contract.
        recipe: How.
        classes: How many there are.

    Raises:
        InputError: The losses are no longer finite.
    """
    history, started, best, waited = History(), time.monotonic(), {}, 0
    loop = _Loop(network, data, preprocessing, recipe, classes)
    for epoch in range(recipe.epochs):
        losses = loop.epoch(epoch)
        found = find(network, validation.pixels, preprocessing, loop.context)
        score = quick(validation.objects, found, classes)
        history.losses.append(losses)
        history.validation.append(score)
        _say(f"epoch {epoch + 1}/{recipe.epochs}: {_told(losses)}, validation mAP50 {score:.4f}")
        better = score > max(history.validation[:-1], default=-1.0)
        waited = 0 if better else waited + 1
        if better or score == history.validation[history.best]:  # of equals the later one, trained at a lower rate
            history.best, best = epoch, {name: p.data().copy() for name, p in network.collect_params().items()}
        if waited >= recipe.patience:
            _say(f"stopped: no better epoch in the last {waited}")
            break
    for name, parameter in network.collect_params().items() if best else ():
        parameter.set_data(best[name])
    history.steps, history.seconds = loop.step, time.monotonic() - started
    return history


class _Loop:
    """What lives from epoch to epoch: batches, optimizer, and the number of the step."""

    def __init__(
        self, network: Any, data: Pictures, preprocessing: Preprocessing, recipe: Recipe, classes: int
    ) -> None:
        parameters = network.collect_params()
        self.network, self.recipe, self.step = network, recipe, 0
        self.context = next(iter(parameters.values())).list_ctx()[0]
        self.batches = Batches(
            data,
            preprocessing,
            networks.grid(network, preprocessing.height, preprocessing.width),
            classes,
            size=recipe.batch_size,
            mirror=recipe.mirror,
            shift=recipe.shift,
            seed=recipe.seed,
        )
        self.steps = recipe.epochs * len(self.batches)
        self.trainer = mx.gluon.Trainer(parameters, "adam", {"learning_rate": recipe.learning_rate})

    def epoch(self, epoch: int) -> Losses:
        """Runs over all pictures once and returns the mean losses."""
        networks.hybridize(self.network)
        total, said, first = mx.nd.zeros(4, ctx=self.context), time.monotonic(), self.step
        for batch in self.batches.epoch():
            total = total + self._step(batch)
            done = self.step - first
            if done % _AHEAD == 0:
                total.wait_to_read()
            if time.monotonic() - said >= _SAY:
                said = time.monotonic()
                _say(f"epoch {epoch + 1}: step {done} of {len(self.batches)}, {_told(_mean(total, done))}")
        losses = _mean(total, len(self.batches))
        if not all(map(math.isfinite, losses)):
            raise InputError(f"training: expected finite losses, found {_told(losses)}; a lower learning rate may help")
        return losses

    def _step(self, batch: Batch) -> Any:
        given = [mx.nd.array(a, ctx=self.context) for a in (batch.inputs, batch.boxes, *batch.targets)]
        with mx.autograd.record():
            losses = mx.nd.stack(*self.network(*given))  # (4, batch)
        losses.backward()
        self.trainer.set_learning_rate(self.recipe.rate(self.step, self.steps))
        self.trainer.step(len(batch.inputs))
        self.step += 1
        return losses.mean(axis=1)


def _mean(total: Any, steps: int) -> Losses:
    return Losses(*np.round(total.asnumpy().astype(np.float64) / steps, 6).tolist())


def _told(losses: Losses) -> str:
    return f"loss {sum(losses):.3f} (" + ", ".join(f"{k} {v:.3f}" for k, v in losses._asdict().items()) + ")"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
