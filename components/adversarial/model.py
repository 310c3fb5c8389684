"""The classifier as a function of pixels: ``[0, 1]``, RGB, at the model's input size.

Normalisation is inside, so that a perturbation is measured in what a camera could see. Gradients are taken to the
pixels alone: parameters are frozen while an attack runs, which saves about a third of each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from components.images import Preprocessing

Objective = Callable[[torch.Tensor], torch.Tensor]


class PixelModel:
    """A network behind its preprocessing.

    Args:
        network: ``(batch, 3, height, width)`` → logits ``(batch, classes)``. It must be in eval mode with its
            parameters frozen while it is asked for gradients: see :func:`frozen`.
        preprocessing: What the network was trained with.
        half: Gradients through bfloat16 convolutions; ``logits`` stays in the network's own precision.
    """

    def __init__(self, network: torch.nn.Module, preprocessing: Preprocessing, *, half: bool = False) -> None:
        self.network = network
        self.preprocessing = preprocessing
        first = next(network.parameters())
        self.device, self.dtype = first.device, first.dtype
        scale, shift = (torch.from_numpy(a).to(self.device, self.dtype) for a in preprocessing.scale_and_shift())
        self._scale, self._shift = 255 * scale[:, None, None], shift[:, None, None]
        self._half = half

    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """Returns logits ``(batch, classes)`` for pixels ``(batch, 3, height, width)``, without a graph."""
        with torch.no_grad():
            return self.network(self._normalized(pixels))

    def gradient(self, pixels: torch.Tensor, objective: Objective) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns logits ``(batch, classes)`` and each image's gradient of its objective ``(batch, 3, height, width)``.

        Args:
            pixels: ``(batch, 3, height, width)``.
            objective: Logits → ``(batch,)``.
        """
        logits, leaf = self._graph(pixels)
        (gradient,) = torch.autograd.grad(objective(logits).sum(), leaf)
        return logits.detach(), gradient

    def jacobian(self, pixels: torch.Tensor, choose: Objective) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns logits ``(batch, classes)`` and the gradients of some of them.

        Args:
            pixels: ``(batch, 3, height, width)``.
            choose: Logits → the classes of each image whose gradients are wanted, ``(batch, wanted)``.

        Returns:
            Logits, the chosen classes, and their gradients ``(batch, wanted, 3, height, width)``.
        """
        logits, leaf = self._graph(pixels)
        classes = choose(logits.detach())
        chosen = logits.gather(1, classes).sum(0)
        rows = [torch.autograd.grad(one, leaf, retain_graph=True)[0] for one in chosen]
        return logits.detach(), classes, torch.stack(rows, 1)

    def _graph(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.enable_grad():
            leaf = pixels.detach().clone().requires_grad_(True)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self._half):
                logits = self.network(self._normalized(leaf))
        return logits.to(self.dtype), leaf

    def _normalized(self, pixels: torch.Tensor) -> torch.Tensor:
        ordered = pixels if self.preprocessing.channel_order == "RGB" else pixels.flip(1)
        return (ordered * self._scale + self._shift).contiguous(memory_format=torch.channels_last)


@contextmanager
def frozen(network: torch.nn.Module) -> Iterator[None]:
    """Puts a network into eval mode without parameter gradients, and leaves it as it was before."""
    modes = [(module, module.training) for module in network.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    network.eval()
    network.requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, requires_grad in wanted:
            parameter.requires_grad_(requires_grad)


def half_precision_pays() -> bool:
    """Says whether this machine computes in bfloat16 faster than in float32: 2 to 2.5 times where the CPU has it."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(False)
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
