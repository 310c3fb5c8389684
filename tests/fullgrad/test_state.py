"""The caller's model and images are afterwards as they were, whatever happened."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
import torch
from torch import nn

from components.errors import CompletenessError, InputError
from components.fullgrad import fullgrad, simple_fullgrad, smooth_fullgrad
from components.fullgrad.precision import full_precision
from tests.fullgrad.networks import own_network, pictures, torchvision_network


def state(network: nn.Module) -> dict[str, Any]:
    """All that can be seen of a model."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")
    return {
        "training": {n: m.training for n, m in network.named_modules()},
        "identity": [id(t) for t in (*network.parameters(), *network.buffers(), *network.modules())],
        "versions": [t._version for t in (*network.parameters(), *network.buffers())],
        "places": [t.data_ptr() for t in (*network.parameters(), *network.buffers())],
        "strides": [t.stride() for t in network.parameters()],
        "requires_grad": [p.requires_grad for p in network.parameters()],
        "gradients": [None if p.grad is None else p.grad.tolist() for p in network.parameters()],
        "hooks": [dict(getattr(m, h)) for m in network.modules() for h in hooks],
        "attributes": [sorted(vars(m)) for m in network.modules()],
    }


@pytest.mark.parametrize("explain", [fullgrad, simple_fullgrad, smooth_fullgrad])
def test_model_and_images_are_left_as_they_were(explain: Any) -> None:
    network, images = own_network("shared"), pictures(2, 16).requires_grad_()
    network.stem.weight.requires_grad_(False)
    network.head.bias.grad = torch.ones(5)
    network.norm.register_forward_hook(lambda module, args, output: None)
    before, values = state(network), copy.deepcopy(network.state_dict())
    pixels = images.detach().clone()
    result = explain(network, images)
    assert state(network) == before
    assert all(value.equal(values[name]) for name, value in network.state_dict().items())
    assert images.grad is None
    assert images.requires_grad
    assert images.equal(pixels)
    assert not result.saliency.requires_grad
    assert not result.logit.requires_grad


@pytest.mark.parametrize("grad", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_the_callers_grad_mode_does_not_matter(grad: Any) -> None:
    network = own_network("smooth")
    expected = fullgrad(network, pictures(2, 16)).saliency
    with grad():
        before = torch.is_grad_enabled()
        found = fullgrad(network, pictures(2, 16)).saliency
        assert torch.is_grad_enabled() == before
    assert found.equal(expected)


def test_they_are_left_as_they_were_after_errors() -> None:
    network, images = own_network("shared"), pictures(2, 16)
    before = state(network)
    with pytest.raises(CompletenessError):
        fullgrad(network, images, tolerance=1e-30)
    with pytest.raises(InputError):
        fullgrad(network, images, 99)
    with pytest.raises(RuntimeError):
        fullgrad(network, pictures(2, 16)[:, :2])
    network.train()
    training = state(network)
    with pytest.raises(InputError):
        fullgrad(network, images)
    assert state(network) == training
    assert state(network.eval()) == before


def test_networks_that_overwrite_their_input_do_not_overwrite_the_callers() -> None:
    class Overwriting(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mul_(2).add_(1).mean((2, 3))

    images = pictures(2, 8)
    before = images.clone()
    assert fullgrad(Overwriting().eval(), images).residual.max() < 1e-6
    assert images.equal(before)


def test_gpus_compute_in_full_precision_and_only_meanwhile() -> None:
    settings = (torch.backends.cudnn.conv, torch.backends.cuda.matmul)
    before = [setting.fp32_precision for setting in settings]
    inside: list[str] = []

    def interrupted() -> None:
        with full_precision(torch.device("cuda")):
            inside.extend(setting.fp32_precision for setting in settings)
            raise ValueError("interrupted")

    with pytest.raises(ValueError, match="interrupted"):
        interrupted()
    assert inside == ["ieee", "ieee"]
    assert [setting.fp32_precision for setting in settings] == before


def test_later_backward_passes_of_the_caller_still_work() -> None:
    network, images = own_network("shared"), pictures(2, 16)
    loss = network(images).sum()
    fullgrad(network, images)
    loss.backward()
    assert network.stem.weight.grad is not None


def test_one_model_is_explained_in_several_threads_at_once() -> None:
    network, images = torchvision_network("resnet18"), pictures(2, 32)
    expected = fullgrad(network, images).saliency
    found: list[torch.Tensor] = []
    threads = [threading.Thread(target=lambda: found.append(fullgrad(network, images).saliency)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert all(one.allclose(expected) for one in found)
