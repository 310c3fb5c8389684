"""A program that is killed with SIGKILL at moments drawn by lot, and what its outputs are then.

The moments are of two sorts, by turns: over the whole of the program's own duration, later ones more often; and over
the time from when it first touched its outputs' folder, in which files take their places.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from typing import NamedTuple

from stage_jobs import MARK, Job

from tests.processes import carrying

CACHES = "torchinductor_"
"""What torch keeps in the folder for temporary files, on purpose and by a name that is always the same."""


class Moment(NamedTuple):
    """When to kill: so many seconds after the start, or after the outputs' folder was first touched."""

    seconds: float
    writing: bool


def moment(chance: random.Random, number: int, first: float, seconds: float) -> Moment:
    """Draws a moment for a program that first touches its outputs' folder and ends after so many seconds."""
    if number % 4 < 2:
        return Moment(seconds * chance.random() ** 0.5, False)
    return Moment((seconds - first) * chance.random(), True)


def kill(one: Job, when: Moment, mark: str) -> None:
    """Starts a program, kills it, and checks that nothing it has started outlives it for long."""
    before = one.touched()
    process = one.start(mark)
    while when.writing and process.poll() is None and one.touched() == before:
        time.sleep(0.001)
    time.sleep(when.seconds)
    process.kill()
    process.wait()
    assert not left(mark), "processes that outlived their stage"


def left(mark: str, seconds: float = 10.0) -> list[int]:
    """Returns the processes that carry a mark, once there are none or after some time."""
    deadline = time.monotonic() + seconds
    while (found := carrying(f"{MARK}={mark}")) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def try_all(one: Job, name: str, chance: random.Random, kills: int) -> None:
    """Holds the law for a job; see ``test_stage_kills``."""
    first, seconds = one.run()
    whole = one.digests()
    assert None not in whole.values()
    for number in range(kills):
        if number % 2:  # over what is there, and where nothing is
            shutil.rmtree(one.folder, ignore_errors=True)
        kill(one, moment(chance, number, first, seconds), f"{name}-{number}-{os.getpid()}")
        found = one.digests()
        half = [key for key in whole if found[key] not in (None, whole[key])]
        assert half == [], f"kill {number}: half an output"
        if number % 2 and one.told and found[one.told]:
            assert found == whole, f"kill {number}: told of outputs that are not there"
    one.run("again")
    assert one.digests() == whole
    assert {path.name for path in one.folder.iterdir()} == {path.name for path in one.outputs.values()}
    assert [path for path in one.scratch.iterdir() if not path.name.startswith(CACHES)] == []
