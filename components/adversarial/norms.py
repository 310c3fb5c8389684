"""The two ways to measure a perturbation, and what an attack needs of each.

A perturbation is ``(batch, 3, H, W)`` in pixels of [0, 1]; ``radius`` is in the same unit, and ``inf`` is no bound.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch

LEVELS = 255

# What a product such as 255 * (8 / 255) may be below a whole number.
_SLACK = 1e-6


def each(values: torch.Tensor) -> torch.Tensor:
    """Shapes one number an image, ``(batch,)``, so that it multiplies images: ``(batch, 1, 1, 1)``."""
    return values[:, None, None, None]


class Norm(ABC):
    """A norm: how long a perturbation is, and how to move in its ball."""

    name: str

    @abstractmethod
    def size(self, perturbation: torch.Tensor) -> torch.Tensor:
        """Returns the length of each perturbation ``(batch,)``."""

    @abstractmethod
    def project(self, perturbation: torch.Tensor, radius: float) -> torch.Tensor:
        """Returns the nearest perturbation that is not longer than ``radius``."""

    @abstractmethod
    def steepest(self, gradient: torch.Tensor) -> torch.Tensor:
        """Returns the step of length 1 that climbs most."""

    @abstractmethod
    def crossing(self, gap: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Returns the shortest perturbation along which a linear function with this gradient rises by ``gap``.

        DeepFool (Moosavi-Dezfooli et al. 2016, arXiv 1511.04599), equations 8 and 9 for L2, 11 and 12
        for other norms.

        Args:
            gap: ``(batch,)``, not below 0.
            gradient: ``(batch, 3, H, W)``.
        """

    @abstractmethod
    def noise(self, shape: torch.Size, radius: float, generator: torch.Generator) -> torch.Tensor:
        """Returns one perturbation ``(3, H, W)`` drawn from the ball."""

    @abstractmethod
    def rounded(self, originals: torch.Tensor, pixels: torch.Tensor, radius: float) -> torch.Tensor:
        """Rounds pixels to 8 bits without leaving [0, 1] or the ball around the originals.

        Args:
            originals: ``(batch, 3, H, W)``, of 8 bits.
            pixels: ``(batch, 3, H, W)``, inside the ball up to rounding.
            radius: Of the ball.

        Returns:
            Whole multiples of 1/255.
        """

    def __repr__(self) -> str:
        return self.name


class Linf(Norm):
    """The largest change of any channel of any pixel."""

    name = "linf"

    def size(self, perturbation: torch.Tensor) -> torch.Tensor:
        """Returns the largest absolute values ``(batch,)``."""
        return perturbation.abs().amax((1, 2, 3))

    def project(self, perturbation: torch.Tensor, radius: float) -> torch.Tensor:
        """Clips each value."""
        return perturbation.clamp(-radius, radius)

    def steepest(self, gradient: torch.Tensor) -> torch.Tensor:
        """Returns the sign of each value."""
        return gradient.sign()

    def crossing(self, gap: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Returns ``gap / ‖gradient‖₁ · sign(gradient)``."""
        return each(gap / _positive(gradient.abs().sum((1, 2, 3)))) * gradient.sign()

    def noise(self, shape: torch.Size, radius: float, generator: torch.Generator) -> torch.Tensor:
        """Draws each value uniformly."""
        return (2 * torch.rand(shape, generator=generator) - 1) * radius

    def rounded(self, originals: torch.Tensor, pixels: torch.Tensor, radius: float) -> torch.Tensor:
        """Rounds, then clips to the whole levels inside the ball, which holds exactly since originals are whole."""
        reach = math.floor(min(1.0, radius) * LEVELS + _SLACK)
        middle = (originals * LEVELS).round()
        levels = (pixels * LEVELS).round().clamp(middle - reach, middle + reach)
        return levels.clamp(0, LEVELS) / LEVELS


class L2(Norm):
    """The Euclidean length over all pixels and channels."""

    name = "l2"

    def size(self, perturbation: torch.Tensor) -> torch.Tensor:
        """Returns the Euclidean lengths ``(batch,)``."""
        return perturbation.square().sum((1, 2, 3)).sqrt()

    def project(self, perturbation: torch.Tensor, radius: float) -> torch.Tensor:
        """Scales what is too long."""
        return perturbation * each((radius / _positive(self.size(perturbation))).clamp(max=1))

    def steepest(self, gradient: torch.Tensor) -> torch.Tensor:
        """Returns the gradient's direction."""
        return gradient / each(_positive(self.size(gradient)))

    def crossing(self, gap: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Returns ``gap / ‖gradient‖₂² · gradient``."""
        return each(gap / _positive(gradient.square().sum((1, 2, 3)))) * gradient

    def noise(self, shape: torch.Size, radius: float, generator: torch.Generator) -> torch.Tensor:
        """Draws a direction uniformly, and a length uniformly."""
        direction = torch.randn(shape, generator=generator)
        return direction * (radius * torch.rand((), generator=generator) / direction.norm())

    def rounded(self, originals: torch.Tensor, pixels: torch.Tensor, radius: float) -> torch.Tensor:
        """Rounds to the nearest level; what became too long by that is shortened first, or rounded inwards."""
        reach = radius * LEVELS + _SLACK
        middle = (originals * LEVELS).round()
        wanted = (pixels * LEVELS).clamp(0, LEVELS) - middle
        nearest = wanted.round()
        # Rounding adds its own length, about a twelfth of a level squared for each value: room is made for that.
        added = self.size(nearest).square() - self.size(wanted).square()
        room = (reach**2 - added).clamp(min=0).sqrt() if math.isfinite(reach) else self.size(wanted)
        shorter = (wanted * each(0.999 * room / _positive(self.size(wanted)))).round()
        inward = self.project(wanted, radius * LEVELS).trunc()
        change = torch.where(each(self.size(shorter) > reach), inward, shorter)
        change = torch.where(each(self.size(nearest) > reach), change, nearest)
        return ((middle + change) / LEVELS).clamp(0, 1)


NORMS: dict[str, Norm] = {norm.name: norm for norm in (L2(), Linf())}


def _positive(values: torch.Tensor) -> torch.Tensor:
    return values.clamp(min=torch.finfo(values.dtype).tiny)
