"""MXNet and GluonCV without the noise of their import, and the device there is."""

from __future__ import annotations

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MXNet is retired: no one will mend its deprecations
    import gluoncv
    import mxnet as mx

__all__ = ["device", "gluoncv", "mx"]


def device() -> Any:
    """Returns the first GPU where MXNet is built for GPUs and finds one, else the CPU."""
    return mx.gpu(0) if mx.context.num_gpus() else mx.cpu()
