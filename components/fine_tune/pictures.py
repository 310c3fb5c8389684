"""A split of the dataset as one tensor in memory, and the augmentation on the device.

Held as uint8: 39,209 images of 96 × 96 pixels (all of GTSRB's training set) are 1.1 GB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from components.data.dataset import Dataset
from components.fine_tune.decoding import decoded
from components.images import Preprocessing


@dataclass(frozen=True)
class Pictures:
    """A split in memory.

    Attributes:
        pixels: uint8 RGB ``(images, height, width, 3)``, resized by the preprocessing contract.
        class_ids: int64 ``(images,)``.
    """

    pixels: torch.Tensor
    class_ids: torch.Tensor

    def __len__(self) -> int:
        return len(self.class_ids)


def load(dataset: Dataset, split: str, preprocessing: Preprocessing) -> Pictures:
    """Decodes and resizes every image of a split.

    Raises:
        DatasetError: The split has no images.
        ImageError: A file of it is no image.
    """
    part = dataset.split(split)
    pixels = decoded(part, preprocessing)
    return Pictures(torch.from_numpy(pixels), torch.as_tensor(np.asarray(part.class_ids), dtype=torch.int64))


def to_input(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """Normalises uint8 ``(batch, H, W, 3)`` to float32 ``(batch, 3, H, W)``, channels last in memory.

    The same as ``Preprocessing.normalize``, on the device.
    """
    scale, shift = (torch.from_numpy(a).to(pixels.device) for a in preprocessing.scale_and_shift())
    ordered = pixels if preprocessing.channel_order == "RGB" else pixels.flip(-1)
    # (batch, H, W, 3) seen as (batch, 3, H, W) is the channels-last layout: no copy.
    return (ordered.float() * scale + shift).permute(0, 3, 1, 2)


def augment(inputs: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """Varies pose and light a little, and resizes to ``side`` in the same sampling step.

    No flips: a mirrored "turn left" is another class.

    Args:
        inputs: Normalised images ``(batch, 3, H, W)``.
        side: Height and width of the result, in pixels.
        generator: On the CPU, so that a seed means the same on every device.

    Returns:
        ``(batch, 3, side, side)``.
    """
    n = len(inputs)

    def uniform(low: float, high: float) -> torch.Tensor:
        return (torch.rand(n, generator=generator) * (high - low) + low).to(inputs.device)

    angle, scale = uniform(-math.radians(8), math.radians(8)), uniform(0.88, 1.12)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    turn = torch.stack((cos, -sin, uniform(-0.1, 0.1), sin, cos, uniform(-0.1, 0.1)), 1).reshape(n, 2, 3)
    grid = torch.nn.functional.affine_grid(turn, [n, 3, side, side], align_corners=False)
    moved = torch.nn.functional.grid_sample(inputs, grid, padding_mode="border", align_corners=False)
    contrast, brightness = uniform(0.75, 1.3), uniform(-0.35, 0.35)
    varied = moved * contrast[:, None, None, None] + brightness[:, None, None, None]
    return varied.contiguous(memory_format=torch.channels_last)
