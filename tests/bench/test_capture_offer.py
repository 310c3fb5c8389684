"""What ``CaptureWriter.offer`` costs the server: 3 kB bodies, 3,600 a second, everything captured."""

from __future__ import annotations

import os
import signal
import statistics
import time
from pathlib import Path

import pytest

from tests.capture.traffic import exchange, process_of, settled, writing

RATE, SECONDS = 3600, 5


def processor_seconds(pid: int) -> float:
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


@pytest.mark.bench
@pytest.mark.parametrize("place", ["works", "hangs"])
def test_an_offer_costs_microseconds(tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    body = os.urandom(3000)
    exchanges = [exchange(number, body=body) for number in range(RATE * SECONDS)]
    costs = []
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        settled(writer)
        pid = process_of(os.getpid())
        before = processor_seconds(pid)  # of its start
        if place == "hangs":
            os.kill(pid, signal.SIGSTOP)
        began = time.perf_counter()
        for number, one in enumerate(exchanges):
            started = time.perf_counter_ns()
            writer.offer(one)
            costs.append((time.perf_counter_ns() - started) / 1000)
            if number % 36 == 35:
                time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        os.kill(pid, signal.SIGCONT)
        found = settled(writer)
        used = processor_seconds(pid) - before
    costs.sort()
    mean = statistics.fmean(costs)
    with capsys.disabled():
        print(
            f"\noffer, the place {place}: mean {mean:.1f} µs, median {costs[len(costs) // 2]:.1f}, "
            f"p99 {costs[len(costs) * 99 // 100]:.0f}, max {costs[-1]:.0f}; "
            f"writer process {used / len(costs) * 1e6:.1f} µs of CPU a record; "
            f"{found['written_total']} written, {found['dropped_total']} dropped"
        )
    assert mean < 0.05 * 1e6 / RATE  # 5 % of the time that the server has for a request
