"""The stage contract, through a small stage that is run as a program is: arguments in, files and exit status out."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.artifacts import Outputs, Stage, Work, boolean, number
from components.errors import InputError
from components.whole import replacing

ROOT = Path(__file__).resolve().parents[2]


def a_stage() -> Stage:
    stage = Stage("sample", "Copies text.")
    stage.input("source", "a text")
    stage.output("copy", "Dataset", "the same text")
    stage.output("metrics", "Metrics", "its length")
    stage.result("length", "its length")
    stage.parameter("times", "how often", type=number(int, 1, 5), default=1)
    return stage


def copy(args: argparse.Namespace, outputs: Outputs) -> None:
    text = args.source.read_text() * args.times
    with outputs.file("copy") as path:
        path.write_text(text)
    outputs.describe("copy", characters=len(text))
    outputs.metrics("metrics", {"length": len(text)})
    outputs.value("length", len(text))


def run(tmp_path: Path, work: Work, *more: str) -> int:
    source = tmp_path / "source.txt"
    source.write_text("abc")
    paths = [f"--{name}={tmp_path / 'out' / name}" for name in ("copy", "metrics", "length")]
    return a_stage().main(work, [f"--source={source}", *paths, *more])


def executor_input(tmp_path: Path) -> dict[str, Any]:
    def artifact(name: str) -> dict[str, Any]:
        listed = {"name": name, "uri": str(tmp_path / "out" / name), "type": {"schemaTitle": "system.Dataset"}}
        return {"artifacts": [{**listed, "metadata": {"kept": True}}]}

    outputs = {"copy": artifact("copy"), "metrics": artifact("metrics")}
    return {"outputs": {"artifacts": outputs, "outputFile": str(tmp_path / "out" / "executor_output.json")}}


def test_a_stage_writes_its_outputs_and_exits_with_zero(tmp_path: Path) -> None:
    assert run(tmp_path, copy, "--times=2") == 0
    assert (tmp_path / "out/copy").read_text() == "abcabc"
    assert (tmp_path / "out/length").read_text() == "6"
    assert json.loads((tmp_path / "out/metrics").read_text()) == {"length": 6}


def test_executor_output_lists_all_artifacts_with_their_metadata(tmp_path: Path) -> None:
    assert run(tmp_path, copy, "--executor-input", json.dumps(executor_input(tmp_path))) == 0
    written = json.loads((tmp_path / "out/executor_output.json").read_text())["artifacts"]
    assert set(written) == {"copy", "metrics"}
    assert written["copy"]["artifacts"][0]["metadata"] == {"kept": True, "characters": 3}
    assert written["metrics"]["artifacts"][0]["metadata"] == {"kept": True, "length": 3}
    assert written["copy"]["artifacts"][0]["uri"] == str(tmp_path / "out/copy")


def test_a_failing_stage_says_one_line_and_leaves_nothing_half_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(args: argparse.Namespace, outputs: Outputs) -> None:
        with outputs.file("copy") as path:
            path.write_text("half")
            raise InputError("expected a text,\nfound another")

    assert run(tmp_path, fails) == 1
    assert capsys.readouterr().err == "sample: expected a text, found another\n"
    assert list((tmp_path / "out").iterdir()) == []


def test_an_output_that_was_not_written_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, lambda args, outputs: outputs.value("length", 1)) == 1
    assert "copy, metrics" in capsys.readouterr().err


def test_an_operating_system_error_is_one_line_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def full(args: argparse.Namespace, outputs: Outputs) -> None:
        raise OSError(28, "No space left on device")

    assert run(tmp_path, full) == 1
    assert capsys.readouterr().err == "sample: OSError: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("wrong", ["--times=0", "--times=6", "--times=x", "--times=1.5", "--tim=2", "--source=/none"])
def test_wrong_arguments_are_a_usage_error(tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path, copy, wrong)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[]", "nonsense"])
def test_an_executor_input_that_is_not_kfps_is_refused(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, copy, "--executor-input", text) == 1
    assert "--executor-input: expected" in capsys.readouterr().err


def test_the_confusion_matrix_has_the_form_that_kfp_writes(tmp_path: Path) -> None:
    outputs = Stage("sample", "")
    outputs.output("confusion", "ClassificationMetrics", "")
    asked = {"artifacts": {"confusion": {"artifacts": [{"uri": "u"}]}}, "outputFile": str(tmp_path / "eo.json")}

    def work(args: argparse.Namespace, outputs: Outputs) -> None:
        outputs.confusion_matrix("confusion", ["a", "b"], [[3, 1], [0, 4]])

    arguments = ["--confusion", str(tmp_path / "c"), "--executor-input", json.dumps({"outputs": asked})]
    assert outputs.main(work, arguments) == 0
    metadata = json.loads((tmp_path / "eo.json").read_text())["artifacts"]["confusion"]["artifacts"][0]["metadata"]
    assert metadata == {
        "confusionMatrix": {
            "annotationSpecs": [{"displayName": "a"}, {"displayName": "b"}],
            "rows": [{"row": [3, 1]}, {"row": [0, 4]}],
        }
    }


def test_a_ragged_confusion_matrix_is_refused(tmp_path: Path) -> None:
    stage = Stage("sample", "")
    stage.output("confusion", "ClassificationMetrics", "")
    with pytest.raises(ValueError, match="expected a 2 × 2 matrix"):
        stage.main(
            lambda a, o: o.confusion_matrix("confusion", ["a", "b"], [[1, 2]]), [f"--confusion={tmp_path / 'c'}"]
        )


def test_replacing_swaps_a_whole_folder_and_keeps_the_old_one_on_failure(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(FileNotFoundError), replacing(target):
        (tmp_path / "never written").read_text()
    assert [p.name for p in target.iterdir()] == ["old"]
    with replacing(target) as partial:
        partial.mkdir()
        (partial / "new").touch()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(("sign", "left"), [(signal.SIGTERM, []), (signal.SIGKILL, [".copy.partial"])])
def test_a_stopped_stage_never_shows_a_half_output(tmp_path: Path, sign: signal.Signals, left: list[str]) -> None:
    program = textwrap.dedent("""
        import time
        from components.artifacts import Stage
        stage = Stage("sample", "")
        stage.output("copy", "Dataset", "")
        def work(args, outputs):
            with outputs.file("copy") as path:
                path.write_text("half")
                print("writing", flush=True)
                time.sleep(60)
        stage.main(work)
    """)
    command = [sys.executable, "-c", program, "--copy", str(tmp_path / "copy")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as p:
        assert p.stdout is not None
        p.stdout.readline()
        p.send_signal(sign)
        deadline = time.monotonic() + 10
        assert p.wait(timeout=deadline - time.monotonic()) != 0
    assert [path.name for path in tmp_path.iterdir()] == left
    with replacing(tmp_path / "copy") as partial:  # the next run sweeps what a killed one left
        partial.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


@given(st.integers(-(10**9), 10**9))
def test_whole_numbers_are_read_as_kfp_writes_them(value: int) -> None:
    assert number(int, -(10**9), 10**9)(json.dumps(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_kfp_writes_them(value: float) -> None:
    assert number(float, float("-inf"))(json.dumps(value)) == value


@pytest.mark.parametrize("text", ["nan", "inf", "", "0,5", "50%", "1e999"])
def test_a_bounded_number_refuses_what_is_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number"):
        number(float, 0, 1)(text)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("True", True), ("False", False)])
def test_booleans_are_read_as_kfp_and_python_write_them(text: str, value: bool) -> None:
    assert boolean(text) is value


def test_other_booleans_are_refused() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected true or false, found '1'"):
        boolean("1")


@pytest.mark.parametrize("value", ["0.9", None, True])
def test_a_metric_that_is_no_number_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(ValueError, match="expected numbers as metrics"):
        run(tmp_path, lambda args, outputs: outputs.metrics("metrics", {"accuracy": value}))  # type: ignore[dict-item]
