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
from effort import KILLS, LONG, drawn

from tests import podman
from tests.processes import carrying

HERE, ROOT = Path(__file__).parent, Path(__file__).resolve().parents[2]
LINES = 40
SECONDS = 5.0  # about what an undisturbed run takes


def start(folder: Path, *pipeline: str) -> subprocess.Popen[str]:
    command = ["run", *(pipeline or ("hostile_pipeline:chain", "--param", f"log={folder / 'log'}"))]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"}
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed(folder: Path, after: float, *pipeline: str) -> None:
    process = start(folder, *pipeline)
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


def goes_on(folder: Path, *pipeline: str) -> None:
    """Checks that a run succeeds with whole outputs, and that another one has nothing left to do."""
    process = start(folder, *pipeline)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    steps = {step["step"]: step for step in last(folder)["steps"]}
    for number, name in enumerate(("first", "further", "further-2")):
        (made,) = (one for key, one in steps[name]["outputs"]["artifacts"].items() if key == "made")
        assert len(Path(made["path"]).read_text().splitlines()) == LINES * (number + 1)
    again = start(folder, *pipeline)
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert all(step["cached"] for step in last(folder)["steps"])


@pytest.mark.parametrize("trial", range(max(1, KILLS // 4)))
def test_after_kills_a_run_goes_on_from_the_cache_and_reads_nothing_half(tmp_path: Path, trial: int) -> None:
    chance = drawn("runner", trial)
    for _ in range(4 if KILLS > 2 else 2):
        killed(tmp_path, SECONDS * chance.random())
        gone(tmp_path, 5)
    goes_on(tmp_path)


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


WHY_NOT = podman.why_not() if LONG else "tried in the long version"


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
@pytest.mark.parametrize("trial", range(max(1, KILLS // 4)))
def test_a_killed_run_in_containers_leaves_none_and_goes_on_from_the_cache(tmp_path: Path, trial: int) -> None:
    """Also where podman was making one, had it made and not begun, or was taking it away."""
    import hostile_pipeline

    from pipelines.targets import kfp

    text = kfp.text(kfp.compiled(hostile_pipeline.chain)).replace(hostile_pipeline.IMAGE, podman.IMAGE)
    (tmp_path / "chain.yaml").write_text(text)
    pipeline = ("chain.yaml", "--backend", "podman", "--param", "log=log")
    chance = drawn("contained runner", trial)
    for _ in range(4):
        killed(tmp_path, SECONDS * chance.random(), *pipeline)
        deadline = time.monotonic() + 30
        while (left := [*gone(tmp_path, 5), *podman.containers(tmp_path)]) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert left == []
    goes_on(tmp_path, *pipeline)
