"""Every parameter of every stage, given what is no number, no choice, no name: refused before any work is done."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import stage_calls
from effort import some

from components.artifacts import Declared

PROGRAMS = [*stage_calls.programs()]
NUMBERS = ["", " ", "nan", "-nan", "1,5", "50%", "null", "true", "[1]", "0x10", "1e", "--", "1 2", "½", "9" * 5000]
BEYOND = ["inf", "-inf", "1e999", "-1e999", "1e308", "-1e308", "9" * 30, "-" + "9" * 30, "1e-320", "-1e-320"]
CHOICES = ["", "nothing", "yes", "1", "None", "\u202e", "../../x", "x" * 5000]
TEXTS = [
    *("../../x", "a/../../b", "/dev/zero", "/proc/self/mem", "x" * 5000, "-x", "<script>", "\x1b[31m", "line\nbreak"),
    *("{{workflow.name}}", "$(id)", "`id`", "\u202e", "\udcff", "%s%n%2e%2e", "(a+)+$", "*", "[", "{", "NaN", ",", "0"),
    *("http://169.254.169.254/latest", "gopher://x", "s3://", "s3://user:secret-word@bucket/k", "file:///dev/zero"),
    *('{"a": ' + "[" * 20_000, "1," * 2000, "999999999999", "1e999", "2022-02-30T25:61:00Z", "9999-12-31T23:59:59Z"),
]
# Paths that their owner chooses to be made or read: where they lead is his affair.
OWN = {"state", "ledgers"}

parameters = pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)


def of(program: stage_calls.Program, *kinds: str) -> list[Declared]:
    return [one for one in program.stage.declared.values() if one.role == "parameter" and one.kind in kinds]


def parsed(program: stage_calls.Program, folder: Path, name: str, value: str) -> Any:
    """Returns the value that a stage would work with; SystemExit if it refuses it."""
    arguments = program.arguments(folder, {name: value})
    return getattr(program.stage.parser.parse_args(arguments[bool(program.command) :]), name)


def outcome(program: stage_calls.Program, folder: Path, name: str, value: str) -> tuple[object, Any]:
    """Returns the exit status of a value that is refused, or 0 and what it means."""
    try:
        return 0, parsed(program, folder, name, value)
    except SystemExit as ended:
        return ended.code, None


@parameters
def test_what_is_no_number_is_a_usage_error(
    program: stage_calls.Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in of(program, "integer", "number", "boolean"):
        for value in NUMBERS:
            if one.kind == "boolean" and value == "true":
                continue
            with pytest.raises(SystemExit) as ended:
                parsed(program, tmp_path, one.name, value)
            last = capsys.readouterr().err.splitlines()[-1]
            assert ended.value.code == 2
            assert "error: argument" in last
            assert one.flag in last


@parameters
def test_a_number_beyond_all_bounds_is_a_usage_error_or_finite(
    program: stage_calls.Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in of(program, "integer", "number"):
        for value in BEYOND:
            status, found = outcome(program, tmp_path, one.name, value)
            assert status in (0, 2)
            if status:
                assert "error: argument" in capsys.readouterr().err.splitlines()[-1]
            else:
                assert math.isfinite(found), f"{one.flag}={value}"
                assert abs(found) < 2**63, f"{one.flag}={value}"


@parameters
def test_what_is_no_choice_is_a_usage_error(
    program: stage_calls.Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choices = {action.dest: action.choices for action in program.stage.parser._actions if action.choices}
    for name, allowed in choices.items():
        for value in CHOICES:
            if value not in allowed:
                with pytest.raises(SystemExit) as ended:
                    parsed(program, tmp_path, name, value)
                assert ended.value.code == 2
                assert "invalid choice" in capsys.readouterr().err


@parameters
def test_a_text_that_means_harm_ends_in_one_line_and_writes_nothing_elsewhere(
    program: stage_calls.Program, tmp_path: Path, callers: Any
) -> None:
    for one in of(program, "text"):
        if one.name in OWN or (program.module == "components.data" and one.name == "classes"):
            continue
        for number, value in enumerate(some(TEXTS, program.name, one.name)):
            folder = tmp_path / "deep" / "er" / f"{one.name}-{number}"
            (folder / "in").mkdir(parents=True)
            arguments = program.arguments(folder / "in", {one.name: value})
            found = callers[program.image].call(program.module, arguments, folder / "in")
            assert not found.unbounded(), f"{one.flag}={value[:60]!r}"
            assert "secret-word" not in found.stderr + found.stdout
            written = {path.name for path in folder.iterdir()} | {path.name for path in tmp_path.iterdir()}
            assert written <= {"in", "deep"}, f"{one.flag}={value[:60]!r}"
