"""The classifier as a function of pixels: its gradients, and that it is left as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attack_networks import grey, plain, planes, small

from components.adversarial.goals import Goal
from components.adversarial.model import PixelModel, frozen
from components.images import Preprocessing


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_logits_are_those_of_the_preprocessing_contract(order: str) -> None:
    preprocessing = Preprocessing(8, 8, (0.1, 0.5, 0.9), (0.2, 0.3, 0.4), order)
    network, images = small(), grey(6)
    with torch.no_grad():
        wanted = network(torch.from_numpy(preprocessing.normalize(images)).double())
    found = PixelModel(network, preprocessing).logits(planes(images))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("what", ["objective", "margin"])
def test_a_gradient_is_the_limit_of_differences(targeted: bool, what: str) -> None:
    model = PixelModel(small(), Preprocessing(8, 8))
    pixels, goal = planes(grey(3)), Goal(torch.tensor([0, 1, 4]), targeted)
    function = getattr(goal, what)
    with frozen(model.network):
        _, gradient = model.gradient(pixels, function)
        for seed in range(20):
            along = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
            higher, lower = (function(model.logits(pixels + sign * 1e-5 * along)) for sign in (1, -1))
            torch.testing.assert_close((gradient * along).sum((1, 2, 3)), (higher - lower) / 2e-5, rtol=1e-5, atol=1e-7)


def test_the_gradients_of_several_logits_are_those_of_each() -> None:
    model, pixels = plain(small()), planes(grey(3))
    classes = torch.tensor([[0, 2], [1, 4], [3, 3]])
    with frozen(model.network):
        logits, chosen, rows = model.jacobian(pixels, lambda found: classes)
        torch.testing.assert_close(logits, model.logits(pixels))
        assert torch.equal(chosen, classes)
        for place in range(2):
            chosen = classes[:, place, None]
            _, one = model.gradient(pixels, lambda logits, chosen=chosen: logits.gather(1, chosen).squeeze(1))
            torch.testing.assert_close(rows[:, place], one)


def test_the_margin_is_over_0_just_when_the_goal_is_met() -> None:
    logits = torch.randn(200, 5, generator=torch.Generator().manual_seed(1))
    classes = torch.arange(200) % 5
    predicted = logits.argmax(1)
    assert torch.equal(Goal(classes, True).margin(logits) > 0, predicted == classes)
    assert torch.equal(Goal(classes, False).margin(logits) > 0, predicted != classes)


def test_a_frozen_network_is_left_as_it_was_even_by_an_error() -> None:
    network = small()
    network.train()
    network[1].eval()
    network[3].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}

    def attack() -> None:
        with frozen(network):
            assert not any(p.requires_grad for p in network.parameters())
            assert not any(m.training for m in network.modules())
            raise KeyError

    with pytest.raises(KeyError):
        attack()
    assert [m.training for m in network] == [True, False, True, True, True, True, True]
    assert [n for n, p in network.named_parameters() if not p.requires_grad] == ["3.weight"]
    assert all(p.grad is None for p in network.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
