"""One forward and one backward pass: the terms whose sum is the output, and how far it is from it.

f(x) = ⟨∂f/∂x, x⟩ + Σ ⟨∂f/∂z, β⟩ over all operations (the paper, equation 2), for each image of the batch at once: the
gradient of the sum of all images' logits is each image's own gradient as long as images do not mix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import nn

from components.errors import InputError
from components.fullgrad.precision import full_precision
from components.fullgrad.result import BiasGradient
from components.fullgrad.rules import Bias
from components.fullgrad.trace import Entry, Trace

TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-10}
"""The largest residual that rounding explains."""

Target: TypeAlias = "int | Sequence[int] | torch.Tensor | None"


class Decomposition(NamedTuple):
    """A batch of logits, taken apart; the attributes are those of ``Explanation``, plus two.

    Attributes:
        images: As they went in ``(N, C, H, W)``.
        input_gradient: ``(N, C, H, W)``.
        biases: In the order of execution.
        target: ``(N,)``.
        logits: ``(N, classes)``.
        logit: ``(N,)``.
        terms: ``(N, 1 + biases)``; nan where a gradient cannot be told apart by image.
        residual: ``(N,)``.
        unaccounted: Operations whose bias could not be told.
    """

    images: torch.Tensor
    input_gradient: torch.Tensor
    biases: tuple[BiasGradient, ...]
    target: torch.Tensor
    logits: torch.Tensor
    logit: torch.Tensor
    terms: torch.Tensor
    residual: torch.Tensor
    unaccounted: tuple[str, ...]


def decompose(
    network: nn.Module,
    images: torch.Tensor,
    target: Target,
    folded: Mapping[str, Sequence[Bias]],
    layout: torch.memory_format = torch.contiguous_format,
) -> Decomposition:
    """Takes the target logits of a batch apart.

    Args:
        network: A private copy.
        images: ``(N, C, H, W)``.
        target: Classes; None for each image's highest logit.
        folded: What ``folding.fold`` returned.
        layout: Of the images in memory.

    Raises:
        InputError: The network does not answer with logits ``(N, classes)``, or there is no such target.
    """
    trace = Trace(network, folded)
    with torch.inference_mode(False), torch.enable_grad(), full_precision(images.device):
        leaf = (images.clone() if images.is_inference() else images).detach().requires_grad_()
        with trace.following():
            output = network(leaf.clone(memory_format=layout))  # a copy: some networks overwrite their input
        logits = _logits(output, len(images))
        chosen = targets(target, logits)
        logit = logits.gather(1, chosen[:, None])[:, 0]
        edges = [entry.edge for entry in trace.entries]
        gradients = torch.autograd.grad(logit.sum(), [leaf, *edges], allow_unused=True)
    biases = tuple(
        bias_gradient(entry, gradient)
        for entry, gradient in zip(trace.entries, gradients[1:], strict=True)
        if gradient is not None  # a branch that does not lead to the logits
    )
    gradient = gradients[0] if gradients[0] is not None else torch.zeros_like(leaf)
    pixels = leaf.detach()
    terms = torch.stack([(gradient * pixels).flatten(1).sum(1), *(total(b, len(images)) for b in biases)], dim=1)
    logit = logit.detach()
    return Decomposition(
        pixels,
        gradient,
        biases,
        chosen,
        logits.detach(),
        logit,
        terms,
        residual(logit, terms),
        tuple(trace.unaccounted),
    )


def residual(logit: torch.Tensor, terms: torch.Tensor) -> torch.Tensor:
    """Returns |f − Σ terms| / (|f| + Σ |terms|) ``(N,)`` of ``(N,)`` and ``(N, terms)``; 0 where all is 0.

    Compared with the terms and not with f alone: near f = 0 rounding in the terms would look like an error.
    """
    difference = (logit - terms.sum(1)).abs()
    return difference / (logit.abs() + terms.abs().sum(1)).clamp_min(torch.finfo(logit.dtype).tiny)


def total(term: BiasGradient, count: int) -> torch.Tensor:
    """Returns each image's ⟨∂f/∂z, β⟩ ``(N,)``; nan if the gradient's first dimension is not the images'."""
    gradient = term.gradient
    if gradient.ndim == 0 or gradient.shape[0] % count:
        if count > 1:
            return gradient.new_full((count,), torch.nan)
        return (gradient * term.broadcast).sum().reshape(1)
    if term.per_channel and gradient.shape[0] == count and term.channels:
        others = [d for d in range(1, gradient.ndim) if d != term.channels]
        by_channel = gradient.sum(others) if others else gradient
        return by_channel @ term.bias
    return (gradient * term.broadcast).reshape(count, -1).sum(1)


def targets(target: Target, logits: torch.Tensor) -> torch.Tensor:
    """Returns the target classes int64 ``(N,)``.

    Raises:
        InputError: There are more or fewer than images, or no such classes.
    """
    if target is None:
        return logits.detach().argmax(1)
    given = torch.as_tensor(target, device=logits.device)
    if given.dtype.is_floating_point or given.dtype == torch.bool:
        raise InputError(f"target: expected whole numbers, found {given.dtype}")
    chosen = given.long().expand(len(logits)) if given.ndim == 0 else given.long()
    if chosen.shape != (len(logits),):
        raise InputError(f"target: expected one class or {len(logits)}, found the shape {tuple(given.shape)}")
    if ((chosen < 0) | (chosen >= logits.shape[1])).any():
        raise InputError(f"target: expected classes from 0 to {logits.shape[1] - 1}, found {chosen.tolist()[:10]}")
    return chosen


def bias_gradient(entry: Entry, gradient: torch.Tensor) -> BiasGradient:
    """Returns an entry with its gradient."""
    return BiasGradient(
        entry.module, entry.operation, entry.call, gradient, entry.bias, entry.channels, entry.per_channel
    )


def _logits(output: Any, count: int) -> torch.Tensor:
    first = output[0] if isinstance(output, tuple | list) and output else output
    if not isinstance(first, torch.Tensor) or first.ndim != 2 or first.shape[0] != count:
        shape = tuple(first.shape) if isinstance(first, torch.Tensor) else type(first).__name__
        raise InputError(f"fullgrad: expected a model that answers with logits ({count}, classes), found {shape}")
    if not first.requires_grad:
        raise InputError("fullgrad: expected logits that depend on the images, found ones without a gradient")
    return first
