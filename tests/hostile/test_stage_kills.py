"""kill -9 of every stage at random moments: what is at an output's path is whole or not there, and a re-run makes it.

The law: whatever the moment, each output is absent, or byte for byte what an undisturbed run writes (an older whole
output may still be there). Afterwards a re-run over what was left succeeds, leaves nothing beside its outputs, and no
process of the killed one lives on.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import stage_calls
from effort import KILLS, drawn
from stage_calls import ROOT

from tests.monitor.records import make_baseline, put, traffic
from tests.processes import carrying

MARK = "HOSTILE_TRIAL"


class Job(NamedTuple):
    """One call of a stage on given inputs."""

    image: str
    module: str
    arguments: list[str]
    outputs: dict[str, Path]

    def start(self, mark: str) -> subprocess.Popen[bytes]:
        command = [str(ROOT / ".venvs" / self.image / "bin" / "python"), "-m", self.module, *self.arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", MARK: mark}
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )


def job(folder: Path, name: str, **given: Path | str | int) -> Job:
    """Returns a call of a stage, its outputs below ``folder/out``."""
    (program,) = (one for one in stage_calls.programs() if one.name == name)
    texts = {key: str(value) for key, value in given.items()}
    declared = program.stage.declared.items()
    outputs = {n: folder / "out" / n for n, one in declared if one.role in ("output", "result")}
    return Job(program.image, program.module, program.arguments(folder, texts), outputs)


def place(folder: Path, seed: int, count: int) -> Path:
    put(folder / f"place-{seed}", traffic(seed, count))
    return folder / f"place-{seed}"


def rendered(folder: Path) -> Job:
    return job(folder, "data", classes="0,1", tracks_per_class=3, frames_per_track=1)


def read_window(folder: Path) -> Job:
    return job(folder, "capture", place=place(folder, 1, 300), images=300)


def counted(folder: Path) -> Job:
    return job(folder, "monitor baseline", place=place(folder, 1, 200))


def judged(folder: Path) -> Job:
    baseline = make_baseline(folder, place(folder, 1, 200))
    return job(folder, "monitor check", place=place(folder, 2, 200), baseline=baseline)


def packed(folder: Path) -> Job:
    return job(folder, "package pack", model=model(folder))


def unpacked(folder: Path) -> Job:
    from components.package.archive import pack

    pack(model(folder), folder / "model.tar.gz")
    return job(folder, "package unpack", archive=folder / "model.tar.gz")


def composed(folder: Path) -> Job:
    return job(folder, "data.scenes", train=6, validation=2, test=2, side=96)


def page(folder: Path) -> Job:
    done = rendered(folder / "before").start("")
    assert done.wait(120) == 0
    return job(folder, "report", dataset=folder / "before" / "out" / "dataset")


def trained(folder: Path) -> Job:
    done = rendered(folder / "before").start("")
    assert done.wait(120) == 0
    dataset = folder / "before" / "out" / "dataset"
    return job(folder, "fine_tune", dataset=dataset, epochs=1, side=32, batch_size=4, patience=1)


def model(folder: Path) -> Path:
    """A ResNet18 of zeros, as fine_tune would write it."""
    import numpy as np
    from safetensors.numpy import save

    from components.images import Preprocessing
    from components.package import architectures
    from components.package.description import ModelDescription

    kinds = {"F32": np.float32, "I64": np.int64}
    tensors = {n: np.zeros(shape, kinds[kind]) for n, (kind, shape) in architectures.expected("resnet18", 3).items()}
    made = folder / "model"
    made.mkdir()
    (made / "model.safetensors").write_bytes(save(tensors))
    description: dict[str, Any] = {"name": "signs", "task": "classification", "framework": "torch"}
    description |= {"architecture": "resnet18", "weights": "model.safetensors", "labels": ("a", "b", "c")}
    about = {"versions": {"torch": "2"}, "data": {"name": "none", "digest": "sha256:" + "0" * 64}}
    ModelDescription(**description, **about, preprocessing=Preprocessing(64, 64)).write(made)
    return made


# The first ones take a second or two; the others are for the long version.
QUICK: list[Callable[[Path], Job]] = [rendered, read_window]
ALL: list[Callable[[Path], Job]] = [*QUICK, counted, judged, packed, unpacked, composed, page, trained]
TRIED = ALL if KILLS > 2 else QUICK


def digest(path: Path) -> str | None:
    """Returns what identifies a file or folder with all that is in it; None where nothing is."""
    if not path.exists():
        return None
    found = hashlib.sha256()
    for one in [path, *sorted(path.rglob("*"))]:
        found.update(f"{one.relative_to(path)}\0{one.is_dir()}\0".encode())
        if one.is_file():
            found.update(hashlib.sha256(one.read_bytes()).digest())
    return found.hexdigest()


def killed(one: Job, after: float, mark: str) -> None:
    process = one.start(mark)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while (left := carrying(f"{MARK}={mark}")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, "processes that outlived their stage"


@pytest.mark.parametrize("make", TRIED, ids=lambda make: make.__name__)
def test_a_killed_stage_leaves_whole_outputs_or_none_and_a_rerun_makes_them(
    make: Callable[[Path], Job], tmp_path: Path
) -> None:
    chance = drawn("stage", make.__name__)
    one = make(tmp_path)
    started = time.monotonic()
    assert one.start("whole").wait(300) == 0
    seconds = time.monotonic() - started
    whole = {name: digest(path) for name, path in one.outputs.items()}
    assert None not in whole.values()
    for number in range(KILLS):
        if number % 2:  # over what is there, and where nothing is
            for path in one.outputs.values():
                subprocess.run(["rm", "-rf", str(path)], check=True)
        # More often towards the end, where outputs take their places.
        killed(one, seconds * chance.random() ** 0.5, f"{make.__name__}-{number}-{os.getpid()}")
        for name, path in one.outputs.items():
            assert digest(path) in (None, whole[name]), f"kill {number}: half an output {name}"
    assert one.start("again").wait(300) == 0
    assert {name: digest(path) for name, path in one.outputs.items()} == whole
    beside = {path.name for output in one.outputs.values() for path in output.parent.iterdir()}
    assert beside == {output.name for output in one.outputs.values()}


FOLDER = """
import sys
from pathlib import Path
from components.artifacts import replacing
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
