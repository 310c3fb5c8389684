"""Ctrl-C and SIGTERM, with real process trees: nothing is left, and what takes servers down still runs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import server_probes

from tests.processes import alive, carrying

HERE, ROOT = Path(__file__).parent, Path(__file__).resolve().parents[2]


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def started(tmp_path):
    pids = [line.split() for line in (tmp_path / "pids").read_text().splitlines()]
    return {kind: int(pid) for kind, pid in pids}


@pytest.fixture
def program(tmp_path):
    """``roadworthy run`` of the probe ``interrupted``, once its last step waits."""
    given = {name: str(tmp_path / name) for name in ("pids", "stopped", "ready")}
    params = [word for name, value in given.items() for word in ("--param", f"{name}={value}")]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "run", "server_probes:interrupted", *params],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for((tmp_path / "ready").exists)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_the_whole_tree_and_runs_the_exit_handler(program, tmp_path, number, status):
    daemon = started(tmp_path)["daemon"]
    assert alive(daemon)
    program.send_signal(number)
    _, errors = program.communicate(timeout=60)
    assert program.returncode == status, errors
    assert (tmp_path / "stopped").read_text() == "stopped\n"
    assert not alive(daemon)
    assert carrying(str(tmp_path / "runs")) == []
    summary = json.loads(next((tmp_path / "runs").glob("*/summary.json")).read_text())
    states = {step["step"]: step["state"] for step in summary["steps"]}
    assert summary["state"] == "CANCELLED"
    assert states == {
        "start-server": "SUCCEEDED",
        "wait-long": "CANCELLED",
        "emit": "CANCELLED",
        "stop-server": "SUCCEEDED",
    }


def test_a_killed_runner_leaves_neither_its_step_nor_the_server_of_an_earlier_one(program, tmp_path):
    daemon = started(tmp_path)["daemon"]
    assert alive(daemon)
    program.kill()
    program.communicate()
    wait_for(lambda: not alive(daemon))
    wait_for(lambda: carrying(str(tmp_path / "runs")) == [])


def test_what_a_step_leaves_in_its_group_is_ended_but_a_daemon_lives_on(run, tmp_path):
    ran = run(server_probes.server_left_running, pids=str(tmp_path / "pids"))
    pids = started(tmp_path)
    assert ran.state == "SUCCEEDED"
    assert alive(pids["daemon"])
    os.kill(pids["daemon"], signal.SIGKILL)
    assert not alive(pids["child"])


def test_the_exit_handler_of_an_undisturbed_run_takes_the_server_down(run, tmp_path):
    ran = run(server_probes.served, pids=str(tmp_path / "pids"), stopped=str(tmp_path / "stopped"))
    assert ran.state == "SUCCEEDED"
    wait_for(lambda: not alive(started(tmp_path)["daemon"]), 5)


def test_the_daemon_of_a_failed_step_is_ended(run, tmp_path):
    ran = run(server_probes.server_left_by_failure, pids=str(tmp_path / "pids"))
    assert ran.state == "FAILED"
    wait_for(lambda: not alive(started(tmp_path)["daemon"]), 5)


def test_a_second_interrupt_kills_the_exit_handler_too(tmp_path):
    ready = tmp_path / "ready"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "run", "server_probes:stubborn", "--param", f"ready={ready}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(ready.exists)
    ready.unlink()
    process.send_signal(signal.SIGINT)
    wait_for(ready.exists)  # the exit handler is at work
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert carrying(str(tmp_path / "runs")) == []
