"""What a torch module has that could be kept: the names, and what lasts longer than a step."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from components.capture.tensors import names
from components.errors import InputError

_COUNTED = 10  # of a module's calls in a step, in the names against which a pattern is checked before any call


def candidates(module: torch.nn.Module) -> list[str]:
    """Returns the names that tensors of a module can have, the first call and output of each module only, sorted."""
    root = type(module).__name__
    activations = [
        f"{names.of_module(root, path)}_{what}_0" for path, _ in module.named_modules() for what in ("input", "output")
    ]
    gradients = [*(name for name in activations if "_output_" in name), names.IMAGE]
    gradients += [f"{root}_{path}" for path, _ in module.named_parameters()]
    kept = [name for name, _ in lasting(module)]
    return sorted({*activations, *kept, *(names.GRADIENT + name for name in gradients)})


def check_pattern(module: torch.nn.Module, include_regex: str) -> list[str]:
    """Returns which of a module's possible names a pattern matches.

    Raises:
        InputError: None, or it is no regular expression; the nearest names are told.
    """
    pattern = names.pattern(include_regex)
    there = candidates(module)
    if found := [name for name in there if pattern.search(name)]:
        return found
    # Of a module that is called again in a step, or gives several tensors, only the first has a 0.
    counted = [name[:-1] + str(n) for name in there if name.endswith("put_0") for n in range(1, _COUNTED)]
    if found := [name for name in counted if pattern.search(name)]:
        return found
    raise unmatched(include_regex, there)


def lasting(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields what a module keeps between steps: parameters, buffers, and the eps of its normalisations."""
    root = type(module).__name__
    for path, parameter in module.named_parameters():
        yield f"{root}_{path}", parameter
    for path, buffer in module.named_buffers():
        yield f"{root}_{path}", buffer
    for path, part in module.named_modules():
        # FullGrad's implicit bias of a normalisation needs it, and no state_dict holds it.
        if isinstance(eps := getattr(part, "eps", None), float):
            yield f"{names.of_module(root, path)}.eps", torch.tensor(eps, dtype=torch.float64)


def plain(module: torch.nn.Module) -> torch.nn.Module:
    """Returns the module, if hooks see its parts.

    Raises:
        InputError: It is none, or a wrapper of one.
    """
    kind = type(module).__name__
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"expected a torch.nn.Module, found {kind}")
    wrapper = isinstance(module, torch.nn.parallel.DistributedDataParallel | torch.nn.DataParallel)
    if wrapper or isinstance(module, torch.jit.ScriptModule) or kind == "OptimizedModule":
        raise InputError(f"expected a plain module, found {kind}: take the module that it was made from")
    return module


def unmatched(pattern: str, there: list[str]) -> InputError:
    """Returns the error for a pattern that matches none of the names that are there."""
    told = names.near_misses(pattern, there)
    return InputError(f"expected tensors that match {pattern!r}, found none; {told}")
