"""FullGrad from recorded tensors alone: no model, no forward pass.

What a ``TensorHook`` kept of a step is enough for networks whose biases are explicit or batch normalisation's: the
gradients at the modules' outputs, their parameters, the input and its gradient, and the logits that were
differentiated. They are paired by name: ``gradient/ResNet_bn1_output_0`` with ``ResNet_bn1.bias``, ``.weight``,
``.running_mean``, ``.running_var`` and ``.eps``. Where that does not suffice (smooth activations, a tensor that was
not recorded) the terms do not sum up, and it says so instead of drawing a map.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from numpy.typing import NDArray

from components.errors import CompletenessError, InputError
from components.fullgrad import saliency
from components.fullgrad.decomposition import TOLERANCES, Target, residual, targets, total
from components.fullgrad.result import BiasGradient, Explanation
from components.fullgrad.rules import normalisation_bias

EPS = 1e-5
"""Of a batch normalisation whose own was not recorded: torch's default."""

_GRADIENT = re.compile(r"gradient/(?P<module>.+)_output_(?P<call>\d+)")


class Tensor(Protocol):
    """A name in a trial."""

    def value(self, step_num: int, mode: Any = None) -> NDArray[Any]:
        """Returns what the model had at a step."""


class Trial(Protocol):
    """What is asked of ``components.capture.trial``'s trials, and of smdebug's."""

    def tensor_names(self, regex: str | None = None, step: int | None = None, mode: Any = None) -> Sequence[str]:
        """Returns the names of a step's tensors."""

    def tensor(self, name: str) -> Tensor:
        """Returns one of them."""


def fullgrad_from_trial(
    trial: Trial,
    step: int,
    mode: Any = None,
    *,
    target: Target = None,
    logits: str | None = None,
    align_corners: bool = True,
    tolerance: float | None = None,
) -> Explanation:
    """Explains a recorded step.

    Args:
        trial: With the step's inputs, logits, gradients and parameters (``REGEX`` records them).
        step: Its number, or one of ``trial.steps``.
        mode: As the trial takes it.
        target: What was differentiated: one class, one an image, or None for each image's highest logit.
        logits: The name of the tensor with the logits; None for the model's output, or else that of its ``fc``.
        align_corners: Of the interpolation.
        tolerance: The largest residual; None for 1e-4 in float32 and 1e-10 in float64.

    Raises:
        CompletenessError: The terms do not sum up to the logit; names the modules without a recorded gradient.
        InputError: The step has no input, no gradient of it, or no logits.
    """
    recorded = _Recorded(trial, step, mode)
    root = recorded.root()
    images, gradient = recorded.value(f"{root}_input_0"), recorded.value("gradient/image")
    answers = recorded.value(logits or recorded.first([f"{root}_output_0", f"{root}_fc_output_0"]))
    if images.ndim != 4 or images.shape != gradient.shape or answers.ndim != 2 or len(answers) != len(images):
        shapes = [tuple(t.shape) for t in (images, gradient, answers)]
        raise InputError(f"expected images (N, C, H, W), their gradient and logits (N, classes), found {shapes}")
    biases = tuple(recorded.biases(root))
    chosen = targets(target, answers)
    logit = answers.gather(1, chosen[:, None])[:, 0]
    terms = torch.stack([(images * gradient).flatten(1).sum(1), *(total(b, len(images)) for b in biases)], dim=1)
    found = residual(logit, terms)
    allowed = TOLERANCES.get(images.dtype, 1e-4) if tolerance is None else tolerance
    if not (found <= allowed).all():
        raise CompletenessError(
            f"step {step!r}: expected recorded terms that sum up to the logit within {allowed:g}, found a residual of "
            f"{float(found.nan_to_num(torch.inf).max()):.3g}; {recorded.missing(biases)}"
        )
    size = (int(images.shape[2]), int(images.shape[3]))
    canvas = saliency.Canvas(size, align_corners)
    canvas.add(gradient, images)
    for term in biases:
        if saliency.spatial(term.gradient.shape, len(images)):
            canvas.add(term.gradient, term.broadcast, term.channels)
    return Explanation(canvas.result(), gradient, biases, chosen, answers, logit, terms, found)


REGEX = r"_input_0$|^gradient/image$|^gradient/.*_output_\d+$|\.(weight|bias|running_mean|running_var|eps)$|_output_0$"
"""Records, with others, all that ``fullgrad_from_trial`` reads."""


class _Recorded:
    """The tensors of one step."""

    def __init__(self, trial: Trial, step: int, mode: Any) -> None:
        self._trial, self._step, self._mode = trial, step, mode
        self._names = frozenset(trial.tensor_names(step=step, mode=mode))

    def root(self) -> str:
        """Returns the name of the model itself: the shortest of those with an input."""
        found = [name.removesuffix("_input_0") for name in self._names if name.endswith("_input_0")]
        if not found:
            raise InputError(f"step {self._step!r}: expected the model's input such as ResNet_input_0, found none")
        return min(found, key=len)

    def first(self, names: Iterable[str]) -> str:
        """Returns the first of some names that was recorded."""
        names = list(names)
        for name in names:
            if name in self._names:
                return name
        raise InputError(f"step {self._step!r}: expected a tensor {' or '.join(names)}, found neither")

    def value(self, name: str) -> torch.Tensor:
        """Returns a tensor."""
        if name not in self._names:
            raise InputError(f"step {self._step!r}: expected a tensor {name}, found none")
        return torch.from_numpy(self._trial.tensor(name).value(self._step, self._mode).copy())

    def biases(self, root: str) -> Iterable[BiasGradient]:
        """Yields what has a gradient and a bias, by module and call."""
        for name in sorted(self._names):
            match = _GRADIENT.fullmatch(name)
            bias = self._bias(match["module"]) if match else None
            if match and bias is not None:
                module, operation, gradient = match["module"].removeprefix(f"{root}_"), bias[0], self.value(name)
                channels = 1 if gradient.ndim < 2 or gradient.shape[1] == len(bias[1]) else gradient.ndim - 1
                values = bias[1].to(gradient.dtype)
                yield BiasGradient(module, operation, int(match["call"]), gradient, values, channels, per_channel=True)

    def missing(self, biases: Sequence[BiasGradient]) -> str:
        """Says what of the modules with a bias has no recorded gradient."""
        kept = (n for n in self._names if not n.startswith("gradient/"))
        modules = {n.rpartition(".")[0] for n in kept if n.endswith((".bias", ".running_var"))}
        silent = sorted(m for m in modules if not any(n.startswith(f"gradient/{m}_output_") for n in self._names))
        if silent:
            return f"without a recorded gradient: {', '.join(silent[:5])}"
        return f"{len(biases)} biases are recorded; what else the model adds (smooth activations, say) needs the model"

    def _bias(self, module: str) -> tuple[str, torch.Tensor] | None:
        def kept(what: str) -> torch.Tensor | None:
            name = f"{module}.{what}"
            return self.value(name) if name in self._names else None

        mean, variance, eps = kept("running_mean"), kept("running_var"), kept("eps")
        if mean is not None and variance is not None:
            constant = EPS if eps is None else float(eps)
            return "batch_norm", normalisation_bias(mean, variance, kept("weight"), kept("bias"), constant)
        bias = kept("bias")
        return None if bias is None else ("bias", bias)
