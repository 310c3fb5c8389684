"""The tensors of the networks that Roadworthy trains, so that weights can be checked without the framework."""

from __future__ import annotations

from collections.abc import Callable

Tensors = dict[str, tuple[str, tuple[int, ...]]]


def expected(architecture: str, classes: int) -> Tensors | None:
    """Returns dtype and shape of each tensor of a classifier, by name; None for an architecture not known here.

    Args:
        architecture: By torchvision's name, ``resnet18``.
        classes: Its outputs.
    """
    known: dict[str, Callable[[int], Tensors]] = {"resnet18": _resnet18}
    return known[architecture](classes) if architecture in known else None


def _resnet18(classes: int) -> Tensors:
    """Deep Residual Learning (He et al. 2015, arXiv 1512.03385), table 1, under torchvision's names."""
    tensors = {**_convolution("conv1", 64, 3, 7), **_batch_norm("bn1", 64)}
    before = 64
    for layer, width in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            prefix = f"layer{layer}.{block}"
            tensors |= {**_convolution(f"{prefix}.conv1", width, before, 3), **_batch_norm(f"{prefix}.bn1", width)}
            tensors |= {**_convolution(f"{prefix}.conv2", width, width, 3), **_batch_norm(f"{prefix}.bn2", width)}
            if width != before:  # the shortcut of section 3.3, option B
                tensors |= _convolution(f"{prefix}.downsample.0", width, before, 1)
                tensors |= _batch_norm(f"{prefix}.downsample.1", width)
            before = width
    return {**tensors, "fc.weight": ("F32", (classes, 512)), "fc.bias": ("F32", (classes,))}


def _convolution(name: str, outputs: int, inputs: int, side: int) -> Tensors:
    return {f"{name}.weight": ("F32", (outputs, inputs, side, side))}


def _batch_norm(name: str, channels: int) -> Tensors:
    vectors: Tensors = {
        f"{name}.{vector}": ("F32", (channels,)) for vector in ("weight", "bias", "running_mean", "running_var")
    }
    return {**vectors, f"{name}.num_batches_tracked": ("I64", ())}
