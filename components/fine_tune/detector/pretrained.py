"""A network of the zoo with weights that are given, and other classes than it was trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from components.errors import DigestError, InputError, WeightsError
from components.fine_tune.detector.framework import mx
from components.package import params
from components.package.strict import listed


def digest(data: bytes) -> str:
    """Returns ``sha256:…`` of a file's content."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def check_digest(data: bytes, wanted: str) -> None:
    """Compares weights with the digest that they must have; an empty one asks for nothing.

    Raises:
        DigestError: They differ.
    """
    if wanted not in ("", found := digest(data)):
        raise DigestError(f"pretrained weights: expected {wanted}, found {found}")


def adopt(network: Any, data: bytes, context: Any) -> None:
    """Gives a network the weights of a ``.params`` file, with the names of ``save_parameters`` or of ``export``.

    Args:
        network: Not yet initialised.
        data: The content of the file.
        context: The device.

    Raises:
        WeightsError: It is no such file, or its arrays are not those of the network; all that differs is told.
    """
    given = params.load_numpy(data, exported=False)
    named = {name.removeprefix("arg:").removeprefix("aux:"): array for name, array in given.items()}
    # ``save_parameters`` names an array by its place in the network (stages.0.1.weight), ``export`` by its own name.
    own = network._collect_params_with_prefix()
    if not any("." in name for name in named):
        own = dict(network.collect_params().items())
    _compare({name: tuple(parameter.shape or ()) for name, parameter in own.items()}, named)
    for name, parameter in own.items():
        parameter.shape = named[name].shape
    network.initialize(mx.init.Zero(), ctx=context)
    for name, parameter in own.items():
        parameter.set_data(mx.nd.array(named[name], dtype=parameter.dtype))


def reset_classes(network: Any, labels: Sequence[str], reuse: Sequence[str]) -> None:
    """Makes the network answer ``labels``, with what it knows of those in ``reuse``.

    Raises:
        InputError: One of ``reuse`` is no class of the network, or none of ``labels``.
    """
    unknown = [label for label in reuse if label not in network.classes or label not in labels]
    if unknown:
        raise InputError(f"expected classes among {listed(network.classes, 80)}, found {listed(unknown)}")
    if list(network.classes) != list(labels):
        network.reset_class(list(labels), reuse_weights=list(reuse))


def _compare(expected: Mapping[str, tuple[int, ...]], given: Mapping[str, NDArray[Any]]) -> None:
    missing, unknown = sorted(set(expected) - set(given)), sorted(set(given) - set(expected))
    shapes = [
        f"{name} {given[name].shape} for {shape}"
        for name, shape in expected.items()
        if name in given and not _fits(shape, given[name].shape)
    ]
    told = {"missing": missing, "unknown": unknown, "of another shape": shapes}
    if differing := "; ".join(f"{what} {listed(names, 4)}" for what, names in told.items() if names):
        raise WeightsError(
            f"pretrained weights: expected the {len(expected)} arrays of the architecture, found others: {differing}"
        )


def _fits(shape: tuple[int, ...], found: tuple[int, ...]) -> bool:
    """Compares shapes; a side of 0 is one that the network learns from its first input."""
    return len(shape) == len(found) and all(a in (0, b) for a, b in zip(shape, found, strict=True))
