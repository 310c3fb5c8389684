"""Image classifiers in torch: torchvision's residual networks, from safetensors.

The scores are the softmax of the network's outputs. Images are normalised inside torch, with the numbers of
``Preprocessing.scale_and_shift``, which gives what ``Preprocessing.normalize`` gives, in one pass and in the layout
(channels last) that the convolutions take fastest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from components.errors import WeightsError
from components.images import Pixels, Preprocessing
from components.package.description import ModelDescription
from components.package.network import build
from components.serve.runtimes.labelled import Labelled


class Options(NamedTuple):
    """How the network runs.

    Attributes:
        threads: For one batch on a CPU; 0 leaves it to torch.
        device: ``cuda``, ``cpu``, or empty for whichever there is.
        bfloat16: Convolutions in bfloat16; twice as fast on CPUs that have it, scores differ in the third digit.
        fold: Batch normalisation folded into the convolutions; scores differ by rounding.
    """

    threads: int = 0
    device: str = ""
    bfloat16: bool = False
    fold: bool = False


class Classifier(Labelled):
    """A torch classifier behind the ``Runtime`` protocol.

    Args:
        network: ``(batch, 3, height, width)`` → logits ``(batch, classes)``.
        labels: One a class.
        preprocessing: What the network was trained with.
        options: How it runs.
    """

    def __init__(
        self, network: torch.nn.Module, labels: tuple[str, ...], preprocessing: Preprocessing, options: Options
    ) -> None:
        super().__init__(labels)
        self.platform = "torch"
        self.preprocessing = preprocessing
        self._bfloat16 = options.bfloat16
        if options.threads:
            torch.set_num_threads(options.threads)
        self.device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        network = network.eval().requires_grad_(False)
        if options.fold:
            from torch.fx.experimental.optimization import fuse

            network = fuse(network)
        self._network = network.to(self.device, memory_format=torch.channels_last)
        scale, shift = preprocessing.scale_and_shift()
        self._scale = torch.from_numpy(scale).to(self.device)[:, None, None]
        self._shift = torch.from_numpy(shift).to(self.device)[:, None, None]

    def prepare(self, image: Pixels) -> Pixels:
        """Returns the image as ``(height, width, 3)``, resized as the contract says."""
        return self.preprocessing.resize(image)

    def predict(self, batch: Pixels) -> NDArray[np.float32]:
        """Returns probabilities float32 ``(batch, classes)`` for uint8 RGB ``(batch, height, width, 3)``.

        Raises:
            WeightsError: A score is not finite.
        """
        with torch.inference_mode():
            scores = torch.softmax(self._logits(self.normalize(batch)).float(), dim=1).cpu().numpy()
        if not np.isfinite(scores).all():
            raise WeightsError(
                "expected finite scores, found NaN: the weights or the preprocessing are not this model's"
            )
        return scores

    def normalize(self, batch: Pixels) -> torch.Tensor:
        """Returns the network's input ``(batch, 3, height, width)``, channels last in memory."""
        # torch warns about arrays it must not write to; it writes to none here, but cannot know.
        pixels = torch.from_numpy(batch if batch.flags.writeable else batch.copy()).to(self.device)
        if self.preprocessing.channel_order == "BGR":
            pixels = pixels.flip(3)
        return pixels.permute(0, 3, 1, 2).float() * self._scale + self._shift

    def warm_up(self) -> None:
        """Runs one batch, so that the first client does not wait for torch to choose its kernels."""
        sides = (self.preprocessing.height, self.preprocessing.width)
        self.predict(np.zeros((1, *sides, 3), np.uint8))

    def _logits(self, inputs: torch.Tensor) -> torch.Tensor:
        if not self._bfloat16:
            return self._network(inputs)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            return self._network(inputs)


def load(description: ModelDescription, weights: bytes, options: Options) -> Classifier:
    """Builds the classifier that a description names, with these weights.

    Args:
        description: ``architecture``, ``labels`` and ``preprocessing`` are used.
        weights: The verified content of a safetensors file.
        options: How it runs.

    Raises:
        InputError: The architecture is not known here.
        WeightsError: A tensor is missing, unknown, or of another shape, type, or value than a finite number.
    """
    network = build(description, weights)
    return Classifier(network, tuple(description.labels), description.preprocessing, options)
