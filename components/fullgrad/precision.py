"""float32 that is float32.

On recent GPUs torch convolves float32 with the ten-bit mantissas of TF32 by default, forwards and backwards; then terms
and logit differ by rounding alone more than the tolerance allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Keeps a GPU from TF32 while the block lasts; a setting of the whole process, put back afterwards."""
    if device.type != "cuda":
        yield
        return
    settings = (torch.backends.cudnn.conv, torch.backends.cuda.matmul)
    before = [setting.fp32_precision for setting in settings]
    try:
        for setting in settings:
            setting.fp32_precision = "ieee"
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.fp32_precision = value
