"""The stage ``adversarial``: a dataset and a packaged model in; attacked images, metrics and a robustness table out."""

from __future__ import annotations

import argparse
import sys

from components.artifacts import Outputs, Stage, number

ATTACKS = ("deepfool", "fgsm", "pgd", "mi_fgsm")
GRADIENT_ATTACKS = ATTACKS[1:]


def radii(text: str) -> tuple[float, ...]:
    """Reads radii separated by commas, in 255ths; nothing means no table."""
    try:
        found = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        found = (-1.0,)
    if not all(1 <= radius <= 255 for radius in found):  # also refuses nan
        raise argparse.ArgumentTypeError(f"expected numbers from 1 to 255, found {text[:80]!r}")
    return found


stage = Stage(
    "adversarial", "Attacks a packaged classifier with a dataset's images and judges them as its server would."
)
stage.input("dataset", "folder that the data stage wrote", kind="Dataset")
stage.input("archive", "model.tar.gz that package wrote", kind="Model")
stage.output(
    "adversarial", "Dataset", "folder: attacked images as a dataset, originals/, attacks.parquet, robustness.json"
)
stage.output(
    "metrics", "Metrics", "success rate, lengths, confidence before and after, robust accuracies, with intervals"
)
stage.parameter("attack", "which", default="deepfool", choices=ATTACKS)
stage.parameter("target", "the class that images shall be taken for; -1: any other", type=number(int, -1), default=14)
stage.parameter(
    "epsilon",
    "longest perturbation in 255ths, in the norm; 0: none for deepfool, 16 for others",
    type=number(float, 0, 1e6),
    default=0.0,
)
stage.parameter("norm", "l2 or linf; empty: l2 for deepfool, linf for others", default="", choices=("", "l2", "linf"))
stage.parameter("steps", "gradients an image at most; 0: the attack's own", type=number(int, 0, 10_000), default=0)
stage.parameter(
    "step_size", "of a step, in 255ths; 0: the attack's own. Not for deepfool", type=number(float, 0, 1e6), default=0.0
)
stage.parameter("overshoot", "how far beyond the boundary deepfool aims", type=number(float, 0, 10), default=0.02)
stage.parameter(
    "confidence",
    "logits by which an image must be over the boundary before it is finished; a large number runs all steps",
    type=number(float, 0, 1e6),
    default=0.1,
)
stage.parameter("count", "images to attack, drawn with the seed; 0: all", type=number(int, 0), default=200)
stage.parameter("split", "split of the dataset", default="test")
stage.parameter("seed", "of the choice of images and of random starts", type=number(int, 0), default=0)
stage.parameter("batch", "images attacked at once", type=number(int, 1, 4096), default=32)
stage.parameter(
    "epsilons", "radii of the robustness table in 255ths; empty: no table", type=radii, default="1,2,4,8,16"
)
stage.parameter("robustness_attack", "attack of the table, untargeted", default="pgd", choices=GRADIENT_ATTACKS)
stage.parameter("robustness_count", "images of the table at most", type=number(int, 1), default=100)


def work(args: argparse.Namespace, outputs: Outputs) -> None:
    """Loads, attacks, judges, writes."""
    from components.adversarial import stages  # torch takes seconds to import

    stages.adversarial(args, outputs)


if __name__ == "__main__":
    sys.exit(stage.main(work))
