"""Models in a dress that FullGrad must see through, or refuse: wrappers, scripts, frozen weights, other layouts."""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from components.errors import InputError
from components.fullgrad import fullgrad

sys.path.append(str(Path(__file__).resolve().parents[1] / "fullgrad"))
from networks import own_network, pictures


def small() -> nn.Module:
    return own_network("smooth")


def frozen(network: nn.Module) -> nn.Module:
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


SEEN: dict[str, Callable[[nn.Module, torch.Tensor], tuple[nn.Module, torch.Tensor]]] = {
    "images with their channels last": lambda n, x: (n, x.to(memory_format=torch.channels_last)),
    "weights with their channels last": lambda n, x: (copy.deepcopy(n).to(memory_format=torch.channels_last), x),
    "frozen weights": lambda n, x: (frozen(copy.deepcopy(n)), x),
    "images that are a view of others": lambda n, x: (n, torch.cat([x, x])[: len(x)]),
}


@pytest.mark.parametrize("name", SEEN)
def test_the_map_is_the_one_of_the_plain_model(name: str) -> None:
    network, images = small(), pictures(2, 16)
    expected = fullgrad(network, images).saliency
    torch.testing.assert_close(fullgrad(*SEEN[name](network, images)).saliency, expected, rtol=1e-4, atol=1e-5)


WRAPPED: dict[str, Callable[[nn.Module], nn.Module]] = {
    "a parallel wrapper": lambda n: nn.DataParallel(n).eval(),
    "a trace": lambda n: torch.jit.trace(n, pictures(1, 16)),
    "a compiled module": torch.compile,
}


COMPILED = pytest.param("a compiled module", marks=pytest.mark.slow)  # its import takes ten seconds


@pytest.mark.parametrize("name", ["a parallel wrapper", "a trace", COMPILED])
def test_what_hooks_cannot_see_into_is_refused_by_name(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = WRAPPED[name](small())
    with pytest.raises(InputError, match="expected a plain module, found"):
        fullgrad(wrapped, pictures(1, 16))


def test_a_softmax_head_is_explained_as_what_it_is() -> None:
    network = nn.Sequential(small(), nn.Softmax(1)).eval().double()
    assert fullgrad(network, pictures(2, 16).double()).residual.max() < 1e-12
