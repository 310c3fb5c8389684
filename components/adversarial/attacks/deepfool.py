"""DeepFool: the nearest boundary of the linearised classifier, step by step; then the shortest part that still counts.

Moosavi-Dezfooli, Fawzi & Frossard 2016, arXiv 1511.04599, algorithm 2; targeted as in AdvBox, where the target is the
only candidate. Three things differ, for images of 8 bits:

* Gradients are taken at the rounded image (see the template). A boundary that is crossed between two grey levels is not
  crossed; steps go on until the rounded image is over it.
* No step is longer than ``longest_step``. A ResNet is linear over a short way only: without the bound the first steps
  overshoot, and perturbations are half as long again.
* The path is not straight, and ends somewhere beyond the boundary. The result is the shortest scaling of the whole
  perturbation that still meets the goal after rounding, found by bisection for each image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from components.adversarial.attacks.template import Attack
from components.adversarial.goals import Goal
from components.adversarial.model import PixelModel
from components.adversarial.norms import NORMS, Norm, each
from components.errors import InputError

# Logits beyond the boundary that each step aims at on top: a step shorter than rounding would change nothing.
_PUSH = 0.02


@dataclass(frozen=True, kw_only=True)
class DeepFool(Attack):
    """The smallest perturbation it can find, in any direction and of any length up to ``radius``.

    Attributes:
        overshoot: How far beyond the boundary a step aims, as a share of the way (η of the paper).
        candidates: Classes that are looked at in each step, untargeted.
        longest_step: Of one step, as an L2 length in pixels of [0, 1].
        halvings: Of the bisection.
    """

    name: ClassVar[str] = "deepfool"

    norm: Norm = field(default=NORMS["l2"])
    radius: float = math.inf
    steps: int = 100
    overshoot: float = 0.02
    candidates: int = 10
    longest_step: float = 0.5
    halvings: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.overshoot < math.inf and self.longest_step > 0 and self.candidates >= 1):
            raise InputError(
                "deepfool: expected an overshoot from 0, a longest step over 0 and candidates from 1, "
                f"found {self.overshoot}, {self.longest_step}, {self.candidates}"
            )

    def perturb(self, model: PixelModel, originals: torch.Tensor, goal: Goal) -> tuple[torch.Tensor, torch.Tensor]:
        """Walks to the boundary, then shortens; see the template."""
        change, taken, over = self._walk(model, originals, goal)
        found = self.rounded(originals, originals + change)
        if over.any():
            found[over] = self._shortest(model, originals[over], change[over], goal[over])
        return found, taken

    def _walk(
        self, model: PixelModel, originals: torch.Tensor, goal: Goal
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns perturbations ``(batch, 3, H, W)``, steps taken and whether the goal is met, both ``(batch,)``."""
        change = torch.zeros_like(originals)
        taken = torch.zeros(len(originals), dtype=torch.int64, device=originals.device)
        over = torch.zeros(len(originals), dtype=torch.bool, device=originals.device)
        left = torch.arange(len(originals), device=originals.device)
        for turn in range(self.steps + 1):
            start, aim = originals[left], goal[left]
            seen = self.rounded(start, start + change[left])
            logits, step = self._step(model, seen, aim) if turn < self.steps else (model.logits(seen), None)
            met = self.met(model, seen, logits, aim)
            over[left[met]] = True
            left = left[~met]
            if step is None or not len(left):
                break
            moved = start[~met] + self.norm.project(change[left] + step[~met], self.radius)
            change[left] = moved.clamp(0, 1) - start[~met]
            taken[left] += 1
        return change, taken, over

    def _step(self, model: PixelModel, seen: torch.Tensor, goal: Goal) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns logits ``(batch, classes)`` and the step over the nearest boundary ``(batch, 3, H, W)``."""
        if goal.targeted:
            logits, gradient = model.gradient(seen, goal.margin)
            gaps, gradients = -goal.margin(logits)[:, None], gradient[:, None]
        else:
            logits, classes, rows = model.jacobian(seen, lambda found: goal.with_rivals(found, self.candidates))
            gradients, values = rows[:, 1:] - rows[:, :1], logits.gather(1, classes)
            gaps = values[:, :1] - values[:, 1:]
        gaps = (1 + self.overshoot) * (gaps + self.confidence).clamp(min=0) + _PUSH
        steps = [self._bounded(seen, gap, gradient) for gap, gradient in zip(gaps.T, gradients.unbind(1), strict=True)]
        nearest = torch.stack([self.norm.size(step) for step in steps]).argmin(0)
        step = torch.stack(steps, 1)[torch.arange(len(seen), device=seen.device), nearest]
        lengths = NORMS["l2"].size(step).clamp(min=torch.finfo(step.dtype).tiny)
        return logits, step * each((self.longest_step / lengths).clamp(max=1))

    def _bounded(self, seen: torch.Tensor, gap: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Returns the shortest step over one boundary that black and white pixels can take."""
        stuck = ((seen <= 0) & (gradient < 0)) | ((seen >= 1) & (gradient > 0))
        return self.norm.crossing(gap, gradient.masked_fill(stuck, 0))

    def _shortest(self, model: PixelModel, originals: torch.Tensor, change: torch.Tensor, goal: Goal) -> torch.Tensor:
        """Returns the rounded images at the shortest scaling of the perturbation that meets the goal."""
        high = torch.ones(len(originals), dtype=originals.dtype, device=originals.device)
        low, best = torch.zeros_like(high), self.rounded(originals, originals + change)
        for _ in range(self.halvings):
            middle = (low + high) / 2
            tried = self.rounded(originals, originals + each(middle) * change)
            met = goal.margin(model.logits(tried)) > self.confidence
            high, low = torch.where(met, middle, high), torch.where(met, low, middle)
            best = torch.where(each(met), tried, best)
        return best
