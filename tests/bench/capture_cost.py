"""What capture at 100 % costs the server, where its place works and where it hangs.

One server, one load that never pauses; capture is switched on and off under it every ``PERIOD`` seconds. Each spell is
compared with its neighbours, so that whatever the machine does for longer than a second falls on both alike.

Half a minute tells the rate within one percent, and three minutes (``--seconds 20``) tell the p99 within four. Where
the place hangs, a minute at 32 connections fills the spool, and what is dropped after that costs less.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PERIOD = 0.4  # seconds; long enough for a p99 of its own
SETTLING = 0.14  # seconds after a switch that count for neither: the writer finishes what it was handed
WARM_UP = 2.0  # seconds until the load has surely begun, and again before it may end
HANGING = ("AWS_ENDPOINT_URL=http://127.0.0.1:9399", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b")


class Spell(NamedTuple):
    """What the clients saw between two switches."""

    on: bool
    rate: float  # 1/s
    p99: float  # seconds


@contextmanager
def silence(port: int) -> Iterator[None]:
    """Listens, takes connections, and never says a word: an object store that hangs."""
    with socket.create_server(("127.0.0.1", port), backlog=128):
        yield


def switched(server: int, command: Sequence[str], seconds: float, each: Path) -> list[Spell]:
    """Loads the server (its process id) by ``command``, which writes ``each``; every second spell is on."""
    switches = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        time.sleep(WARM_UP)
        for number in range(int((seconds - 2 * WARM_UP) / PERIOD)):
            on = number % 2 == 0
            os.kill(server, signal.SIGUSR1 if on else signal.SIGUSR2)
            switches.append((on, time.perf_counter()))
            time.sleep(PERIOD)
        told = load.communicate()[0]
    if load.returncode or json.loads(told)["not_200"] or json.loads(told)["lost"]:
        raise SystemExit(f"expected 200 to every request, found {told!r} and the status {load.returncode}")
    answered, took = np.load(each).T  # seconds on the clock that all processes share
    spells = []
    for on, begin in switches:
        inside = took[(answered >= begin + SETTLING) & (answered < begin + PERIOD)]
        spells.append(Spell(on, len(inside) / (PERIOD - SETTLING), float(np.percentile(inside, 99))))
    return spells


def price(spells: Sequence[Spell], key: str) -> dict[str, float]:
    """Returns the median of each spell's ratio, on to the mean of both neighbours off, and its 95 % interval."""
    ratios = sorted(
        2 * getattr(one, key) / (getattr(before, key) + getattr(after, key))
        for before, one, after in zip(spells, spells[1:], spells[2:], strict=False)
        if one.on
    )
    reach = 0.98 * len(ratios) ** 0.5  # of the ranks about the middle: order statistics, no shape assumed
    low, high = int(max(0, len(ratios) / 2 - reach)), int(min(len(ratios) - 1, len(ratios) / 2 + reach))
    middle = statistics.median(ratios)
    return {"median": round(middle, 3), "low": round(ratios[low], 3), "high": round(ratios[high], 3)}


def run(
    folder: Path, seconds: float, connections: Sequence[int], *, ours: Any, started: Any, asked: Any
) -> dict[str, Any]:
    """Returns ``{"ratios": {what: {median, low, high}}}``: with capture to without it."""
    ratios: dict[str, dict[str, float]] = {}
    places = {"works": (str(folder / "place"), ()), "hangs": ("s3://bucket/place", HANGING)}
    for name, count in product(places, connections):
        place, environment = places[name]
        each = folder / "each.npy"
        # A spool of its own: what the one before it could not move would be moved now.
        arguments = ("--capture-to", place, "--spool", str(folder / f"spool-{name}-{count}"))
        one = ours("capture", 9342, folder, *arguments, environment=environment)
        with silence(9399), started(one) as server:
            command = [*asked(*one[2:6], connections=count, seconds=seconds), "--each", str(each)]
            spells = switched(server.pid, command, seconds, each)
        without = statistics.median(spell.rate for spell in spells if not spell.on)
        found = {key: price(spells, key) for key in ("rate", "p99")}
        title = f"place {name}, {count} connections"
        print(f"  capture, {title}, {without:.0f}/s without: {found}", file=sys.stderr, flush=True)
        ratios |= {f"{key}, capture on / off, {title}": value for key, value in found.items()}
    return {"ratios": ratios}
