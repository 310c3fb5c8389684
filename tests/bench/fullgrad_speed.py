"""Measures FullGrad beside plain passes, pytorch-grad-cam's FullGrad and the AWS sample's loop, in one run.

``.venvs/bench-fullgrad/bin/python tests/bench/fullgrad_speed.py [--rounds 5] [--batch 16] [--side 224] [--threads 1]``

All have the same ResNet18, images, class and threads, and run in turn, round after round; figures are medians of the
rounds, ratios medians of the rounds' ratios. ``forward + backward`` is one of each to the input, of the model as it is;
``folded`` the same with batch normalisation folded and channels last, the least that any method could take. The
sample's loop takes minutes for a batch: it runs for one image a round and is scaled to the batch, which is fair since
it works image by image, and its time is the interpolation's. Beside the time on the clock stands the processor's, which
what else the machine does hardly changes.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.ndimage
import torch
import torchvision
from torch import nn
from torch.fx.experimental.optimization import fuse

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from components.fullgrad import Explainer, fullgrad

SEED_IMAGES = 1


def network() -> nn.Module:
    """Returns a ResNet18 with statistics that are not trivial."""
    torch.manual_seed(0)
    model = torchvision.models.resnet18()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return model.eval()


def both_passes(model: nn.Module, images: torch.Tensor) -> None:
    leaf = images.detach().requires_grad_()
    torch.autograd.grad(model(leaf).amax(1).sum(), leaf)


def grad_cam(model: nn.Module) -> Callable[[torch.Tensor], object]:
    from pytorch_grad_cam import FullGrad

    cam = FullGrad(copy.deepcopy(model), [])
    return lambda images: cam(images, None)


class Sample:
    """The AWS sample: tensors hooked out as numpy arrays, then one zoom a channel."""

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model)
        self.norms = {n: m for n, m in self.model.named_modules() if isinstance(m, nn.BatchNorm2d)}
        self.gradients: dict[str, np.ndarray] = {}
        for name, module in self.norms.items():
            module.register_forward_hook(lambda m, args, output, name=name: self.keep(name, output))

    def keep(self, name: str, output: torch.Tensor) -> None:
        output.register_hook(lambda gradient: self.gradients.__setitem__(name, gradient.numpy().copy()))

    def one(self, image: torch.Tensor) -> np.ndarray:
        leaf = image.clone().requires_grad_()
        self.model.zero_grad()
        self.model(leaf).max().backward()
        side = image.shape[-1]
        total = self.scaled(np.abs((leaf.grad * image).numpy()))[0].sum(0)
        for name, norm in self.norms.items():
            mean, variance = norm.running_mean.numpy(), norm.running_var.numpy()
            bias = norm.bias.detach().numpy() - mean / np.sqrt(variance) * norm.weight.detach().numpy()
            layer = self.scaled(np.abs(bias[:, None, None] * self.gradients[name][0]))
            for channel in layer:
                total = total + scipy.ndimage.zoom(channel, side / channel.shape[0], order=1)
        return total

    @staticmethod
    def scaled(values: np.ndarray) -> np.ndarray:
        values = values - values.min()
        return values / values.max()


def timed(work: Callable[[], object], scale: float) -> dict[str, float]:
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return {"clock": (time.perf_counter() - clock) * scale, "processor": (time.process_time() - processor) * scale}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rounds", 5), ("batch", 16), ("side", 224), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    model, images = network(), torch.randn(args.batch, 3, args.side, args.side)
    frozen = copy.deepcopy(model).requires_grad_(False)
    folded = fuse(copy.deepcopy(frozen)).to(memory_format=torch.channels_last)
    beside = images.contiguous(memory_format=torch.channels_last)
    explainer, cam, sample = Explainer(model), grad_cam(model), Sample(model)

    contenders: dict[str, tuple[Callable[[], object], float]] = {
        "forward + backward": (lambda: both_passes(frozen, images), 1),
        "forward + backward, folded": (lambda: both_passes(folded, beside), 1),
        "fullgrad(model, images)": (lambda: fullgrad(model, images), 1),
        "Explainer.fullgrad(images)": (lambda: explainer.fullgrad(images), 1),
        "pytorch-grad-cam FullGrad": (lambda: cam(images), 1),
        "AWS sample's loop": (
            lambda: [sample.one(one[None]) for one in images[:SEED_IMAGES]],
            args.batch / SEED_IMAGES,
        ),
    }
    for work, _ in contenders.values():
        work()
    times: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for number in range(args.rounds):
        for name, (work, scale) in contenders.items():
            times[name].append(timed(work, scale))
        shown = ", ".join(f"{t[-1]['clock']:.2f} ({t[-1]['processor']:.2f})" for t in times.values())
        print(f"round {number + 1}, seconds on the clock (of the processor): {shown}", file=sys.stderr, flush=True)

    def ratio(name: str, base: str) -> dict[str, float]:
        pairs = list(zip(times[name], times[base], strict=True))
        return {
            what: round(statistics.median(a[what] / b[what] for a, b in pairs), 3) for what in ("clock", "processor")
        }

    def middle(name: str) -> dict[str, float]:
        milliseconds = 1e3 / args.batch
        return {
            what: round(statistics.median(t[what] for t in times[name]) * milliseconds, 1)
            for what in ("clock", "processor")
        }

    ours = fullgrad(model, images[:1]).saliency[0].numpy()
    report = {
        "ms_per_image": {name: middle(name) for name in times},
        "fullgrad_to_passes": ratio("fullgrad(model, images)", "forward + backward"),
        "fullgrad_to_folded_passes": ratio("fullgrad(model, images)", "forward + backward, folded"),
        "explainer_to_passes": ratio("Explainer.fullgrad(images)", "forward + backward"),
        "explainer_to_folded_passes": ratio("Explainer.fullgrad(images)", "forward + backward, folded"),
        "grad_cam_to_fullgrad": ratio("pytorch-grad-cam FullGrad", "fullgrad(model, images)"),
        "sample_to_fullgrad": ratio("AWS sample's loop", "fullgrad(model, images)"),
        "correlation_with_sample": float(np.corrcoef(sample.one(images[:1]).ravel(), ours.ravel())[0, 1]),
        "largest_residual": float(fullgrad(model, images).residual.max()),
        **vars(args),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
