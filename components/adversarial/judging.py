"""What the server makes of an image file: the same decoding, the same preprocessing, full precision.

An attack that holds for the numbers in memory may be gone after 8 bits and a resize. So nothing counts as a success
here that has not been a PNG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from components.adversarial.model import frozen
from components.images import Pixels, Preprocessing, decode, encode_png


@dataclass(frozen=True)
class Judge:
    """Scores image files as a server over this network would.

    Attributes:
        network: ``(batch, 3, height, width)`` → logits ``(batch, classes)``.
        preprocessing: The contract that the server applies.
        batch: Images a pass.
    """

    network: torch.nn.Module
    preprocessing: Preprocessing
    batch: int = 64

    def files(self, files: Sequence[bytes]) -> NDArray[np.float32]:
        """Returns probabilities ``(images, classes)`` for encoded images.

        Raises:
            ImageError: A file is no image that the server takes.
        """
        device = next(self.network.parameters()).device
        scores = []
        with frozen(self.network), torch.inference_mode():
            for i in range(0, len(files), self.batch):
                prepared = [self.preprocessing.resize(decode(file)) for file in files[i : i + self.batch]]
                inputs = torch.from_numpy(self.preprocessing.normalize(np.stack(prepared))).to(device)
                logits = self.network(inputs.contiguous(memory_format=torch.channels_last))
                scores.append(torch.softmax(logits.float(), dim=1).cpu().numpy())
        return np.concatenate(scores)

    def pixels(self, images: Pixels) -> tuple[list[bytes], NDArray[np.float32]]:
        """Returns the PNGs of uint8 images ``(images, H, W, 3)``, and their probabilities ``(images, classes)``."""
        files = [encode_png(image) for image in images]
        return files, self.files(files)
