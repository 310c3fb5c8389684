"""Attacks that climb the cross-entropy inside a ball: FGSM, PGD, MI-FGSM."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from components.adversarial.attacks.template import Attack
from components.adversarial.goals import Goal
from components.adversarial.model import PixelModel
from components.adversarial.norms import NORMS, Norm, each


@dataclass(frozen=True, kw_only=True)
class GradientAttack(Attack):
    """Steps along the gradient, each followed by a projection into the ball and [0, 1].

    Attributes:
        step_size: In the norm; 0 leaves it to ``default_step``.
        random_start: Begin at a random place in the ball.
    """

    norm: Norm = field(default=NORMS["linf"])
    step_size: float = 0.0
    random_start: bool = False

    @property
    def default_step(self) -> float:
        """The length of a step where none is given."""
        return self.radius / self.steps

    def direction(self, gradient: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the next step, of length 1, and what to remember; both ``(batch, 3, H, W)``."""
        return self.norm.steepest(gradient), memory

    def perturb(self, model: PixelModel, originals: torch.Tensor, goal: Goal) -> tuple[torch.Tensor, torch.Tensor]:
        """Climbs; see the template."""
        length = self.step_size or self.default_step
        found = originals.clone()
        taken = torch.zeros(len(originals), dtype=torch.int64, device=originals.device)
        left = torch.arange(len(originals), device=originals.device)
        change = self.noise(originals) if self.random_start else torch.zeros_like(originals)
        memory = torch.zeros_like(originals)
        for _ in range(self.steps):
            start, aim = originals[left], goal[left]
            seen = self.rounded(start, start + change)
            logits, gradient = model.gradient(seen, aim.objective)
            met = self.met(model, seen, logits, aim)
            found[left] = seen
            left, change, memory = left[~met], change[~met], memory[~met]
            if not len(left):
                return found, taken
            step, memory = self.direction(gradient[~met], memory)
            start = originals[left]
            moved = start + self.norm.project(change + length * step, self.radius)
            change = moved.clamp(0, 1) - start
            taken[left] += 1
        found[left] = self.rounded(originals[left], originals[left] + change)
        return found, taken


@dataclass(frozen=True, kw_only=True)
class FGSM(GradientAttack):
    """One step to the ball's edge: Goodfellow, Shlens & Szegedy 2014, arXiv 1412.6572.

    With more steps, each a part of the way, it is the basic iterative method: Kurakin et al. 2016, arXiv 1607.02533.
    """

    name: ClassVar[str] = "fgsm"
    radius: float = 16 / 255
    steps: int = 1


@dataclass(frozen=True, kw_only=True)
class PGD(GradientAttack):
    """Many small steps from a random start: Madry et al. 2017, arXiv 1706.06083."""

    name: ClassVar[str] = "pgd"
    radius: float = 16 / 255
    steps: int = 20
    random_start: bool = True

    @property
    def default_step(self) -> float:
        """2.5 times the radius over the steps (Madry et al., appendix), so that the ball's edge can be reached."""
        return 2.5 * self.radius / self.steps


@dataclass(frozen=True, kw_only=True)
class MIFGSM(GradientAttack):
    """Steps along a decaying sum of gradients: Dong et al. 2018, arXiv 1710.06081, algorithm 1.

    Attributes:
        decay: Of the sum, μ.
    """

    name: ClassVar[str] = "mi_fgsm"
    radius: float = 16 / 255
    steps: int = 20
    decay: float = 1.0

    def direction(self, gradient: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Adds the gradient, scaled to an L1 length of 1 (equation 6), to what is remembered."""
        lengths = gradient.abs().sum((1, 2, 3)).clamp(min=torch.finfo(gradient.dtype).tiny)
        memory = self.decay * memory + gradient / each(lengths)
        return self.norm.steepest(memory), memory
