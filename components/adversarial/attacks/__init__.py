"""The attacks by name, with what each takes when nothing is said."""

from __future__ import annotations

import math

from components.adversarial.attacks.deepfool import DeepFool
from components.adversarial.attacks.gradient import FGSM, MIFGSM, PGD
from components.adversarial.attacks.template import Attack, Perturbed
from components.adversarial.norms import NORMS
from components.errors import InputError

__all__ = ["ATTACKS", "FGSM", "MIFGSM", "PGD", "Attack", "DeepFool", "Perturbed", "attack"]

ATTACKS: dict[str, type[Attack]] = {kind.name: kind for kind in (DeepFool, FGSM, PGD, MIFGSM)}

RADIUS = 16 / 255
"""Of the attacks that need one, where none is given."""


def attack(
    name: str,
    *,
    norm: str = "",
    radius: float = 0.0,
    steps: int = 0,
    step_size: float = 0.0,
    overshoot: float = 0.02,
    confidence: float = 0.1,
    seed: int = 0,
) -> Attack:
    """Builds an attack; what is 0 or empty is the attack's own default.

    Args:
        name: One of ``ATTACKS``.
        norm: ``l2`` or ``linf``.
        radius: The longest perturbation in this norm, in pixels of [0, 1].
        steps: At most.
        step_size: Of each step, in this norm; DeepFool chooses its own.
        overshoot: How far beyond the boundary DeepFool aims, as a share of the way.
        confidence: Logits by which the goal must be met before an image is finished.
        seed: Of the random start.

    Raises:
        InputError: One of these is unknown or makes no sense for the attack.
    """
    if name not in ATTACKS or norm not in {"", *NORMS}:
        raise InputError(
            f"expected an attack among {', '.join(ATTACKS)} and a norm among {', '.join(NORMS)}, "
            f"found {name!r}, {norm!r}"
        )
    kind = ATTACKS[name]
    given: dict[str, object] = {"seed": seed, "confidence": confidence}
    if norm:
        given["norm"] = NORMS[norm]
    if steps:
        given["steps"] = steps
    if kind is DeepFool:
        return DeepFool(radius=radius or math.inf, overshoot=overshoot, **given)  # type: ignore[arg-type]
    return kind(radius=radius or RADIUS, step_size=step_size, **given)  # type: ignore[call-arg,arg-type]
