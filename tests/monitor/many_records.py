"""Any number of small records, and the memory and time that a check of them takes."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.monitor.records import NOON, ROOT, answer, line, put

_EVENT = b"00000000-0000-0000-0000-000000000000"
_PROGRAM = """
import sys
from components.monitor.__main__ import main
status = main(sys.argv[1:])
text = open("/proc/self/status").read()
print(next(row.split()[1] for row in text.splitlines() if row.startswith("VmHWM")))
raise SystemExit(status)
"""


class Measured(NamedTuple):
    """What a stage needed."""

    megabytes: float
    seconds: float


def write(place: Path, count: int, stop_share: float, seed: int = 0, a_file: int = 100_000) -> float:
    """Writes records over ten hours, some of them Stop, and returns the seconds that it took."""
    started, random = time.perf_counter(), np.random.default_rng(seed)
    shapes = []
    for _ in range(2_000):
        class_id = 14 if random.random() < stop_share else int(random.integers(43))
        shapes.append(line(_EVENT.decode(), answer(class_id, float(1 - random.beta(0.6, 12))), None, seconds=NOON))
    parts = [tuple(one.split(_EVENT)) for one in shapes]
    files = -(-count // a_file)
    for file in range(files):
        numbers = range(file * a_file, min(count, (file + 1) * a_file))
        lines = (
            b"%b%08x-%04x-4000-8000-%012x%b" % (a, n, seed, n * 7, b) for n in numbers for a, b in [parts[n % 2_000]]
        )
        put(place, lines, f"{seed}-{file}", NOON + file * 36_000 / files // 1)
    return time.perf_counter() - started


def measured(*arguments: object) -> Measured:
    """Runs a stage and returns its peak resident memory and its time."""
    started = time.perf_counter()
    command = [sys.executable, "-c", _PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kilobytes = re.findall(r"^\d+$", done.stdout, re.MULTILINE)[-1]
    return Measured(int(kilobytes) / 1000, time.perf_counter() - started)


def baseline_and_check(root: Path, place: Path) -> tuple[Measured, Measured]:
    """Makes a baseline of all records of a place and checks them against it."""
    base, out = root / "baseline", root / "check"
    first = measured("baseline", "--place", place, "--baseline", base, "--metrics", root / "b.json")
    names = ("results", "metrics", "report", "violated", "message")
    flags = [word for name in names for word in (f"--{name}", out / name)]
    return first, measured("check", "--place", place, "--baseline", base, *flags)
