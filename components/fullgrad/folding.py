"""Batch normalisation folded into the convolution before it.

In evaluation mode batch normalisation is y = s·z + t with s = w/√(σ² + eps), t = b − s·μ. After a convolution
z = W∗x + c it is the convolution (sW)∗x + (sc + t): one pass over memory less each way. That is exact only where
*nothing else* reads z, which the names of layers do not tell; so the network is run once without numbers (on torch's
``meta`` device) and who reads what is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from components.fullgrad.private import meta_copy
from components.fullgrad.rules import QUESTIONS, Bias, normalisation_bias

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def pairs(network: nn.Module, images: torch.Tensor) -> tuple[tuple[str, str], ...]:
    """Returns the names of each convolution and of the batch normalisation that alone reads its output.

    None, if the network cannot be run without numbers.

    Args:
        network: A private copy.
        images: ``(N, C, H, W)``; only shape and type matter.
    """
    try:
        return _pairs(meta_copy(network), images)
    except Exception:  # a forward pass may raise anything, above all one that asks for a tensor's numbers
        return ()


def fold(network: nn.Module, found: Sequence[tuple[str, str]]) -> dict[str, tuple[Bias, ...]]:
    """Folds what ``pairs`` found, in place.

    Returns:
        For each convolution the biases that its new one consists of, the normalisation's under its own name.
    """
    modules = dict(network.named_modules())
    return {conv: _fold(modules[conv], modules[norm], norm) for conv, norm in found}


def _fold(conv: Any, norm: Any, name: str) -> tuple[Bias, ...]:
    scale = torch.rsqrt(norm.running_var + norm.eps)
    scale = scale if norm.weight is None else scale * norm.weight
    scale = scale.detach()
    added = normalisation_bias(norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.eps)
    parts = [] if conv.bias is None else [Bias(conv.bias.detach() * scale, f"conv{conv.weight.ndim - 2}d")]
    parts.append(Bias(added, "batch_norm", name))
    weight = conv.weight.detach() * scale.reshape(-1, *[1] * (conv.weight.ndim - 1))
    conv.weight = nn.Parameter(weight, requires_grad=False)
    conv.bias = nn.Parameter(sum((part.values for part in parts[1:]), parts[0].values), requires_grad=False)
    norm.forward = _identity
    return tuple(parts)


def _identity(x: torch.Tensor) -> torch.Tensor:
    return x


def _pairs(network: nn.Module, images: torch.Tensor) -> tuple[tuple[str, str], ...]:
    made: dict[int, str] = {}
    read: dict[int, str] = {}
    calls: Counter[str] = Counter()
    kept: list[torch.Tensor] = []  # alive, so that no two tensors have the same id
    foldable = {name: module for name, module in network.named_modules() if _foldable(module)}
    for name, module in foldable.items():
        module.register_forward_hook(_noting(name, made if isinstance(module, _CONVOLUTIONS) else read, calls, kept))
    readers = _Readers(kept)
    with torch.no_grad(), readers:
        network(torch.empty(images.shape, dtype=images.dtype, device="meta"))
    found = []
    for key, conv in made.items():
        norm = read.get(key)
        once = norm is not None and calls[conv] == calls[norm] == 1 and readers.counts[key] == 1
        if norm is not None and once and _fit(foldable[conv], foldable[norm]):
            found.append((conv, norm))
    return tuple(found)


def _foldable(module: nn.Module) -> bool:
    """Whether a module is exactly what it seems: no subclass, no parametrisation, no hooks that see its output."""
    hooked = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    return type(module) in (*_CONVOLUTIONS, *_NORMALISATIONS) and not hooked and "forward" not in vars(module)


def _fit(conv: Any, norm: Any) -> bool:
    return conv.out_channels == norm.num_features and conv.weight.dtype == norm.running_mean.dtype


def _noting(
    name: str, where: dict[int, str], calls: Counter[str], kept: list[torch.Tensor]
) -> Callable[[nn.Module, Any, Any], None]:
    def note(module: nn.Module, args: Any, output: Any) -> None:
        calls[name] += 1
        tensor = output if isinstance(module, _CONVOLUTIONS) else args[0]
        kept.append(tensor)
        where[id(tensor)] = name

    return note


class _Readers(TorchFunctionMode):
    """Counts by how many operations each tensor is read."""

    def __init__(self, kept: list[torch.Tensor]) -> None:
        super().__init__()
        self.counts: Counter[int] = Counter()
        self._kept = kept

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs one operation and counts what it reads."""
        if getattr(func, "__name__", "") not in QUESTIONS:
            for leaf in pytree.tree_leaves((args, dict(kwargs or {}))):
                if isinstance(leaf, torch.Tensor):
                    self._kept.append(leaf)
                    self.counts[id(leaf)] += 1
        output = func(*args, **(kwargs or {}))
        self._kept += [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor)]
        return output
