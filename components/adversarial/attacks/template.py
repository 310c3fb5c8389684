"""What all attacks share: 8-bit images in, 8-bit images out, and what is finished leaves the batch."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from components.adversarial.goals import Goal
from components.adversarial.model import PixelModel, frozen
from components.adversarial.norms import LEVELS, Norm
from components.errors import InputError
from components.images import Pixels


class Perturbed(NamedTuple):
    """What an attack made.

    Attributes:
        images: uint8 RGB ``(batch, H, W, 3)``.
        steps: int64 ``(batch,)``, how many gradients each took.
    """

    images: Pixels
    steps: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """An attack; a subclass says where it starts and how it moves.

    The gradient of each step is taken at the *rounded* image, and an image is finished when the rounded one meets the
    goal: so the 8 bits that a file has are no surprise at the end. Laws: pixels stay in [0, 1] and the perturbation in
    its ball, exactly and after rounding; an image's result does not depend on the images beside it (up to rounding of
    the convolutions).

    Attributes:
        norm: In which ``radius`` and steps are measured.
        radius: The longest perturbation, in pixels of [0, 1].
        steps: Gradients an image, at most.
        seed: Of whatever is drawn by lot.
        confidence: Logits by which the goal must be met. Another machine or batch size rounds differently; an image on
            the very boundary would not survive that.
    """

    name: ClassVar[str]

    norm: Norm
    radius: float
    steps: int
    seed: int = 0
    confidence: float = 0.1

    def __post_init__(self) -> None:
        if not self.radius > 0 or self.steps < 1:
            raise InputError(
                f"{self.name}: expected a radius over 0 and steps from 1, found {self.radius}, {self.steps}"
            )
        if self.norm.name == "linf" and self.radius < 1 / LEVELS - 1e-9:
            raise InputError(f"{self.name}: expected a radius of at least 1/255 in linf, found {self.radius}")

    def __call__(self, model: PixelModel, images: Pixels, goal: Goal) -> Perturbed:
        """Attacks a batch; the model is left as it was.

        Args:
            model: At the images' size.
            images: uint8 RGB ``(batch, H, W, 3)``.
            goal: For these images. One that meets it already may come back changed: whoever minds leaves it out.
        """
        if images.ndim != 4 or images.dtype != np.uint8 or images.shape[3] != 3:
            raise InputError(
                f"{self.name}: expected uint8 pixels (batch, H, W, 3), found {images.dtype} {images.shape}"
            )
        if len(images) != len(goal.classes):
            raise InputError(
                f"{self.name}: expected a class for each of {len(images)} images, found {len(goal.classes)}"
            )
        if not len(images):
            return Perturbed(images, np.zeros(0, np.int64))
        planes = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        originals = planes.to(model.device, model.dtype) / LEVELS
        with frozen(model.network):
            pixels, steps = self.perturb(model, originals, goal)
        levels = (pixels * LEVELS).round().to(torch.uint8).cpu().numpy()
        return Perturbed(np.ascontiguousarray(levels.transpose(0, 2, 3, 1)), steps.cpu().numpy())

    @abstractmethod
    def perturb(self, model: PixelModel, originals: torch.Tensor, goal: Goal) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns rounded pixels ``(batch, 3, H, W)`` in the originals' ball, and gradients taken ``(batch,)``."""

    def met(self, model: PixelModel, pixels: torch.Tensor, logits: torch.Tensor, goal: Goal) -> torch.Tensor:
        """Says for which rounded images the goal is met ``(batch,)``.

        The logits that came with a gradient may be of half precision; what they claim is asked again in full.
        """
        met = goal.margin(logits) > self.confidence
        if met.any():
            met[met.clone()] = goal[met].margin(model.logits(pixels[met])) > self.confidence
        return met

    def rounded(self, originals: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        """Rounds pixels to 8 bits, inside the ball."""
        return self.norm.rounded(originals, pixels, self.radius)

    def noise(self, originals: torch.Tensor) -> torch.Tensor:
        """Returns one random perturbation an image ``(batch, 3, H, W)``: a function of the seed and the image alone."""
        reach = self.radius if math.isfinite(self.radius) else 1.0
        drawn = []
        for image in (originals * LEVELS).round().to(torch.uint8).cpu():
            key = hashlib.sha256(f"{self.seed}\n".encode() + image.numpy().tobytes()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(key[:8], "little") >> 1)
            drawn.append(self.norm.noise(image.shape, reach, generator))
        return torch.stack(drawn).to(originals)
