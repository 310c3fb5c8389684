"""The map: against the AWS sample's loop, against the reference's post-processing, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from components.errors import InputError
from components.fullgrad import Explainer, fullgrad, simple_fullgrad, smooth_fullgrad
from components.fullgrad.result import BiasGradient
from tests.fullgrad.networks import OWN, own_network, pictures, torchvision_network


def zoom(plane: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """``scipy.ndimage.zoom(plane, side / len(plane), order=1)``: linear, the corners on the corners."""

    def weights(count: int) -> NDArray[np.float64]:
        positions = np.linspace(0, count - 1, side)
        return np.maximum(0, 1 - abs(positions[:, None] - np.arange(count)))

    return weights(plane.shape[0]) @ plane @ weights(plane.shape[1]).T


def seed_map(network: nn.Module, image: torch.Tensor) -> NDArray[np.float64]:
    """The AWS sample's notebook: gradients at the outputs of batch normalisation, one zoom a channel, no eps."""

    def scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
        values = values - values.min()
        return values / values.max()

    gradients: dict[str, NDArray[np.float64]] = {}
    norms = {name: m for name, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)}

    def keep(name: str, output: torch.Tensor) -> None:
        output.register_hook(lambda gradient: gradients.update({name: gradient.numpy()}))

    handles = [
        module.register_forward_hook(lambda module, args, output, name=name: keep(name, output))
        for name, module in norms.items()
    ]
    leaf = image.clone().requires_grad_()
    network(leaf).max().backward()
    for handle in handles:
        handle.remove()
    side = image.shape[-1]
    total = scaled(np.abs((leaf.grad * image).numpy()))[0].sum(0)
    for name, norm in norms.items():
        implicit = -norm.running_mean / torch.sqrt(norm.running_var) * norm.weight
        bias = (norm.bias + implicit).detach().numpy()
        for channel in scaled(np.abs(bias[:, None, None] * gradients[name][0])):
            total = total + zoom(channel, side)
    return total


@pytest.mark.parametrize(("name", "eps"), [("resnet18", 1e-5), ("resnet50", 1e-9)])
def test_the_map_is_that_of_the_aws_samples_loop(name: str, eps: float) -> None:
    """The sample leaves eps out: that is 1.4e-6 in the correlation of 53 layers, so that these have a smaller one."""
    network, images = torchvision_network(name), pictures(2, 96)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps
    found = fullgrad(network, images).saliency
    for image, one in zip(images, found, strict=True):
        expected = seed_map(network, image[None])
        assert np.corrcoef(expected.ravel(), one.numpy().ravel())[0, 1] > 0.999999


def reference_map(input_term: torch.Tensor, terms: list[torch.Tensor], align_corners: bool) -> torch.Tensor:
    """The reference's post-processing as it is told: every channel of every layer is enlarged, then all are summed."""
    total = torch.zeros_like(input_term[:, 0])
    for term in (input_term, *terms):
        for i, magnitudes in enumerate(term.abs()):
            shifted = magnitudes - magnitudes.min()
            one, size = shifted / (shifted.max() + 1e-6), total.shape[1:]
            total[i] += functional.interpolate(one[None], size, mode="bilinear", align_corners=align_corners)[0].sum(0)
    return total


def in_space(term: BiasGradient) -> torch.Tensor:
    return term.value.movedim(term.channels, 1)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("name", ["shared", "smooth", "tapped"])
def test_the_map_is_that_of_the_reference(name: str, align_corners: bool) -> None:
    network, images = own_network(name).double(), pictures(3, 20).double()
    result = fullgrad(network, images, align_corners=align_corners)
    terms = [in_space(term) for term in result.bias_gradients if term.gradient.ndim == 4]
    expected = reference_map(result.input_gradient * images, terms, align_corners)
    torch.testing.assert_close(result.saliency, expected)


def test_channels_behind_linear_layers_are_not_taken_for_columns() -> None:
    result = fullgrad(torchvision_network("convnext_tiny"), pictures(1, 64))
    for term in result.bias_gradients:
        if term.gradient.ndim == 4 and term.gradient.shape[1] > 1 and "features.1" in term.module:
            assert in_space(term).shape[2:] == (16, 16), (term.module, term.operation)


@pytest.mark.parametrize("name", [*OWN, "resnet18", "mobilenet_v3_small"])
def test_an_images_explanation_does_not_depend_on_its_neighbours(name: str) -> None:
    own = name in OWN
    network = (own_network(name) if own else torchvision_network(name)).double()
    images = pictures(3, 16 if own else 48).double()
    together = fullgrad(network, images)
    for i in range(3):
        alone = fullgrad(network, images[i : i + 1])
        torch.testing.assert_close(together.saliency[i], alone.saliency[0])
        torch.testing.assert_close(together.terms[i], alone.terms[0])
        torch.testing.assert_close(together.input_gradient[i], alone.input_gradient[0])


def test_neighbours_do_not_disturb_smooth_maps_either() -> None:
    network, images = own_network("shared").double(), pictures(3, 16).double()
    together = smooth_fullgrad(network, images, samples=3)
    alone = smooth_fullgrad(network, images[1:2], samples=3)
    torch.testing.assert_close(together.saliency[1], alone.saliency[0])


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v2"])
def test_the_fast_way_gives_the_map_of_the_plain_way(name: str) -> None:
    network, images = torchvision_network(name).double(), pictures(2, 48).double()
    fast, plain = fullgrad(network, images), fullgrad(network, images, fold=False)
    torch.testing.assert_close(fast.saliency, plain.saliency, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(fast.terms, plain.terms, rtol=1e-8, atol=1e-8)


def test_a_constant_map_is_zero_and_not_zero_by_zero() -> None:
    class Constant(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum((1, 2, 3))[:, None] * torch.zeros(1, 2) + 3.0

    result = fullgrad(Constant().eval(), pictures(2, 8))
    assert result.saliency.eq(0).all()
    assert result.residual.eq(0).all()


def test_smooth_maps_are_seeded_and_without_noise_plain() -> None:
    network, images = own_network("smooth").double(), pictures(2, 16).double()
    first, again = (smooth_fullgrad(network, images, samples=4, seed=7) for _ in range(2))
    other = smooth_fullgrad(network, images, samples=4, seed=8)
    assert first.saliency.equal(again.saliency)
    assert not first.saliency.allclose(other.saliency)
    still = smooth_fullgrad(network, images, samples=2, spread=0)
    torch.testing.assert_close(still.saliency, fullgrad(network, images).saliency)
    with pytest.raises(InputError, match=r"expected samples >= 1 and spread >= 0, found 0 and 0.15"):
        smooth_fullgrad(network, images, samples=0)


def test_smooth_maps_average_signed_terms_of_noisy_copies() -> None:
    network, images = own_network("shared").double(), pictures(1, 16).double()
    target = fullgrad(network, images).target
    generator = torch.Generator().manual_seed(0)
    spread = 0.15 * (images.max() - images.min())
    inputs, terms = [], []
    for _ in range(3):
        noisy = images + spread * torch.randn(images.shape[1:], generator=generator, dtype=torch.float64)
        result = fullgrad(network, noisy, target)
        inputs.append(result.input_gradient * noisy)
        terms.append([in_space(t) for t in result.bias_gradients if t.gradient.ndim == 4])
    means = [torch.stack(layer).mean(0) for layer in zip(*terms, strict=True)]
    expected = reference_map(torch.stack(inputs).mean(0), means, align_corners=True)
    torch.testing.assert_close(smooth_fullgrad(network, images, samples=3).saliency, expected)


def test_simple_maps_leave_biases_out() -> None:
    network, images = own_network("shared").double(), pictures(2, 16).double()
    result = simple_fullgrad(network, images)
    gradients = [t.gradient for t in result.bias_gradients if t.gradient.ndim == 4]
    expected = reference_map(result.input_gradient * images, gradients, align_corners=True)
    torch.testing.assert_close(result.saliency, expected)


def test_an_explainer_serves_batches_of_any_size() -> None:
    network = torchvision_network("resnet18").double()
    explainer = Explainer(network)
    for count, side in ((2, 40), (1, 64), (3, 33)):
        images = pictures(count, side).double()
        found = explainer.fullgrad(images, keep=False)
        torch.testing.assert_close(found.saliency, fullgrad(network, images).saliency)
        assert found.bias_gradients == ()
