"""Every decoder under atheris, for a fixed number of runs; ``make hostile`` gives each a million (``long.sh``)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from decoders import DECODERS
from effort import LONG, SEED

HERE = Path(__file__).resolve().parent
ATHERIS = HERE.parents[1] / ".venvs/hostile/lib/python3.11/site-packages/atheris"
RUNS = 3_000

pytestmark = [
    pytest.mark.skipif(LONG, reason="expected long.sh to fuzz, and for longer"),
    pytest.mark.skipif(not ATHERIS.exists(), reason="expected `make environments` to install atheris"),
]


@pytest.mark.parametrize("name", DECODERS)
def test_what_the_fuzzer_makes_of_the_examples_is_refused_or_read(name: str) -> None:
    command = [sys.executable, str(HERE / "fuzz.py"), name, f"-runs={RUNS}", f"-seed={SEED + 1}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {RUNS} runs" in done.stderr
