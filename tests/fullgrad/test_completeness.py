"""The terms sum up to the logit, for any graph."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torchvision.ops import FrozenBatchNorm2d

from components.errors import CompletenessError, InputError
from components.fullgrad import fullgrad
from tests.fullgrad.networks import CLASSES, OWN, TORCHVISION, own_network, pictures, torchvision_network, trained_like


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", TORCHVISION)
def test_the_terms_of_torchvisions_networks_sum_up_to_their_logits(name: str, dtype: torch.dtype) -> None:
    network, images = torchvision_network(name).to(dtype), pictures(2, TORCHVISION[name]).to(dtype)
    result = fullgrad(network, images)
    assert result.residual.max() < (1e-5 if dtype == torch.float32 else 1e-13)
    torch.testing.assert_close(result.terms.sum(1), result.logit, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(result.logits, network(images), rtol=1e-3, atol=1e-3)
    assert result.saliency.shape == (2, *images.shape[2:])
    assert (result.saliency.amax((1, 2)) > 0).all()


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("name", OWN)
def test_the_terms_of_awkward_networks_sum_up_to_their_logits(name: str, fold: bool) -> None:
    network, images = own_network(name).double(), pictures(3, 16).double()
    result = fullgrad(network, images, fold=fold)
    assert result.residual.max() < 1e-13
    with torch.no_grad():
        torch.testing.assert_close(result.logits, network(images))


@pytest.mark.parametrize("target", [2, [0, 4, 2], torch.tensor([1, 1, 3])])
def test_any_class_can_be_explained(target: object) -> None:
    network, images = own_network("smooth").double(), pictures(3, 16).double()
    result = fullgrad(network, images, target)
    expected = torch.as_tensor(target).expand(3)
    assert result.target.tolist() == expected.tolist()
    assert result.logit.tolist() == result.logits[range(3), expected].tolist()
    assert result.residual.max() < 1e-13


def test_the_input_gradient_is_that_of_the_logit() -> None:
    network, images = torchvision_network("resnet18").double(), pictures(2, 32).double()
    result = fullgrad(network, images, 1)
    leaf = images.clone().requires_grad_()
    (expected,) = torch.autograd.grad(network(leaf)[:, 1].sum(), leaf)
    torch.testing.assert_close(result.input_gradient, expected)


def test_bias_gradients_are_those_of_bias_parameters() -> None:
    """With one image the sum of b ⊙ ∂f/∂z over positions is b times the gradient of the parameter b."""
    network, image = own_network("shared").double(), pictures(1, 16).double()
    result = fullgrad(network, image, 0, fold=False)
    network(image)[0, 0].backward()
    for module in ("shortcut", "stem", "twice"):
        found = sum(term.value.sum((0, 2, 3)) for term in result.of(module))
        parameter = network.get_submodule(module).bias
        torch.testing.assert_close(found, (parameter.grad * parameter).detach())
    assert [term.call for term in result.of("norm")] == [0, 1]
    assert result.of("unused") == ()


def test_the_implicit_bias_of_a_smooth_activation_is_its_formula() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Flatten(), nn.Linear(4 * 36, CLASSES)).double().eval()
    images = pictures(2, 8).double()
    (term,) = fullgrad(network, images).of("1")
    z = network[0](images).detach()
    s = torch.sigmoid(z)
    torch.testing.assert_close(term.bias, z * s - (s + z * s * (1 - s)) * z)


def test_the_implicit_bias_of_batch_normalisation_holds_eps() -> None:
    """Left out, eps makes an error of some percent where a running variance is small (and 0/0 where it is 0)."""
    norm = nn.BatchNorm2d(3, eps=0.1)
    network = trained_like(nn.Sequential(norm, nn.ReLU(), nn.Flatten(), nn.Linear(192, CLASSES)).double())
    norm.running_var[0] = 0
    (term,) = fullgrad(network, pictures(1, 8).double()).of("0")
    expected = norm.bias - norm.running_mean * norm.weight / torch.sqrt(norm.running_var + 0.1)
    torch.testing.assert_close(term.bias, expected.detach())


@pytest.mark.parametrize("bias", [True, False])
def test_folded_layers_are_reported_under_their_own_names(bias: bool) -> None:
    layers = [nn.Conv2d(3, 4, 3, bias=bias), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, CLASSES)]
    network, images = trained_like(nn.Sequential(*layers).double()), pictures(2, 8).double()
    folded, plain = fullgrad(network, images), fullgrad(network, images, fold=False)
    assert [(t.module, t.operation) for t in folded.bias_gradients] == [
        (t.module, t.operation) for t in plain.bias_gradients
    ]
    torch.testing.assert_close(folded.terms, plain.terms)
    torch.testing.assert_close(folded.of("1")[0].value, plain.of("1")[0].value)


_BLOCKS = {
    "norm": lambda: nn.BatchNorm2d(4),
    "frozen": lambda: FrozenBatchNorm2d(4),
    "conv": lambda: nn.Conv2d(4, 4, 3, padding=1),
    "circular": lambda: nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
    "transposed": lambda: nn.ConvTranspose2d(4, 4, 3, padding=1),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 1)),
    "group": lambda: nn.GroupNorm(2, 4),
    "instance": lambda: nn.InstanceNorm2d(4, affine=True),
    "local": lambda: nn.LocalResponseNorm(2),
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky": lambda: nn.LeakyReLU(0.1),
    "prelu": lambda: nn.PReLU(4),
    "silu": lambda: nn.SiLU(inplace=True),
    "elu": lambda: nn.ELU(inplace=True),
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "relu6": lambda: nn.ReLU6(inplace=True),
    "dropout": nn.Dropout,
    "average": lambda: nn.AvgPool2d(3, 1, 1),
    "largest": lambda: nn.MaxPool2d(3, 1, 1),
    "shuffle": lambda: nn.ChannelShuffle(2),
    "mirror": lambda: nn.ReflectionPad2d(0),
    "bilinear": lambda: nn.Upsample(size=(6, 6), mode="bilinear"),
}


def _written(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    a = a.clone()
    a[:, 1] = b[:, 0]
    a[:, 2] = 0.25
    return a


_JOINS = {
    "sum": lambda a, b: a + b,
    "in place": lambda a, b: a.clone().add_(b, alpha=2),
    "difference": lambda a, b: a - b - 0.1,
    "product": lambda a, b: a * b,
    "matrices": torch.matmul,
    "quotient": lambda a, b: a / (2 + b * b),
    "largest": torch.maximum,
    "halves": lambda a, b: torch.cat([a[:, :2], b[:, 2:].flip(-1)], 1),
    "gate": lambda a, b: torch.where(a > 0, a, 0.3 * b + 1),
    "filled": lambda a, b: a.masked_fill(b > 0, 0.5),
    "written": _written,
    "norm": lambda a, b: functional.normalize(a, dim=1) + b.abs().clamp(max=0.7),
}


class Drawn(nn.Module):
    """Two branches of drawn blocks over one stem, joined, over and over."""

    def __init__(self, layers: list[tuple[str, str, str]]) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4, CLASSES)
        self.joins = [_JOINS[join] for _, _, join in layers]
        self.left = nn.ModuleList(_BLOCKS[left]() for left, _, _ in layers)
        self.right = nn.ModuleList(_BLOCKS[right]() for _, right, _ in layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.stem(x)
        for left, right, join in zip(self.left, self.right, self.joins, strict=True):
            z = join(left(z.clone()), right(z))
        return self.head(z.mean((2, 3)))


@settings(max_examples=60, derandomize=True)
@given(st.lists(st.tuples(*(st.sampled_from(sorted(t)) for t in (_BLOCKS, _BLOCKS, _JOINS))), min_size=1, max_size=4))
def test_completeness_is_a_law_of_any_graph(layers: list[tuple[str, str, str]]) -> None:
    torch.manual_seed(0)
    network, images = trained_like(Drawn(layers).double()), pictures(2, 13).double()
    folded, plain = fullgrad(network, images), fullgrad(network, images, fold=False)
    assert max(folded.residual.max(), plain.residual.max()) < 1e-11
    torch.testing.assert_close(folded.saliency, plain.saliency, rtol=1e-6, atol=1e-6)


class Opaque(torch.autograd.Function):
    """An operation that nobody sees: x² + 1."""

    @staticmethod
    def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * x + 1

    @staticmethod
    def backward(ctx: object, gradient: torch.Tensor) -> torch.Tensor:
        return 2 * ctx.saved_tensors[0] * gradient


class Hidden(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Opaque.apply(x)


def test_what_cannot_be_accounted_for_is_named() -> None:
    block = nn.Sequential(nn.Conv2d(4, 4, 3), Hidden(), nn.ReLU())
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), block, nn.Flatten(), nn.Linear(64, CLASSES)]
    with pytest.raises(CompletenessError, match=r"modules to look at: 3\.1 \(Hidden: \S+ unaccounted for\)$"):
        fullgrad(nn.Sequential(*layers).eval(), pictures(2, 8))


def test_a_logit_that_is_not_a_number_has_no_explanation() -> None:
    network = own_network("shared")
    network.stem.weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(CompletenessError, match="residual of nan"):
        fullgrad(network, pictures(1, 16))


def test_a_tolerance_can_be_given() -> None:
    network, images = own_network("shared"), pictures(2, 16)
    with pytest.raises(CompletenessError, match="within 1e-30"):
        fullgrad(network, images, tolerance=1e-30)
    with pytest.raises(InputError, match="expected a tolerance over 0, found nan"):
        fullgrad(network, images, tolerance=float("nan"))


@pytest.mark.parametrize(
    ("network", "images", "target", "message"),
    [
        (own_network("shared").train(), pictures(1, 16), None, r"evaluation mode .*found 7 modules .*Shared, shortcut"),
        (nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)).eval(), pictures(1, 8), None, "none in 0"),
        (own_network("shared"), pictures(1, 16)[0], None, r"found \(3, 16, 16\)"),
        (own_network("shared"), pictures(1, 16).half(), None, r"float32 or float64, found .*float16"),
        (own_network("shared"), pictures(2, 16), 5, r"classes from 0 to 4, found \[5, 5\]"),
        (own_network("shared"), pictures(2, 16), [1, 2, 3], r"one class or 2, found the shape \(3,\)"),
        (own_network("shared"), pictures(2, 16), 0.5, "expected whole numbers"),
        (nn.Conv2d(3, 1, 1).eval(), pictures(2, 4), None, r"logits \(2, classes\), found \(2, 1, 4, 4\)"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    network: nn.Module, images: torch.Tensor, target: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fullgrad(network, images, target)


def test_statistics_of_the_batch_inside_a_forward_pass_are_refused() -> None:
    class Batchwise(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return functional.batch_norm(x, None, None, training=True).mean((2, 3))

    with pytest.raises(InputError, match=r"Batchwise: .*expected batch normalisation by running statistics"):
        fullgrad(Batchwise().eval(), pictures(2, 4))
