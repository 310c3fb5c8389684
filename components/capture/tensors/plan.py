"""What a step would write, as a dry run tells it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from components.package.weights import DTYPES


class Planned(NamedTuple):
    """A tensor that a step would hold.

    Attributes:
        name: In the trial.
        dtype: As safetensors spells it.
        shape: Of the tensor.
        lasting: Whether it is kept once as long as it does not change, and not in every step.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    lasting: bool = False

    @property
    def bytes(self) -> int:
        """How many it takes."""
        return math.prod(self.shape) * np.dtype(DTYPES[self.dtype]).itemsize


@dataclass(frozen=True)
class Plan:
    """What a step would write; ``str`` of it is a table.

    Attributes:
        tensors: Sorted by name.
    """

    tensors: tuple[Planned, ...]

    @property
    def step_bytes(self) -> int:
        """Of one step, each time."""
        return sum(one.bytes for one in self.tensors if not one.lasting)

    @property
    def parameter_bytes(self) -> int:
        """Of what is written once as long as it does not change."""
        return sum(one.bytes for one in self.tensors if one.lasting)

    def __str__(self) -> str:
        lines = [f"{one.bytes:>12,}  {one.dtype:<4} {one.shape!s:<22} {one.name}" for one in self.tensors]
        return "\n".join([*lines, f"{self.step_bytes:>12,}  a step", f"{self.parameter_bytes:>12,}  once a model"])
