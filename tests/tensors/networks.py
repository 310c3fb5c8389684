"""Small networks with what makes hooks go wrong."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Shared(nn.Module):
    """One convolution under two names, called three times; a ReLU in place, used twice; a parameter that is tied."""

    def __init__(self, inplace: bool = True) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.again = self.first
        self.bn = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=inplace)
        self.fc = nn.Linear(3, 5)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.bn(self.first(x)))
        x = self.relu(self.again(self.first(x)))
        return self.fc(x.mean(dim=(2, 3)))


class Several(nn.Module):
    """Answers a mapping of tensors and tuples, takes keywords, and looks at its input again after changing a copy."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.LayerNorm(4)

    def forward(self, x: torch.Tensor, *, scale: torch.Tensor) -> dict[str, Any]:
        y = functional.relu_(self.inner(x * scale))
        return {"pair": (y, y + 1), "count": torch.tensor(3), "none": None}


def fixed(network: nn.Module, seed: int = 0) -> nn.Module:
    """Returns the network in eval mode with random parameters and statistics, as a trained one has them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.2)
            elif name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    return network.eval()


def hooks(network: nn.Module) -> int:
    """Counts the hooks that hang on a network's modules and parameters."""
    of_modules = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    parts = [len(getattr(module, name)) for module in network.modules() for name in of_modules]
    return sum(parts) + sum(len(parameter._backward_hooks or {}) for parameter in network.parameters())
