"""The same map from what a hook recorded, without the model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from components.capture.hook import TensorHook
from components.capture.trial import Trial, create_trial, modes
from components.errors import CompletenessError, InputError
from components.fullgrad import fullgrad
from components.fullgrad.offline import REGEX, fullgrad_from_trial
from tests.fullgrad.networks import own_network, pictures, torchvision_network

SEED_REGEX = r".*bn|.*bias|.*downsample|.*ResNet_input|.*image|.*fc_output"
"""The AWS sample's."""


def recorded(network: nn.Module, images: torch.Tensor, folder: Path, regex: str = REGEX) -> Trial:
    hook = TensorHook(network, str(folder), include_regex=regex)
    leaf = images.clone().requires_grad_()
    with hook.step(modes.PREDICT):
        network(leaf).amax(1).sum().backward()
    return create_trial(str(folder))


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_the_map_is_that_of_the_model(name: str, tmp_path: Path) -> None:
    network, images = torchvision_network(name), pictures(2, 64 if name == "resnet18" else 32)
    trial = recorded(network, images, tmp_path)
    (step,) = trial.steps(modes.PREDICT)
    found, expected = fullgrad_from_trial(trial, step, modes.PREDICT), fullgrad(network, images)
    torch.testing.assert_close(found.saliency, expected.saliency, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.logit, expected.logit)
    assert found.residual.max() < 1e-5
    assert {t.module for t in found.bias_gradients} == {t.module for t in expected.bias_gradients}


def test_modules_that_ran_twice_are_told_apart(tmp_path: Path) -> None:
    network, images = own_network("shared").double(), pictures(2, 16).double()
    found = fullgrad_from_trial(recorded(network, images, tmp_path), 0)
    expected = fullgrad(network, images)
    torch.testing.assert_close(found.saliency, expected.saliency)
    assert found.residual.max() < 1e-13
    assert [term.call for term in found.of("norm")] == [0, 1]


def test_what_the_aws_samples_pattern_records_is_enough(tmp_path: Path) -> None:
    network, images = torchvision_network("resnet18").double(), pictures(2, 64).double()
    trial = recorded(network, images, tmp_path, SEED_REGEX)
    torch.testing.assert_close(fullgrad_from_trial(trial, 0).saliency, fullgrad(network, images).saliency)


def test_what_was_not_recorded_is_named(tmp_path: Path) -> None:
    network, images = torchvision_network("resnet18"), pictures(1, 64)
    trial = recorded(network, images, tmp_path, r"^(?!gradient/ResNet_layer2.0.bn1).*(bn|image|input_0|output_0|bias)")
    with pytest.raises(CompletenessError, match=r"without a recorded gradient: ResNet_layer2\.0\.bn1$"):
        fullgrad_from_trial(trial, 0)


def test_smooth_activations_need_the_model(tmp_path: Path) -> None:
    trial = recorded(own_network("smooth"), pictures(1, 16), tmp_path)
    with pytest.raises(CompletenessError, match="needs the model"):
        fullgrad_from_trial(trial, 0)


def test_another_class_than_the_one_that_was_differentiated_is_refused(tmp_path: Path) -> None:
    network, images = own_network("shared"), pictures(1, 16)
    trial = recorded(network, images, tmp_path)
    other = (int(fullgrad(network, images).target) + 1) % 5
    with pytest.raises(CompletenessError):
        fullgrad_from_trial(trial, 0, target=other)


def test_a_step_without_images_is_refused(tmp_path: Path) -> None:
    trial = recorded(own_network("shared"), pictures(1, 16), tmp_path, r"bias|image")
    with pytest.raises(InputError, match="expected the model's input such as ResNet_input_0, found none"):
        fullgrad_from_trial(trial, 0)
