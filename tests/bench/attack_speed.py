"""Measures the attacks beside a plain batched PGD, foolbox and torchattacks, in one run.

``<python> tests/bench/attack_speed.py --dataset <folder> --archive <model.tar.gz> [--images 32] [--rounds 3]``

All attack the same images of the same model with one thread, in turn, round after round; times are medians of the
rounds, ratios medians of the rounds' ratios to the plain loop. Every result is rounded to 8 bits before it is judged,
in float32. Libraries that are not installed are left out, and that is said.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from components.adversarial.attacks import PGD, DeepFool
from components.adversarial.crafting import draw
from components.adversarial.goals import Goal
from components.adversarial.judging import Judge
from components.adversarial.model import PixelModel, half_precision_pays
from components.adversarial.norms import LEVELS, NORMS
from components.data.dataset import read
from components.package.archive import Package
from components.package.network import build

STEPS, RADIUS, TARGET = 20, 16 / 255, 14
Attacker = Callable[[], torch.Tensor]


class Normalized(torch.nn.Module):
    """The network over pixels of [0, 1], as the libraries want it."""

    def __init__(self, model: PixelModel) -> None:
        super().__init__()
        self.network, self._model = model.network, model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network(self._model._normalized(pixels))


def plain_loop(network: torch.nn.Module, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """PGD as one writes it down: every image, every step, float32."""
    generator = torch.Generator().manual_seed(0)
    change = (2 * torch.rand(images.shape, generator=generator) - 1) * RADIUS
    for _ in range(STEPS):
        leaf = (images + change).clamp(0, 1).requires_grad_(True)
        loss = torch.nn.functional.cross_entropy(network(leaf), targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, leaf)
        change = (change - 2.5 * RADIUS / STEPS * gradient.sign()).clamp(-RADIUS, RADIUS)
    return (images + change).clamp(0, 1).detach()


def ours(attack: Any, model: PixelModel, images: np.ndarray, goal: Goal) -> torch.Tensor:
    made = attack(model, images, goal).images
    return torch.from_numpy(made.transpose(0, 3, 1, 2)).float() / LEVELS


def foolbox_attacks(network: torch.nn.Module, images: torch.Tensor, targets: torch.Tensor, own: torch.Tensor) -> dict:
    import foolbox

    model = foolbox.PyTorchModel(network, bounds=(0, 1))
    wanted, away = foolbox.criteria.TargetedMisclassification(targets), foolbox.criteria.Misclassification(own)
    pgd = foolbox.attacks.LinfPGD(abs_stepsize=2.5 * RADIUS / STEPS, steps=STEPS)
    deepfool = foolbox.attacks.L2DeepFoolAttack(steps=100, candidates=10)
    return {
        "targeted PGD, foolbox": lambda: pgd(model, images, wanted, epsilons=RADIUS)[1],
        "untargeted DeepFool, foolbox": lambda: deepfool(model, images, away, epsilons=None)[1],
    }


def torchattacks_attacks(
    network: torch.nn.Module, images: torch.Tensor, targets: torch.Tensor, own: torch.Tensor
) -> dict:
    import torchattacks

    pgd = torchattacks.PGD(network, eps=RADIUS, alpha=2.5 * RADIUS / STEPS, steps=STEPS)
    pgd.set_mode_targeted_by_label(quiet=True)
    return {"targeted PGD, torchattacks": lambda: pgd(images, targets)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    package = Package(args.archive)
    network = build(package.description, package.read(package.description.weights))
    network = network.to(memory_format=torch.channels_last)
    full = PixelModel(network, package.description.preprocessing)
    half = PixelModel(network, package.description.preprocessing, half=half_precision_pays())
    judge = Judge(network, package.description.preprocessing)
    cases = draw(read(args.dataset), "test", judge, TARGET, args.images, 0)
    cases = [case for case in cases if not case.wants_nothing(TARGET) and case.predicted == case.row.class_id]
    images = np.stack([case.image for case in cases])
    pixels = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / LEVELS
    own = torch.tensor([case.row.class_id for case in cases])
    targets = torch.full((len(cases),), TARGET)
    towards, away = Goal(targets, True), Goal(own, False)
    normalized = Normalized(full).eval()
    run: dict[str, Attacker] = {
        "targeted PGD, plain loop": lambda: plain_loop(normalized, pixels, targets),
        "targeted PGD, ours, all steps, float32": lambda: ours(PGD(confidence=1e3), full, images, towards),
        "targeted PGD, ours, all steps": lambda: ours(PGD(confidence=1e3), half, images, towards),
        "targeted PGD, ours": lambda: ours(PGD(), half, images, towards),
        "targeted DeepFool, ours": lambda: ours(DeepFool(), half, images, towards),
        "untargeted DeepFool, ours": lambda: ours(DeepFool(), half, images, away),
    }
    for name, made in (("foolbox", foolbox_attacks), ("torchattacks", torchattacks_attacks)):
        if importlib.util.find_spec(name) is None:
            print(f"{name}: not installed, left out")
        else:
            run |= made(normalized, pixels, targets, own)
    measure(run, args.rounds, full, pixels, towards, away)


def measure(
    run: dict[str, Attacker], rounds: int, model: PixelModel, pixels: torch.Tensor, towards: Goal, away: Goal
) -> None:
    """Runs all in turn and prints a line for each."""
    seconds: dict[str, list[float]] = {name: [] for name in run}
    made: dict[str, torch.Tensor] = {}
    for _ in range(rounds):
        for name, attacker in run.items():
            started = time.perf_counter()
            made[name] = attacker()
            seconds[name].append(time.perf_counter() - started)
    baseline = seconds["targeted PGD, plain loop"]
    print(f"{'':42} {'s':>7} {'ratio':>6} {'success':>8} {'L2 median':>10} {'Linf/255':>9}")
    for name, times in seconds.items():
        rounded = (made[name].clamp(0, 1) * LEVELS).round() / LEVELS
        goal = towards if name.startswith("targeted") else away
        done = goal.margin(model.logits(rounded)) > 0
        lengths = [norm.size(rounded - pixels)[done] for norm in (NORMS["l2"], NORMS["linf"])]
        ratio = statistics.median(one / other for one, other in zip(times, baseline, strict=True))
        l2, linf = (float(one.median()) if done.any() else float("nan") for one in lengths)
        figures = f"{float(done.float().mean()):8.3f} {l2:10.2f} {linf * LEVELS:9.1f}"
        print(f"{name:42} {statistics.median(times):7.2f} {ratio:6.2f} {figures}")


if __name__ == "__main__":
    main()
