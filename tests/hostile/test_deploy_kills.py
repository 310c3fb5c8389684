"""kill -9 of what starts, watches and stops a server: there is no server left, or one that ``undeploy`` stops.

A deployed server outlives the program that started it, on purpose; so the law differs from other stages'. Whatever the
moment of the kill, what ``deploy`` has written is whole and true, ``undeploy`` leaves no process and no model behind,
and the next ``deploy`` has a server answer.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import untaught
import urllib3
from effort import KILLS, LONG, drawn
from kill_jobs import World
from killing import left
from stage_jobs import Job, job

long = pytest.mark.skipif(not LONG, reason="tried in the long version")
HTTP = urllib3.PoolManager(retries=False, timeout=10)
NAME = "signs"
KEPT = {"lock", "server.log", "spool"}
"""What stays in a state folder when its server is gone."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


class Deployed:
    """A state folder, and the stages over it."""

    def __init__(self, folder: Path, image: str, **given: Any) -> None:
        self.folder, self.state = folder, folder / "state"
        own: dict[str, Any] = {"name": NAME, "state": self.state, "capture_to": folder / "captured"}
        self.deploying = job(folder, "serve deploy", image, **own, **given)
        self.undeploying = job(folder, "serve undeploy", image, name=NAME, state=self.state)

    def deploy(self, mark: str) -> float:
        """Deploys, checks that the server answers, and returns the seconds it took."""
        _, seconds = self.deploying.run(mark)
        self.answers()
        return seconds

    def undeploy(self, mark: str) -> float:
        """Undeploys, checks that nothing is left that carries the mark, and returns the seconds it took."""
        started = time.monotonic()
        assert self.undeploying.start(mark).wait(60) == 0
        assert not left(mark), "processes that outlived undeploy"
        kept = {path.name for path in self.state.iterdir()} if self.state.exists() else set()
        assert kept - KEPT == set()
        return time.monotonic() - started

    def answers(self) -> None:
        """Checks that what ``deploy`` has written is whole, and that the server is there whose address it tells."""
        told = json.loads(self.deploying.outputs["endpoint"].read_text())
        assert {"name", "url", "digest", "started"} <= told.keys()
        assert HTTP.request("GET", told["url"] + "/ping").status == 200
        url = self.deploying.outputs["url"]
        assert not url.exists() or url.read_text() == told["url"]

    def status(self) -> dict[str, Any]:
        """Returns what the supervisor has told."""
        found: dict[str, Any] = json.loads((self.state / "status.json").read_text())
        return found

    def mark(self, name: str, number: int) -> str:
        return f"{name}-{number}-{self.folder}"


@pytest.fixture(params=["handler", pytest.param("torch", marks=long)])
def deployed(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[Deployed]:
    """A server over code alone, which is up in a second; one over a network, whose tensors are recorded."""
    if request.param == "handler":
        made = Deployed(tmp_path, "torch", archive=untaught.handler(tmp_path / "model"), allow_code="true")
    else:
        recorded = {"tensors": tmp_path / "tensors", "tensor_percentage": 100}
        made = Deployed(tmp_path, "torch", archive=world.archive, threads=1, **recorded)
    yield made
    made.undeploying.start("end").wait(60)


def killed(one: Job, seconds: float, mark: str) -> None:
    process = one.start(mark)
    time.sleep(seconds)
    process.kill()
    process.wait()


def test_a_killed_deploy_leaves_no_server_or_one_that_undeploy_stops(deployed: Deployed) -> None:
    chance = drawn("deploy")
    seconds = deployed.deploy(deployed.mark("whole", 0))
    deployed.undeploy(deployed.mark("whole", 0))
    for number in range(KILLS):
        shutil.rmtree(deployed.deploying.folder, ignore_errors=True)
        mark = deployed.mark("deploy", number)
        killed(deployed.deploying, seconds * chance.random(), mark)
        if deployed.deploying.outputs["endpoint"].exists():
            deployed.answers()
        deployed.undeploy(mark)
    deployed.deploy(deployed.mark("again", 0))
    assert {path.name for path in deployed.deploying.folder.iterdir()} == deployed.deploying.outputs.keys()


def test_a_killed_undeploy_is_made_good_by_the_next(deployed: Deployed) -> None:
    chance, seconds = drawn("undeploy"), 2.0
    for number in range(max(1, KILLS // 2)):
        mark = deployed.mark("undeploy", number)
        deployed.deploy(mark)
        killed(deployed.undeploying, seconds * chance.random(), "killed")
        seconds = deployed.undeploy(mark)


def of_supervisor(deployed: Deployed) -> int:
    return int(deployed.status()["supervisor"])


def of_server(deployed: Deployed) -> int:
    return int(deployed.status()["server"])


@pytest.mark.parametrize("of", [of_supervisor, of_server])
def test_a_server_or_its_supervisor_killed_while_it_starts_or_serves_leaves_nobody(
    deployed: Deployed, of: Callable[[Deployed], int]
) -> None:
    """Of a killed supervisor the server ends, of a killed server what captures and records for it; ``undeploy`` ends
    the rest, and ``deploy`` itself ends by telling that the server did not get ready, if it still waited for it.
    """
    chance = drawn("supervisor", of.__name__)
    for number in range(max(1, KILLS // 2)):
        mark = deployed.mark(of.__name__, number)
        process = deployed.deploying.start(mark)
        try:
            while not (deployed.state / "status.json").exists():
                assert process.poll() is None
                time.sleep(0.005)
            time.sleep(4 * chance.random())
            os.kill(of(deployed), signal.SIGKILL)
            assert process.wait(30) in (0, 1)
        finally:
            process.kill()
            process.wait()
        if of is of_supervisor:
            assert not left(mark), "processes that outlived their supervisor"
        deployed.undeploy(mark)
    deployed.deploy(deployed.mark("again", 0))
