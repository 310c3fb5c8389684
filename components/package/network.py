"""From a package's verified bytes to the torch network that they describe: one way for all who run it.

The server, the attacks and the explanations must mean the same network; so none of them builds its own.
"""

from __future__ import annotations

from typing import Any

import torch
import torchvision

from components.errors import InputError, WeightsError
from components.package.description import ModelDescription
from components.package.weights import load_numpy

ARCHITECTURES = ("resnet18", "resnet34", "resnet50")


def build(description: ModelDescription, weights: bytes) -> torch.nn.Module:
    """Returns the network ``(batch, 3, height, width)`` → logits ``(batch, classes)``, in eval mode.

    Args:
        description: ``architecture`` and ``labels`` are used.
        weights: The verified content of a safetensors file.

    Raises:
        InputError: The architecture is not known here.
        WeightsError: A tensor is missing, unknown, or of another shape, type, or value than a finite number.
    """
    network = skeleton(description)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = load_numpy(weights)
    _compare(expected, {name: tuple(array.shape) for name, array in given.items()})
    network.load_state_dict({n: torch.from_numpy(a.copy()) for n, a in given.items()}, assign=True)
    return network.eval()


def skeleton(description: ModelDescription) -> torch.nn.Module:
    """Returns the network without weights, on torch's ``meta`` device: its modules and their names, no memory.

    Raises:
        InputError: The architecture is not known here.
    """
    if description.architecture not in ARCHITECTURES:
        raise InputError(
            f"expected an architecture among {', '.join(ARCHITECTURES)}, found {description.architecture!r}"
        )
    make: Any = getattr(torchvision.models, description.architecture)
    with torch.device("meta"):
        return make(num_classes=len(description.labels))


def _compare(expected: dict[str, tuple[int, ...]], given: dict[str, tuple[int, ...]]) -> None:
    missing, unknown = sorted(set(expected) - set(given)), sorted(set(given) - set(expected))
    shapes = [f"{n} {expected[n]} found {given[n]}" for n in sorted(given) if n in expected and expected[n] != given[n]]
    if missing or unknown or shapes:
        raise WeightsError(
            f"expected the tensors of the architecture; missing {missing[:3]}, unknown {unknown[:3]}, "
            f"shapes {shapes[:3]}"
        )
