"""What an explanation consists of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch


@dataclass(frozen=True, eq=False)
class BiasGradient:
    """The bias of one call of one operation, times the gradient where it enters.

    Attributes:
        module: The name of the module it happened in, ``layer1.0.bn1``.
        operation: ``conv2d``, ``batch_norm``, ``silu``, ``mul``, …
        call: How many times this operation ran in this module before; over 0 in a module that is used twice.
        gradient: ∂f/∂z ``(N, …)``.
        bias: ``(channels,)``, or of the gradient's shape.
        channels: The dimension of the channels.
        per_channel: Whether the bias is one value a channel.
    """

    module: str
    operation: str
    call: int
    gradient: torch.Tensor
    bias: torch.Tensor
    channels: int
    per_channel: bool

    @cached_property
    def value(self) -> torch.Tensor:
        """The bias gradient b ⊙ ∂f/∂z, of the gradient's shape."""
        return self.gradient * self.broadcast

    @property
    def broadcast(self) -> torch.Tensor:
        """The bias in a shape that can be multiplied with the gradient."""
        if not self.per_channel:
            return self.bias
        return self.bias.reshape([-1 if d == self.channels else 1 for d in range(self.gradient.ndim)])


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why the model said so.

    Attributes:
        saliency: ``(N, H, W)``, at least 0; not scaled between images.
        input_gradient: ∂f/∂x ``(N, C, H, W)``.
        bias_gradients: In the order of execution; empty unless they were to be kept.
        target: The class that was explained, int64 ``(N,)``.
        logits: All of them ``(N, classes)``.
        logit: The target's, f ``(N,)``.
        terms: What f is the sum of: ⟨∂f/∂x, x⟩ first, then one a bias gradient ``(N, 1 + biases)``.
        residual: |f − Σ terms| / (|f| + Σ |terms|) ``(N,)``.
    """

    saliency: torch.Tensor
    input_gradient: torch.Tensor
    bias_gradients: tuple[BiasGradient, ...]
    target: torch.Tensor
    logits: torch.Tensor
    logit: torch.Tensor
    terms: torch.Tensor
    residual: torch.Tensor

    def of(self, module: str) -> tuple[BiasGradient, ...]:
        """Returns the bias gradients of one module, in the order of execution."""
        return tuple(term for term in self.bias_gradients if term.module == module)
