"""kill -9 of every stage at random moments: what is at an output's path is whole or not there, and a re-run makes it.

The law: whatever the moment, each output is absent, or what an undisturbed run writes, byte for byte but for the times
that it took (an older whole output may still be there). ``executor_output.json``, by which KFP knows that a step has
its outputs, is there after all of them. Afterwards a re-run over what was left succeeds, leaves nothing beside its
outputs, and no process of the killed one lives on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import stage_calls
from effort import KILLS, LONG, drawn
from kill_jobs import JOBS, QUICK, Maker, World
from killing import kill, moment, try_all
from stage_calls import ROOT
from stage_jobs import job

TRIED = [make for makers in JOBS.values() for make in makers] if LONG else QUICK


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The inputs of all jobs, each made once."""
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


def test_every_stage_that_writes_is_killed() -> None:
    writing = {
        program.name
        for program in stage_calls.programs()
        if any(one.role in ("output", "result") for one in program.stage.declared.values())
    }
    elsewhere = {"package key", "serve deploy"}  # below, and in test_deploy_kills
    assert writing - JOBS.keys() == elsewhere


@pytest.mark.parametrize("make", TRIED, ids=lambda make: make.__name__)
def test_a_killed_stage_leaves_whole_outputs_or_none_and_a_rerun_makes_them(
    make: Maker, world: World, tmp_path: Path
) -> None:
    one = make(world, tmp_path)
    kills = KILLS if one.image == "analysis" else max(2, KILLS // 2)  # the others need seconds to begin
    try_all(one, make.__name__, drawn("stage", make.__name__), kills)


def test_a_killed_making_of_keys_leaves_keys_or_none_and_no_key_is_overwritten(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as pem

    one = job(tmp_path, "package key")
    private, public = one.outputs["private_key"], one.outputs["public_key"]
    first, seconds = one.run()
    for number in range(KILLS):
        shutil.rmtree(one.folder, ignore_errors=True)
        kill(one, moment(drawn("key", number), number, first, seconds), f"key-{number}-{os.getpid()}")
        there = {path: path.read_bytes() for path in (private, public) if path.exists()}
        if private in there:
            made = pem.load_pem_private_key(there[private], None)
            if public in there:
                assert pem.load_pem_public_key(there[public]) == made.public_key()
            assert one.start("again").wait(60) == 1
            assert {path: path.read_bytes() for path in there} == there
    shutil.rmtree(one.folder, ignore_errors=True)
    one.run("again")


@pytest.mark.skipif(not LONG, reason="tried in the long version")
def test_an_archive_is_whole_at_every_moment_of_a_killed_signing(world: World, tmp_path: Path) -> None:
    made = job(tmp_path / "keys", "package key")
    made.run()
    place = tmp_path / "place"
    place.mkdir()
    archive = shutil.copy(world.archive, place / "model.tar.gz")
    signing = job(tmp_path, "package sign", archive=archive, signing_key=made.outputs["private_key"])
    looking = job(tmp_path, "package verify", archive=archive, digest=world.packed["digest"].read_text())
    watched = signing._replace(folder=place)  # where the signed one takes the place of the other
    first, seconds = watched.run()
    shutil.copy(world.archive, archive)
    for number in range(KILLS):
        kill(watched, moment(drawn("sign", number), number, first, seconds), f"sign-{number}-{os.getpid()}")
        assert looking.start("look").wait(60) == 0
    signing.run("again")
    signed = looking._replace(arguments=[*looking.arguments, f"--public-key={made.outputs['public_key']}"])
    assert signed.start("look").wait(60) == 0
    assert [path.name for path in place.iterdir()] == ["model.tar.gz"]


FOLDER = """
import sys
from pathlib import Path
from components.whole import replacing
with replacing(Path(sys.argv[1])) as partial:
    partial.mkdir()
    for number in range(2000):
        (partial / str(number)).write_text(sys.argv[2])
    print("made", flush=True)
"""


def test_a_folder_that_takes_the_place_of_another_is_never_seen_half(tmp_path: Path) -> None:
    """Killed in the moment of the swap, when the old folder's files are removed one by one."""
    target, seen = tmp_path / "out" / "folder", set()
    for number in range(2 * KILLS):
        command = [str(ROOT / ".venvs/analysis/bin/python"), "-c", FOLDER, str(target), str(number % 2)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(drawn("swap", number).random() * 0.15)
            process.kill()
        files = [*target.iterdir()] if target.exists() else []
        assert len(files) in (0, 2000)
        assert len({path.read_text() for path in files[::100]}) <= 1
        seen.add(len(files))
    assert 2000 in seen
