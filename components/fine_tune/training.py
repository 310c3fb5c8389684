"""The loop: a recipe in, the best weights out.

Stochastic gradient descent with Nesterov momentum under a one-cycle learning rate (Smith 2018, arXiv 1803.09820),
label smoothing, and *progressive resizing*: the first part of the epochs runs at two thirds of the side, where a step
costs less than half, and the rest at the full side that the server will use.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from components.errors import InputError
from components.fine_tune import evaluation
from components.fine_tune.pictures import Pictures, augment, to_input
from components.images import Preprocessing


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        epochs: At most.
        batch_size: Images a step.
        learning_rate: The peak of the cycle.
        weight_decay: Of every weight.
        label_smoothing: Share of the target spread over all classes.
        small_share: Share of the epochs that runs at two thirds of the side.
        patience: Epochs at the full side without a better validation accuracy before it stops.
        seed: Of the initial weights, the order of the images and the augmentation.
    """

    epochs: int = 5
    batch_size: int = 64
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    small_share: float = 0.6
    patience: int = 3
    seed: int = 0

    def side(self, epoch: int, full: int) -> int:
        """The side of the images in an epoch (counted from 0), in pixels; a multiple of 32 when it is not the full."""
        return full if epoch >= self.epochs * self.small_share else max(32, full * 2 // 3 // 32 * 32)


@dataclass
class History:
    """What happened, one entry an epoch; ``best`` is the epoch whose weights were kept, counted from 0."""

    best: int = 0
    loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, loss: float, accuracy: float, seconds: float) -> None:
        """Appends one epoch."""
        self.loss.append(loss)
        self.validation_accuracy.append(accuracy)
        self.seconds.append(seconds)

    @property
    def last(self) -> str:
        """The last epoch in words."""
        loss, accuracy, seconds = self.loss[-1], self.validation_accuracy[-1], self.seconds[-1]
        return f"loss {loss:.3f}, validation accuracy {accuracy:.4f}, {seconds:.0f} s"


def device() -> torch.device:
    """The device there is: CUDA when it can be used, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seed_everything(seed: int) -> None:
    """Makes the run repeatable: the same seed on the same machine gives the same weights."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def mixed_precision(where: torch.device) -> AbstractContextManager[object]:
    """Autocast to the half-precision type that the device computes faster in, if there is one.

    bfloat16 on CPUs with the instructions for it (1.6 times as fast on one with AVX-512 BF16; without them it is
    emulated and slower) and on GPUs since Ampere, float16 on older GPUs such as the T4 of a g4dn node.
    """
    if where.type == "cuda":
        # float16 loses small gradients; `train` scales the loss for it.
        return torch.autocast("cuda", torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16)
    return torch.autocast("cpu", torch.bfloat16, enabled=_cpu_has_bfloat16())


def train(
    network: torch.nn.Module, data: Pictures, validation: Pictures, preprocessing: Preprocessing, recipe: Recipe
) -> History:
    """Trains ``network`` in place and leaves it with the weights of its best epoch, in eval mode.

    Args:
        network: ``(batch, 3, H, W)`` → logits ``(batch, classes)``.
        data: What it learns from.
        validation: What decides which epoch was best and when to stop.
        preprocessing: The contract; its height is the full side.
        recipe: How.

    Raises:
        InputError: There are fewer than two images to learn from.
    """
    if len(data) < 2:
        raise InputError(f"expected two images or more to learn from, found {len(data)}")
    history, best, highest, waited = History(), {}, -1.0, 0
    loop = _Loop(network, data, preprocessing, recipe)
    for epoch in range(recipe.epochs):
        started, side = time.monotonic(), recipe.side(epoch, preprocessing.height)
        loss = loop.epoch(epoch, side)
        accuracy = evaluation.evaluate(network, validation, preprocessing, side).accuracy
        if side != recipe.side(epoch - 1, preprocessing.height):
            highest = -1.0  # an accuracy at a smaller side is another number
        history.add(loss, accuracy, time.monotonic() - started)
        _say(f"epoch {epoch + 1}/{recipe.epochs}: {side} px, {history.last}")
        if accuracy >= highest:  # of equals the later one: it has seen more at the full side
            history.best, best = epoch, {k: v.clone() for k, v in network.state_dict().items()}
        waited = 0 if accuracy > highest or side < preprocessing.height else waited + 1
        highest = max(highest, accuracy)
        if waited >= recipe.patience:
            _say(f"stopped: no better epoch in the last {waited}")
            break
    network.load_state_dict(best)
    network.eval()
    return history


class _Loop:
    """What lives from epoch to epoch: optimizer, schedule, loss scale, and the generator of all chance."""

    def __init__(self, network: torch.nn.Module, data: Pictures, preprocessing: Preprocessing, recipe: Recipe) -> None:
        self.network, self.data, self.preprocessing, self.recipe = network, data, preprocessing, recipe
        self.device = device()
        network.to(self.device, memory_format=torch.channels_last)
        rate, steps = recipe.learning_rate, recipe.epochs * len(batches(torch.arange(len(data)), recipe.batch_size))
        self.optimizer = torch.optim.SGD(
            network.parameters(), rate, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, rate, total_steps=steps, pct_start=0.25)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.device.type == "cuda")
        self.generator = torch.Generator().manual_seed(recipe.seed)

    def epoch(self, epoch: int, side: int) -> float:
        """Runs over all images once and returns the mean loss."""
        self.network.train()
        total = torch.zeros((), device=self.device)
        order = torch.randperm(len(self.data), generator=self.generator)
        for chosen in _with_progress(batches(order, self.recipe.batch_size), epoch, len(order)):
            total += self._step(self.data.pixels[chosen], self.data.class_ids[chosen], side) * len(chosen)
        return float(total) / len(order)

    def _step(self, pixels: torch.Tensor, class_ids: torch.Tensor, side: int) -> torch.Tensor:
        inputs = augment(to_input(pixels.to(self.device), self.preprocessing), side, self.generator)
        with mixed_precision(self.device):
            logits = self.network(inputs)
        loss = cross_entropy(logits.float(), class_ids.to(self.device), label_smoothing=self.recipe.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        return loss.detach()


def batches(order: torch.Tensor, size: int) -> list[torch.Tensor]:
    """Returns ``(images,)`` positions in batches; one that is left over joins the last batch.

    Batch normalisation refuses a single image whose last feature map is a single pixel, as that of a small side is.
    """
    found = list(order.split(size))
    if len(found) > 1 and len(found[-1]) == 1:
        found[-2:] = [torch.cat(found[-2:])]
    return found


def _with_progress(batches: Sequence[torch.Tensor], epoch: int, images: int) -> Iterator[torch.Tensor]:
    said = started = time.monotonic()
    done = 0
    for batch in batches:
        yield batch
        done, now = done + len(batch), time.monotonic()
        if now - said >= 10:
            said = now
            _say(f"epoch {epoch + 1}: {done} of {images} images, {done / (now - started):.0f} a second")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _cpu_has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    except OSError:  # not Linux
        return False
    return bool({"avx512_bf16", "amx_bf16"} & set(flags))
