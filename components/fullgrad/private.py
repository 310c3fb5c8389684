"""A copy of a model to work with: weights shared, everything else its own.

Hooks, folded layers, changed memory layouts and frozen parameters stay in the copy. So the caller's model needs no
restoring, after an error as little as after success.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from components.errors import InputError

_NORMALISERS = (nn.modules.batchnorm._BatchNorm,)


def private_copy(model: nn.Module) -> nn.Module:
    """Returns a copy whose parameters share the model's memory and want no gradients; its buffers are copies.

    Raises:
        InputError: The model is in training mode, has a batch normalisation without running statistics (images of a
            batch would depend on each other), or cannot be copied.
    """
    _check(model)
    with torch.inference_mode(False):
        memo: dict[int, object] = {
            id(p): nn.Parameter(p.detach(), requires_grad=False) for p in model.parameters(recurse=True)
        }
        memo |= {id(b): b.detach().clone() for b in model.buffers()}
        memo |= {id(t): t.detach() for t in _kept_activations(model)}
        return _copied(model, memo)


def meta_copy(model: nn.Module) -> nn.Module:
    """Returns a copy without any numbers in it, for finding out what a model does without doing it."""
    memo: dict[int, object] = {id(p): nn.Parameter(p.to("meta"), requires_grad=False) for p in model.parameters()}
    memo |= {id(b): b.to("meta") for b in model.buffers()}
    return _copied(model, memo)


def _check(model: nn.Module) -> None:
    names = {name or type(module).__name__: module for name, module in model.named_modules()}
    training = [name for name, module in names.items() if module.training]
    if training:
        raise InputError(
            f"fullgrad: expected a model in evaluation mode (model.eval()), found {len(training)} modules in training "
            f"mode: {', '.join(training[:5])}"
        )
    coupled = [n for n, module in names.items() if isinstance(module, _NORMALISERS) and module.running_mean is None]
    if coupled:
        raise InputError(
            f"fullgrad: expected batch normalisation with running statistics, found none in {', '.join(coupled[:5])}"
        )


def _kept_activations(model: nn.Module) -> list[torch.Tensor]:
    """Returns tensors with a history that modules keep as attributes; deepcopy refuses them."""
    return [
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, torch.Tensor) and not value.is_leaf
    ]


def _copied(model: nn.Module, memo: dict[int, object]) -> nn.Module:
    try:
        return copy.deepcopy(model, memo)
    except (TypeError, RuntimeError) as error:
        raise InputError(f"fullgrad: expected a model that can be copied, found {error!r}") from None
