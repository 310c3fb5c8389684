"""The stage ``fine_tune.detector`` as a program, with a training that takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS = ("model", "metrics", "curves", "report")


def run(dataset: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Trains on a scenes folder; the outputs lie in ``out`` under their names."""
    paths = [f"--{name}={out / name}" for name in OUTPUTS]
    small = ["--side=64", "--batch-size=8", "--epochs=14", "--learning-rate=0.003", "--threads=1", "--name=shapes"]
    command = [sys.executable, "-m", "components.fine_tune.detector", f"--dataset={dataset}", *paths, *small, *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
