"""Trials: what writers wrote is read back bit for bit, all of it, at once, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components.capture.tensors.files import Mode
from components.capture.tensors.writing import StepWriter, encode, raw
from components.capture.trial import Step, create_trial, modes
from components.errors import InputError
from components.storage import place

ROOT = Path(__file__).resolve().parents[2]
DTYPES = [*(f"<f{n}" for n in (2, 4, 8)), *(f"<{k}{n}" for k in "iu" for n in (1, 2, 4, 8)), "?", "<c8"]


def wrote(
    writer: StepWriter, tensors: dict[str, Any], mode: Mode = Mode.PREDICT, lasting: Any = None, **more: Any
) -> int:
    """Writes the next step of a mode; returns its number."""
    kept = encode({name: raw(np.asarray(value)) for name, value in lasting.items()}) if lasting else b""
    number = writer.number(mode)
    writer.write(mode, number, {name: raw(np.asarray(value)) for name, value in tensors.items()}, kept, **more)
    return number


@settings(max_examples=60)
@given(st.data())
def test_every_value_comes_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("place")
    shapes = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
    drawn = arrays.arrays(st.sampled_from(DTYPES), shapes)
    tensors = data.draw(st.dictionaries(st.sampled_from(["a.bias", "b_output_0", "gradient/b_output_0"]), drawn))
    wrote(StepWriter(str(folder)), {"always": np.zeros(1), **tensors})
    trial = create_trial(str(folder))
    for name, array in tensors.items():
        found = trial.tensor(name).value(0, modes.PREDICT)
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert trial.tensor(name).shape(0) == array.shape
        assert found.flags.writeable


def test_the_library_reads_what_is_written_and_each_value_is_aligned(tmp_path: Path) -> None:
    tensors = {"x": np.arange(3, dtype=np.uint8), "y": np.arange(4.0), "z": np.float32(2)}
    wrote(StepWriter(str(tmp_path)), tensors, lasting={"M_w": np.ones((2, 3), np.float16)})
    step, parameters = (next(tmp_path.joinpath(name).rglob("*.safetensors")) for name in ("steps", "parameters"))
    found = safetensors.numpy.load_file(step)
    assert {name: value.tolist() for name, value in found.items()} == {"x": [0, 1, 2], "y": [0, 1, 2, 3], "z": 2.0}
    assert safetensors.numpy.load_file(parameters)["M_w"].shape == (2, 3)


def test_bfloat16_comes_back_as_the_float32_of_the_same_value(tmp_path: Path) -> None:
    from components.capture.tensors.writing import Raw

    writer = StepWriter(str(tmp_path))
    halves = np.array([0x3F80, 0xC000, 0x7F80, 0x0001], np.uint16)  # 1, -2, infinity, the least denormal
    writer.write(Mode.TRAIN, 0, {"x": Raw("BF16", (4,), halves.tobytes())})
    value = create_trial(str(tmp_path)).tensor("x").value(0)
    assert value.tolist() == [1.0, -2.0, float("inf"), 2.0**-133]


def test_parameters_are_stored_once_as_long_as_they_do_not_change(tmp_path: Path) -> None:
    writer = StepWriter(str(tmp_path))
    for number in range(5):
        wrote(writer, {"loss": number}, lasting={"M_w": np.full(1000, number // 3)})
    assert len(list((tmp_path / "parameters").iterdir())) == 2
    trial = create_trial(str(tmp_path))
    assert [trial.tensor("M_w").value(step)[0] for step in trial.steps()] == [0, 0, 0, 1, 1]
    assert trial.tensor_names(step=4) == ["M_w", "loss"]


def test_concurrent_writers_of_the_same_numbers_are_all_there(tmp_path: Path) -> None:
    writers = [StepWriter(str(tmp_path)) for _ in range(6)]
    barrier = threading.Barrier(6)

    def write(which: int) -> None:
        for number in range(10):
            barrier.wait()
            event = f"event-{which}-{number}"
            tensors = {"x": raw(np.array([which, number]))}
            writers[which].write(Mode.PREDICT, number, tensors, encode({"M_w": raw(np.ones(9))}), event_id=event)

    threads = [threading.Thread(target=write, args=(which,)) for which in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trial = create_trial(str(tmp_path))
    steps = trial.steps(modes.PREDICT)
    assert len(steps) == 60
    values = {tuple(trial.tensor("x").value(step, modes.PREDICT)) for step in steps}
    assert values == {(which, number) for which in range(6) for number in range(10)}
    assert trial.workers() == sorted(writer.worker for writer in writers)
    for which, writer in enumerate(writers):
        assert trial.tensor("x").value(3, worker=writer.worker).tolist() == [which, 3]
        assert trial.tensor("x").value(trial.step_of(f"event-{which}-7")).tolist() == [which, 7]
    with pytest.raises(InputError, match=r"expected one step 3, found 6: PREDICT of worker .*; say mode or worker"):
        trial.tensor("x").value(3, modes.PREDICT)


def test_the_newest_step_is_seen_at_once_by_a_trial_that_was_open_before(tmp_path: Path) -> None:
    trial, writer = create_trial(str(tmp_path)), StepWriter(str(tmp_path))
    assert trial.steps() == []
    for number in range(4):
        wrote(writer, {"x": number}, event_id=f"e{number}")
        assert trial.tensor("x").value(number) == number
        assert trial.steps(modes.PREDICT) == list(range(number + 1))
        assert trial.step_of(f"e{number}") == number


def test_a_writer_that_starts_again_goes_on_behind_the_last_step(tmp_path: Path) -> None:
    for first in (0, 3, 6):
        writer = StepWriter(str(tmp_path))
        assert [wrote(writer, {"x": 1}) for _ in range(3)] == [first, first + 1, first + 2]
    assert wrote(StepWriter(str(tmp_path)), {"x": 1}, Mode.TRAIN) == 0
    StepWriter(str(tmp_path)).write(Mode.TRAIN, 41_999, {"x": raw(np.ones(1))})
    assert wrote(StepWriter(str(tmp_path)), {"x": 1}, Mode.TRAIN) == 42_000


def test_modes_have_steps_of_their_own_and_global_means_all(tmp_path: Path) -> None:
    writer = StepWriter(str(tmp_path))
    for mode, count in ((Mode.TRAIN, 3), (Mode.EVAL, 1), (Mode.GLOBAL, 1)):
        for _ in range(count):
            wrote(writer, {f"of_{mode.name}": mode.value}, mode)
    trial = create_trial(str(tmp_path))
    assert trial.steps(modes.TRAIN) == [0, 1, 2]
    assert trial.steps(modes.PREDICT) == []
    assert len(trial.steps()) == len(trial.steps(modes.GLOBAL)) == 5
    assert trial.modes() == [modes.TRAIN, modes.EVAL, modes.GLOBAL]
    assert trial.tensor_names(mode=modes.EVAL) == ["of_EVAL"]
    assert trial.tensor_names(regex="TR|GLO") == ["of_GLOBAL", "of_TRAIN"]
    assert trial.tensor("of_TRAIN").steps() == [0, 1, 2]
    assert trial.tensor("of_TRAIN").value(2) == 1  # no other mode has a step 2
    with pytest.raises(InputError, match=r"found 3: TRAIN of worker .*EVAL of worker"):
        trial.tensor("of_TRAIN").value(0)


def test_two_steps_of_one_number_are_two_and_each_equals_its_number() -> None:
    from components.capture.tensors.files import Key

    one, other = (Step.of(Key(Mode.TRAIN, 5, worker)) for worker in ("0" * 12, "1" * 12))
    assert one == 5 == other
    assert one != other
    assert len({one, other}) == 2
    assert Step.of(one.key) == one
    assert hash(one) == hash(5)


def test_errors_say_what_is_there(tmp_path: Path) -> None:
    trial, writer = create_trial(str(tmp_path)), StepWriter(str(tmp_path))
    with pytest.raises(InputError, match="found none; there are no tensors at all"):
        trial.tensor("ResNet_bn1.bias")
    for number in range(9):
        extra = {"only_here": 1} if number == 4 else {}
        wrote(writer, {"ResNet_bn1.bias": 1, "ResNet_fc.weight": 1, **extra})
    with pytest.raises(InputError, match=r"'ResNet_bn1.bais' in 9 steps, found none; nearest: ResNet_bn1.bias"):
        trial.tensor("ResNet_bn1.bais")
    with pytest.raises(InputError, match=r"expected a step 20 in mode EVAL, found no steps"):
        trial.tensor("ResNet_bn1.bias").value(20, modes.EVAL)
    with pytest.raises(InputError, match=r"expected a step 20 .*found 9 steps: 0, 1, 2, … 6, 7, 8"):
        trial.tensor("ResNet_bn1.bias").value(20)
    with pytest.raises(InputError, match=r"found no such tensor; .*it is in the steps 4"):
        trial.tensor("only_here").value(3)
    with pytest.raises(InputError, match="event 'never', found none among 9 steps, 0 of which belong to an event"):
        trial.step_of("never")
    for number in (-1, True, 1.0, "1", None):
        with pytest.raises(InputError, match="expected a step's number from 0"):
            trial.tensor("ResNet_bn1.bias").value(number)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected a regular expression"):
        trial.tensor_names(regex="(")


def test_a_step_says_where_it_comes_from(tmp_path: Path) -> None:
    writer = StepWriter(str(tmp_path), model="sha256:" + "a" * 64, clock=lambda: 1_644_840_000.5)
    wrote(writer, {"x": 1}, event_id="0af7", lasting={"M_w": 1.0})
    found = create_trial(str(tmp_path)).metadata(0)
    assert found["model"] == "sha256:" + "a" * 64
    assert found["time"] == "2022-02-14T12:00:00.500000Z"
    assert found["event_id"] == "0af7"
    assert (tmp_path / "parameters" / f"{found['parameters']}.safetensors").is_file()


def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    writer = StepWriter(str(tmp_path))
    one = {"x": raw(np.ones(1))}
    for name in ("../x", "/x", "x/../y", "a//b", "a/", "", "x\n", "a b", ".hidden", "x" * 513):
        with pytest.raises(InputError, match="expected a tensor's name"):
            writer.write(Mode.TRAIN, 0, {name: raw(np.ones(1))})
    for event in ("../x", "a/b", "", "x" * 129, "a b", "é"):
        with pytest.raises(InputError, match="expected an event id"):
            writer.write(Mode.TRAIN, 0, one, event_id=event)
    for number in (-1, 10**12):
        with pytest.raises(InputError, match="expected a step from 0"):
            writer.write(Mode.TRAIN, number, one)
    with pytest.raises(InputError, match="expected a dtype among"):
        raw(np.array(["text"]))
    assert list(tmp_path.rglob("*")) == []


WRITER = """
import sys
import numpy as np
from components.capture.tensors.files import Mode
from components.capture.tensors.writing import StepWriter, raw
writer = StepWriter(sys.argv[1])
while True:
    number = writer.number(Mode.PREDICT)
    writer.write(Mode.PREDICT, number, {"x": raw(np.full(1_000_000, number))})
    print(number, flush=True)
"""


def test_of_a_writer_that_is_killed_every_step_it_finished_can_be_read(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        for _ in range(5):
            process.stdout.readline()
        time.sleep(0.013)
        os.kill(process.pid, signal.SIGKILL)
        finished = 5 + len(process.stdout.read().splitlines())
    trial = create_trial(str(tmp_path))
    steps = trial.steps()
    assert finished <= len(steps) <= finished + 1  # it may have died between the rename and the print
    for step in steps:
        assert (trial.tensor("x").value(step) == step).all()


def test_a_bucket_is_as_good_as_a_folder(bucket: str) -> None:
    writer = StepWriter(bucket)
    wrote(writer, {"x": np.arange(5)}, event_id="e0", lasting={"M_w": np.ones((300, 300), np.float32)})
    trial = create_trial(bucket)
    assert trial.tensor("M_w").value(0, modes.PREDICT).shape == (300, 300)
    wrote(writer, {"x": np.arange(6)}, event_id="e1", lasting={"M_w": np.ones((300, 300), np.float32)})
    assert [trial.tensor("x").value(step).tolist() for step in trial.steps()] == [[*range(5)], [*range(6)]]
    assert trial.step_of("e1") == 1
    assert place(bucket).child("parameters").entries()[0].size > 360_000
    with pytest.raises(InputError, match="nearest: M_w"):
        trial.tensor("M.w")


def test_only_the_tensor_asked_for_is_read(tmp_path: Path) -> None:
    many = {f"x{number}": np.full(500_000, number, np.float64) for number in range(20)}  # 80 MB
    wrote(StepWriter(str(tmp_path)), many)
    program = (
        "import sys; from components.capture.trial import create_trial\n"
        "trial = create_trial(sys.argv[1])\n"
        "value = trial.tensor('x7').value(0)\n"
        "assert value.sum() == 3_500_000\n"
        "print(next(line for line in open('/proc/self/io') if line.startswith('rchar')))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout.split(":")[1]) < 30_000_000  # the interpreter's and NumPy's files, and 4 MB of 80
