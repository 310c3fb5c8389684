"""ResNet18 with as many outputs as there are classes, from scratch or from weights that are given.

Deep Residual Learning for Image Recognition, He et al. 2015 (arXiv 1512.03385), as torchvision builds it.
"""

from __future__ import annotations

import torch
from torchvision.models import resnet18

from components.errors import WeightsError
from components.package import weights

ARCHITECTURE = "resnet18"


def classifier(classes: int, pretrained: bytes | None = None) -> torch.nn.Module:
    """Returns a network ``(batch, 3, H, W)`` → logits ``(batch, classes)``.

    Args:
        classes: How many outputs.
        pretrained: The content of a safetensors file of ResNet18 weights with torchvision's names (those of timm's
            ``resnet18`` are the same). Its last layer ``fc`` is used only if it has ``classes`` outputs.

    Raises:
        WeightsError: It is no safetensors file, or its tensors are not those of a ResNet18.
    """
    network = resnet18(num_classes=classes)
    if pretrained is not None:
        _adopt(network, pretrained)
    return network


def _adopt(network: torch.nn.Module, pretrained: bytes) -> None:
    own = network.state_dict()
    given = {name: torch.from_numpy(array) for name, array in weights.load_numpy(pretrained).items()}
    if given.get("fc.weight", own["fc.weight"]).shape != own["fc.weight"].shape:
        given = {name: tensor for name, tensor in given.items() if not name.startswith("fc.")}
    # Counters of batches are left out by some writers and matter to no one with a fixed momentum.
    needed = {name for name in own if not name.startswith("fc.") and not name.endswith("num_batches_tracked")}
    missing, unknown = sorted(needed - set(given)), sorted(set(given) - set(own))
    shapes = sorted(n for n in given if n in own and own[n].shape != given[n].shape)
    if missing or unknown or shapes:
        raise WeightsError(
            f"pretrained weights: expected the tensors of a ResNet18; "
            f"missing {missing[:3]}, unknown {unknown[:3]}, of another shape {shapes[:3]}"
        )
    network.load_state_dict({**own, **given})
