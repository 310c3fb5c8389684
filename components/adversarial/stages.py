"""What the stage does with its arguments."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import torch

from components.adversarial import attacks, folder, summary
from components.adversarial.crafting import Case, craft, draw, shown
from components.adversarial.judging import Judge
from components.adversarial.model import PixelModel, half_precision_pays
from components.adversarial.norms import LEVELS
from components.adversarial.robustness import Point, robust_accuracy
from components.artifacts import Outputs
from components.data.dataset import Dataset, read
from components.errors import DatasetError, InputError
from components.package.archive import Package
from components.package.network import build


def adversarial(args: argparse.Namespace, outputs: Outputs) -> None:
    """The stage: writes ``adversarial`` and ``metrics``."""
    started = time.monotonic()
    dataset, package = read(args.dataset), Package(args.archive)
    _check(dataset, package, args.target)
    attack = _attack(args)
    _repeatable()
    description = package.description
    network = build(description, package.read(description.weights))
    network = network.to("cuda" if torch.cuda.is_available() else "cpu", memory_format=torch.channels_last)
    model = PixelModel(network, description.preprocessing, half=half_precision_pays())
    judge = Judge(network, description.preprocessing)

    cases = draw(dataset, args.split, judge, args.target, args.count, args.seed)
    skipped = [case for case in cases if case.wants_nothing(args.target)]
    tried = [case for case in cases if not case.wants_nothing(args.target)]
    if not tried:
        raise DatasetError(f"expected images to attack, found {len(cases)} that want nothing done")
    crafted = [*shown(craft(model, judge, attack, tried, args.target, args.batch), len(tried), attack.name)]
    told = folder.rows(crafted, skipped, args.target)
    points = _points(args, model, judge, cases[: args.robustness_count])
    table = {
        "attack": args.robustness_attack,
        "norm": _robust(args, 16.0).norm.name,
        "steps": _robust(args, 16.0).steps,
        "unit": "1/255",
        "points": [point._asdict() for point in points],
        "confidence": summary.confidence(told),
    }
    with outputs.folder("adversarial") as path:
        folder.write(path, dataset, crafted, told, table)
        digest = read(path).digest
    found = {**summary.metrics(told), **_flat(points), "seconds": round(time.monotonic() - started, 1)}
    outputs.metrics("metrics", found)
    settings = {"attack": attack.name, "norm": attack.norm.name, "target": args.target, "steps": attack.steps}
    sources = {"digest": digest, "data": dataset.digest, "model": package.digest}
    outputs.describe("adversarial", **settings, **sources, images=len(crafted), skipped=len(skipped))
    print(_sentence(found, table["confidence"]), file=sys.stderr)


def _check(dataset: Dataset, package: Package, target: int) -> None:
    description = package.description
    if tuple(dataset.labels) != tuple(description.labels):
        raise InputError(
            f"expected a dataset with the model's {len(description.labels)} labels, found {len(dataset.labels)} others"
        )
    if target >= len(description.labels):
        raise InputError(f"--target: expected a class from 0 to {len(description.labels) - 1} or -1, found {target}")


def _attack(args: argparse.Namespace) -> attacks.Attack:
    return attacks.attack(
        args.attack,
        norm=args.norm,
        radius=args.epsilon / LEVELS,
        steps=args.steps,
        step_size=args.step_size / LEVELS,
        overshoot=args.overshoot,
        confidence=args.confidence,
        seed=args.seed,
    )


def _robust(args: argparse.Namespace, epsilon: float) -> attacks.Attack:
    return attacks.attack(args.robustness_attack, radius=epsilon / LEVELS, seed=args.seed)


def _points(args: argparse.Namespace, model: PixelModel, judge: Judge, cases: Sequence[Case]) -> list[Point]:
    return robust_accuracy(model, judge, cases, lambda epsilon: _robust(args, epsilon), args.epsilons, args.batch)


def _flat(points: Sequence[Point]) -> dict[str, float | int]:
    found: dict[str, float | int] = {"robust_accuracy_images": points[0].images}
    for point in points:
        name = f"robust_accuracy_eps_{point.epsilon:g}".replace(".", "_")
        found |= {name: round(point.accuracy, 6)}
        found |= {f"{name}_low": round(point.low, 6), f"{name}_high": round(point.high, 6)}
    return found


def _sentence(found: dict[str, float | int], confidence: dict[str, Any]) -> str:
    return (
        f"{found['succeeded']} of {found['images']} succeeded "
        f"({found['success_rate']:.1%}, {found['success_rate_low']:.1%} to {found['success_rate_high']:.1%}), "
        f"{found['skipped']} skipped, L2 median {found['l2_median']:.2f}, mean confidence "
        f"{confidence['clean']:.2f} before and {confidence['attacked']:.2f} after"
    )


def _repeatable() -> None:
    """The same seed on the same machine gives the same bytes."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
