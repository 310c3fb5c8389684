"""Small networks that have what makes full gradients go wrong, and batch normalisation as training leaves it."""

from __future__ import annotations

import warnings

import torch
from torch import nn
from torch.nn import functional

CLASSES = 5


def trained_like(network: nn.Module, seed: int = 0) -> nn.Module:
    """Gives every parameter and every running statistic a value of some size; returns it in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(like: torch.Tensor, spread: float, middle: float = 0.0) -> torch.Tensor:
        return (torch.rand(like.shape, generator=generator) * 2 - 1) * spread + middle

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.copy_(drawn(module.running_mean, 0.5))
                module.running_var.copy_(drawn(module.running_var, 0.7, 1.0))
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.add_(drawn(parameter, 0.3))
            elif not parameter.any():  # heads that torchvision starts at zero
                parameter.copy_(drawn(parameter, 0.1))
    return network.eval()


def torchvision_network(name: str) -> nn.Module:
    import torchvision  # takes as long as torch itself; not all who take networks from here take one of its own

    torch.manual_seed(0)
    options = {"inception_v3": {"aux_logits": True, "transform_input": True, "init_weights": False}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return trained_like(getattr(torchvision.models, name)(num_classes=CLASSES, **options.get(name, {})))


class Shared(nn.Module):
    """One convolution and one normalisation used twice, a shortcut that runs first, and a branch that leads nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.shortcut = nn.Conv2d(3, 8, 1)
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.twice = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.unused = nn.Conv2d(8, 4, 1)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        beside = self.shortcut(x)
        z = functional.relu(self.norm(self.twice(self.stem(x))))
        z = functional.relu_(self.norm(self.twice(z)) + beside)
        self.unused(z)
        return self.head(z.mean((2, 3)))


class Smooth(nn.Module):
    """Smooth activations, in place and not, products of activations, and normalisation without running statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bare = nn.BatchNorm2d(8, affine=False, eps=0.01)
        self.group, self.silu = nn.GroupNorm(2, 8), nn.SiLU(inplace=True)
        self.gate, self.scale = nn.Conv2d(8, 8, 1), nn.Parameter(torch.full((8, 1, 1), 0.7))
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.silu(self.bare(self.conv1(2 * x - 0.3)))
        z = functional.hardswish(self.group(self.conv2(z)), inplace=True)
        z = z * torch.sigmoid(self.gate(functional.adaptive_avg_pool2d(z, 1))) * self.scale
        z = functional.gelu(z) / (1 + z.square()) + functional.relu6(4 * z)
        z += z.softmax(1)
        return self.head(self.norm(functional.max_pool2d(z, 2).flatten(2).mean(2)))


class Attention(nn.Module):
    """Tokens before images, so that one backward pass cannot tell the images apart."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, 8, 8, stride=8)
        self.first = nn.Parameter(torch.full((1, 1, 8), 0.2))
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu")
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.cut(x).flatten(2).permute(2, 0, 1)
        tokens = torch.cat([self.first.expand(1, len(x), 8), tokens])
        return self.head(self.block(tokens)[0])


class Tapped(nn.Module):
    """A convolution whose output is read beside the normalisation, so that folding would be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.more, self.last = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.conv(x)
        z = functional.relu(self.norm(z)) + z
        return self.head(functional.relu(self.last(self.more(z))).mean((2, 3)))


class Viewing(nn.Module):
    """Flattens with ``view``, which refuses activations that lie with their channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3, stride=4), nn.BatchNorm2d(4), nn.Linear(4 * 16, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = functional.relu(self.norm(self.conv(x)))
        return self.head(z.view(len(z), -1))


OWN = {kind.__name__.lower(): kind for kind in (Shared, Smooth, Attention, Tapped, Viewing)}
TORCHVISION = {
    "resnet18": 64,
    "resnet50": 32,
    "vgg11_bn": 32,
    "densenet121": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "efficientnet_b0": 64,
    "convnext_tiny": 64,
    "inception_v3": 80,
    "swin_t": 32,
    "shufflenet_v2_x0_5": 64,
}


def own_network(name: str) -> nn.Module:
    torch.manual_seed(1)
    return trained_like(OWN[name]())


def pictures(count: int, side: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(seed))
