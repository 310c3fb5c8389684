"""An explainer: what is prepared once of a model, and the three kinds of map made with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from components.capture.tensors.modules import plain
from components.errors import CompletenessError, InputError
from components.fullgrad import diagnosis, folding, saliency
from components.fullgrad.decomposition import TOLERANCES, Decomposition, Target, decompose
from components.fullgrad.private import private_copy
from components.fullgrad.result import BiasGradient, Explanation
from components.fullgrad.rules import Bias


class Explainer:
    """Explains a model's logits, batch after batch, one thread at a time.

    The model's weights are shared, not copied, but what is prepared from them is not renewed: make a new one after
    training.

    Args:
        model: ``(N, C, H, W)`` → logits ``(N, classes)`` (or a tuple that begins with them), in evaluation mode. It is
            not touched.
        fold: Fold batch normalisation and use the faster layout in memory where that is exact; the results differ by
            rounding only.

    Raises:
        InputError: The model is in training mode, cannot be copied, or is a script, a compiled module or a parallel
            wrapper, of whose parts hooks see nothing.
    """

    def __init__(self, model: nn.Module, *, fold: bool = True) -> None:
        self._model = model
        self._network = private_copy(plain(model))
        self._fold = fold
        self._folded: Mapping[str, Sequence[Bias]] | None = None
        # In memory: channels last is what convolutions on processors take fastest.
        self._layout = torch.channels_last if fold else torch.contiguous_format

    def fullgrad(
        self,
        images: torch.Tensor,
        target: Target = None,
        *,
        align_corners: bool = True,
        tolerance: float | None = None,
        keep: bool = True,
    ) -> Explanation:
        """Explains a batch; arguments and errors as of the function ``fullgrad``."""
        found = self.decompose(images, target, tolerance)
        canvas = saliency.Canvas(_size(images), align_corners)
        canvas.add(found.input_gradient, found.images)
        for term in found.biases:
            if saliency.spatial(term.gradient.shape, len(images)):
                canvas.add(term.gradient, term.broadcast, term.channels)
        return _explanation(found, canvas.result(), found.biases if keep else ())

    def simple_fullgrad(
        self, images: torch.Tensor, target: Target = None, *, align_corners: bool = True, tolerance: float | None = None
    ) -> Explanation:
        """Explains a batch; arguments and errors as of the function ``simple_fullgrad``."""
        found = self.decompose(images, target, tolerance)
        canvas = saliency.Canvas(_size(images), align_corners)
        canvas.add(found.input_gradient, found.images)
        for term in found.biases:
            if term.per_channel and saliency.spatial(term.gradient.shape, len(images)):
                canvas.add(term.gradient, None, term.channels)
        return _explanation(found, canvas.result(), found.biases)

    def smooth_fullgrad(
        self,
        images: torch.Tensor,
        target: Target = None,
        *,
        samples: int = 25,
        spread: float = 0.15,
        seed: int = 0,
        align_corners: bool = True,
        tolerance: float | None = None,
    ) -> Explanation:
        """Explains a batch; arguments and errors as of the function ``smooth_fullgrad``."""
        if samples < 1 or not spread >= 0:
            raise InputError(f"expected samples >= 1 and spread >= 0, found {samples} and {spread}")
        clean = self.decompose(images, target, tolerance)
        deviation = spread * (images.flatten(1).amax(1) - images.flatten(1).amin(1))[:, None, None, None]
        generator = torch.Generator().manual_seed(seed)
        products = torch.zeros_like(clean.images)
        means: dict[tuple[str, str, int], tuple[torch.Tensor, int]] = {}
        worst = clean.residual
        for _ in range(samples):
            # One picture of noise for the whole batch, so that an image's map does not depend on its neighbours.
            noise = torch.randn(images.shape[1:], generator=generator, dtype=images.dtype).to(images.device)
            found = self.decompose(images.detach() + deviation * noise, clean.target, tolerance)
            worst = torch.maximum(worst, found.residual)
            products += found.images * found.input_gradient / samples
            for term in found.biases:
                if saliency.spatial(term.gradient.shape, len(images)):
                    key = (term.module, term.operation, term.call)
                    value = term.gradient * term.broadcast / samples
                    means[key] = (means[key][0] + value if key in means else value, term.channels)
        canvas = saliency.Canvas(_size(images), align_corners)
        canvas.add(products)
        for value, channels in means.values():
            canvas.add(value, None, channels)
        return _explanation(clean._replace(residual=worst), canvas.result(), clean.biases)

    def decompose(self, images: torch.Tensor, target: Target = None, tolerance: float | None = None) -> Decomposition:
        """Takes a batch's logits apart and checks the sum, without making a map; errors as of ``fullgrad``."""
        allowed = _tolerance(images, tolerance)
        if self._folded is None:
            self._prepare(images)
        found = self._decomposed(images, target)
        if not _complete(found, allowed) and len(images) > 1:
            # Images may be mixed in a way that one backward pass cannot take apart, such as tokens before images.
            found = _joined([self._alone(images, found.target, i) for i in range(len(images))])
        if not _complete(found, allowed):
            raise CompletenessError(self._complaint(found, allowed))
        return found

    def _prepare(self, images: torch.Tensor) -> None:
        with torch.inference_mode(False):
            self._folded = folding.fold(self._network, folding.pairs(self._network, images) if self._fold else ())

    def _decomposed(self, images: torch.Tensor, target: Target) -> Decomposition:
        try:
            return decompose(self._network, images, target, self._folded or {}, self._layout)
        except RuntimeError:  # some networks flatten with a view that only one layout allows
            if self._layout == torch.contiguous_format:
                raise
            self._layout = torch.contiguous_format
        return decompose(self._network, images, target, self._folded or {}, self._layout)

    def _alone(self, images: torch.Tensor, target: torch.Tensor, i: int) -> Decomposition:
        return self._decomposed(images[i : i + 1], target[i : i + 1])

    def _complaint(self, found: Decomposition, allowed: float) -> str:
        wrong = (~(found.residual <= allowed)).nonzero()[:, 0].tolist()
        worst = max(wrong, key=lambda i: float(found.residual[i].nan_to_num(torch.inf)))
        image = found.images[worst : worst + 1]
        suspects = diagnosis.suspects(private_copy(self._model), image, int(found.target[worst]))
        named = "; ".join([*suspects, *dict.fromkeys(found.unaccounted)][:5]) or "none by itself"
        return (
            f"fullgrad: expected terms that sum up to the logit within {allowed:g}, found a residual of "
            f"{float(found.residual[worst]):.3g} ({len(wrong)} of {len(found.residual)} images); "
            f"modules to look at: {named}"
        )


def _tolerance(images: torch.Tensor, tolerance: float | None) -> float:
    if images.ndim != 4 or not images.numel() or images.dtype not in TOLERANCES:
        raise InputError(
            "fullgrad: expected images (N, C, H, W) in float32 or float64, "
            f"found {tuple(images.shape)} in {images.dtype}"
        )
    allowed = TOLERANCES[images.dtype] if tolerance is None else tolerance
    if not allowed > 0:
        raise InputError(f"fullgrad: expected a tolerance over 0, found {tolerance}")
    return allowed


def _complete(found: Decomposition, allowed: float) -> bool:
    return bool((found.residual <= allowed).all())  # not, if one is nan


def _size(images: torch.Tensor) -> tuple[int, int]:
    return int(images.shape[2]), int(images.shape[3])


def _joined(alone: Sequence[Decomposition]) -> Decomposition:
    """Puts images that were decomposed one by one into one batch."""
    names = [[(b.module, b.operation, b.call) for b in one.biases] for one in alone]
    if any(other != names[0] for other in names):
        raise InputError(
            "fullgrad: expected the same operations for every image, found others: explain them one by one"
        )
    biases = tuple(
        BiasGradient(
            *names[0][i],
            torch.cat([one.biases[i].gradient for one in alone]),
            first.bias if first.per_channel else torch.cat([one.biases[i].bias for one in alone]),
            first.channels,
            first.per_channel,
        )
        for i, first in enumerate(alone[0].biases)
    )
    tensors = {
        name: torch.cat([getattr(one, name) for one in alone])
        for name in ("images", "input_gradient", "target", "logits", "logit", "terms", "residual")
    }
    return Decomposition(biases=biases, unaccounted=alone[0].unaccounted, **tensors)


def _explanation(found: Decomposition, map_: torch.Tensor, biases: tuple[BiasGradient, ...]) -> Explanation:
    return Explanation(
        map_, found.input_gradient, biases, found.target, found.logits, found.logit, found.terms, found.residual
    )
