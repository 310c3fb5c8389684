"""Measures how long `roadworthy compile --target all` takes from a cold start, and what of it is the import of kfp.

``.venvs/dev/bin/python tests/bench/compile_speed.py [--rounds 5]``

Processor time is given beside the time by the clock: it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {
    "import kfp": ["-c", "import kfp"],
    "import kfp without its client": ["-c", "from pipelines.targets import sdk; sdk.ready()"],
    "compile --target all": ["-m", "pipelines", "compile", "--target", "all", "--output"],
    "compile --target all --profile g4dn": [
        "-m",
        "pipelines",
        "compile",
        "--target",
        "all",
        "--profile",
        "g4dn",
        "--output",
    ],
}


def measured(command: list[str]) -> tuple[float, float]:
    """Returns the seconds that a program took, by the clock and of the processor."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
    after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints the median of each program's rounds, which take turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, command in PROGRAMS.items():
                seen[name].append(measured([*command, folder] if command[-1] == "--output" else command))
    print(f"{'seconds, median of ' + str(rounds):40} {'clock':>8} {'processor':>10}")
    for name, figures in seen.items():
        clock, processor = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{name:40} {clock:8.2f} {processor:10.2f}")


if __name__ == "__main__":
    main()
