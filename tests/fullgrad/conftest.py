"""One thread: the networks are small, and other tests may run beside these."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
