"""kill -9 of ``roadworthy run`` at random moments: what was finished is kept, nothing half is read, nobody lives on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from effort import KILLS, drawn

from tests.processes import carrying

HERE, ROOT = Path(__file__).parent, Path(__file__).resolve().parents[2]
LINES = 40
SECONDS = 5.0  # about what an undisturbed run takes


def start(folder: Path) -> subprocess.Popen[str]:
    command = ["run", "hostile_pipeline:chain", "--param", f"log={folder / 'log'}"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"}
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed(folder: Path, after: float) -> None:
    process = start(folder)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def gone(folder: Path, seconds: float) -> list[int]:
    deadline = time.monotonic() + seconds
    while (left := carrying(str(folder / "runs"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def last(folder: Path) -> dict[str, Any]:
    return json.loads(max((folder / "runs").glob("*/summary.json"), key=lambda p: p.stat().st_mtime).read_text())


@pytest.mark.parametrize("trial", range(max(1, KILLS // 4)))
def test_after_kills_a_run_goes_on_from_the_cache_and_reads_nothing_half(tmp_path: Path, trial: int) -> None:
    chance = drawn("runner", trial)
    for _ in range(4 if KILLS > 2 else 2):
        killed(tmp_path, SECONDS * chance.random())
        gone(tmp_path, 5)
    process = start(tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    summary = last(tmp_path)
    steps = {step["step"]: step for step in summary["steps"]}
    for number, name in enumerate(("first", "further", "further-2")):
        (made,) = (one for key, one in steps[name]["outputs"]["artifacts"].items() if key == "made")
        assert len(Path(made["path"]).read_text().splitlines()) == LINES * (number + 1)
    again = start(tmp_path)
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert all(step["cached"] for step in last(tmp_path)["steps"])


def test_a_step_that_was_finished_before_the_kill_does_not_run_again(tmp_path: Path) -> None:
    process = start(tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "log").exists() or len((tmp_path / "log").read_text().splitlines()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    gone(tmp_path, 5)
    after = start(tmp_path)
    _, errors = after.communicate(timeout=120)
    assert after.returncode == 0, errors
    assert {step["step"]: step["cached"] for step in last(tmp_path)["steps"]}["first"]


def test_a_killed_run_leaves_no_step_that_works_on_for_nobody(tmp_path: Path) -> None:
    process = start(tmp_path)
    deadline = time.monotonic() + 60
    while not carrying(str(tmp_path / "runs")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert gone(tmp_path, 5) == []
