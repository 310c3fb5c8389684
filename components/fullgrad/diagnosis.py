"""Which modules to look at when terms do not sum up to the logit.

The law holds for each module by itself: what leaves it, ⟨∂f/∂out, out⟩, is what enters it, ⟨∂f/∂in, in⟩, plus the
biases inside. A module for which that fails while it holds for the modules inside it does something that was not seen,
such as a ``torch.autograd.Function`` of its own.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.utils import _pytree as pytree

from components.errors import RoadworthyError
from components.fullgrad.decomposition import bias_gradient
from components.fullgrad.rules import depends
from components.fullgrad.trace import Trace

_SHARE = 1e-4  # of the largest amount that crosses into or out of a module; less is rounding

Crossing = tuple[str, float, GradientEdge, torch.Tensor]


def suspects(network: nn.Module, image: torch.Tensor, target: int) -> tuple[str, ...]:
    """Returns the modules that do not add up by themselves, worst first, with their class and what is missing.

    Args:
        network: A private copy, with nothing folded.
        image: ``(1, C, H, W)``.
        target: The class.
    """
    missing: dict[str, float] = {}
    with suppress(RoadworthyError, RuntimeError):  # a diagnosis must not hide what is wrong behind its own error
        missing = _missing(network, image, target)
    modules = {name or type(network).__name__: module for name, module in network.named_modules()}
    ordered = sorted(missing, key=lambda name: -abs(missing[name]))
    return tuple(f"{name} ({type(modules[name]).__name__}: {missing[name]:.3g} unaccounted for)" for name in ordered)


def _missing(network: nn.Module, image: torch.Tensor, target: int) -> dict[str, float]:
    trace, crossings, parents = Trace(network, {}), list[Crossing](), _parents(network)
    names = {module: name or type(network).__name__ for name, module in network.named_modules()}
    handles = []
    for module, name in names.items():
        handles.append(module.register_forward_pre_hook(_entering(name, crossings), with_kwargs=True))
        handles.append(module.register_forward_hook(_leaving(name, crossings)))
    try:
        with torch.inference_mode(False), torch.enable_grad(), trace.following():
            output = network(image.detach().clone().requires_grad_())
            logits = output[0] if isinstance(output, tuple | list) else output
    finally:
        for handle in handles:
            handle.remove()
    edges = [crossing[2] for crossing in crossings] + [entry.edge for entry in trace.entries]
    gradients = torch.autograd.grad(logits[0, target], edges, allow_unused=True)
    balance: dict[str, float] = defaultdict(float)
    largest = 0.0
    for (name, sign, _, value), gradient in zip(crossings, gradients, strict=False):
        amount = 0.0 if gradient is None else sign * float((gradient * value).sum())
        largest = max(largest, abs(amount))
        balance[name] += amount
        if name in parents:  # what goes through a child is not the parent's own
            balance[parents[name]] -= amount
    for entry, gradient in zip(trace.entries, gradients[len(crossings) :], strict=True):
        if gradient is not None:
            balance[entry.module] -= float(bias_gradient(entry, gradient).value.sum())
    return {name: value for name, value in balance.items() if not abs(value) <= _SHARE * largest}


def _parents(network: nn.Module) -> dict[str, str]:
    root = type(network).__name__
    return {name: name.rpartition(".")[0] or root for name, _ in network.named_modules() if name}


def _entering(name: str, crossings: list[Crossing]) -> Any:
    def hook(module: nn.Module, args: Any, kwargs: Any) -> Any:
        return pytree.tree_map(lambda v: _crossed(v, name, -1.0, crossings), (args, kwargs))

    return hook


def _leaving(name: str, crossings: list[Crossing]) -> Any:
    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        return pytree.tree_map(lambda v: _crossed(v, name, 1.0, crossings), output)

    return hook


def _crossed(value: Any, name: str, sign: float, crossings: list[Crossing]) -> Any:
    """Returns a copy at which a gradient can be taken that is this crossing's alone."""
    if not depends(value):
        return value
    copy = value.clone()
    crossings.append((name, sign, get_gradient_edge(copy), copy.detach().clone()))
    return copy
