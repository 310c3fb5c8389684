"""FullGrad of a model's logits, exact and checked; Simple and Smooth FullGrad."""

from __future__ import annotations

import torch
from torch import nn

from components.fullgrad.decomposition import Target
from components.fullgrad.explainer import Explainer
from components.fullgrad.result import Explanation


def fullgrad(
    model: nn.Module,
    images: torch.Tensor,
    target: Target = None,
    *,
    align_corners: bool = True,
    tolerance: float | None = None,
    keep: bool = True,
    fold: bool = True,
) -> Explanation:
    """Explains a model's logits by their full gradients.

    Source: Srinivas and Fleuret 2019 (arXiv 1905.00780), equations 2 and 6; the map as in idiap/fullgrad-saliency.

    Args:
        model: ``(N, C, H, W)`` → logits ``(N, classes)``, in evaluation mode. It is not touched.
        images: ``(N, C, H, W)`` float32 or float64, as the model takes them.
        target: One class for all, one an image, or None for each image's highest logit.
        align_corners: Of the interpolation; the reference and the AWS sample align them.
        tolerance: The largest residual of an image; None for 1e-4 in float32 and 1e-10 in float64.
        keep: Whether the result holds the bias gradients (as much memory as all activations).
        fold: Take the faster way where it is exact.

    Raises:
        CompletenessError: The terms of an image do not sum up to its logit; names the modules to look at.
        InputError: The model is in training mode, or images or target are not what is expected.
    """
    return Explainer(model, fold=fold).fullgrad(
        images, target, align_corners=align_corners, tolerance=tolerance, keep=keep
    )


def simple_fullgrad(
    model: nn.Module,
    images: torch.Tensor,
    target: Target = None,
    *,
    align_corners: bool = True,
    tolerance: float | None = None,
) -> Explanation:
    """Explains by gradients where explicit biases enter, without multiplying them by these.

    Its map adds up to nothing; the residual is that of the full decomposition all the same. For networks whose implicit
    biases dominate (the reference's authors advise it for transformers). Arguments and errors as of ``fullgrad``.
    """
    return Explainer(model).simple_fullgrad(images, target, align_corners=align_corners, tolerance=tolerance)


def smooth_fullgrad(
    model: nn.Module,
    images: torch.Tensor,
    target: Target = None,
    *,
    samples: int = 25,
    spread: float = 0.15,
    seed: int = 0,
    align_corners: bool = True,
    tolerance: float | None = None,
) -> Explanation:
    """Explains by signed bias gradients averaged over noisy copies of each image, then made a map.

    The residual is the largest of the image and its copies; logit and terms are the image's own.

    Args:
        model: As of ``fullgrad``.
        images: As of ``fullgrad``.
        target: As of ``fullgrad``; None for the highest logit of the image without noise.
        samples: Noisy copies.
        spread: Standard deviation of the noise, as a share of the image's range.
        seed: Of the noise.
        align_corners: As of ``fullgrad``.
        tolerance: As of ``fullgrad``, for each copy.

    Raises:
        CompletenessError: As ``fullgrad``.
        InputError: As ``fullgrad``, or samples or spread make no sense.
    """
    return Explainer(model).smooth_fullgrad(
        images,
        target,
        samples=samples,
        spread=spread,
        seed=seed,
        align_corners=align_corners,
        tolerance=tolerance,
    )
