"""Every input of every stage, given what is no such thing: one line, status 1 or 2, no output, no wait, no flood."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stage_calls
from effort import some

PROGRAMS = [*stage_calls.programs()]
INPUTS = [(p, n) for p in PROGRAMS for n, one in p.stage.declared.items() if one.role == "input"]
# Every name under which some stage looks for a file of an artifact.
NAMES = (
    *("index.parquet", "images.parquet", "objects.parquet", "attacks.parquet", "flagged.parquet", "dataset.json"),
    *("model.json", "manifest.json", "model.safetensors", "model-symbol.json", "model-0000.params", "verdicts.json"),
    *("statistics.json", "constraints.json", "constraint_violations.json", "summary.json", "analysis.json"),
    *("robustness.json", "curves.json"),
)


def filled(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Makes a folder in which every known name is made by ``make``."""

    def fill(path: Path) -> None:
        (path / "images").mkdir(parents=True)
        for name in NAMES:
            make(path / name)

    return fill


GARBAGE: dict[str, Callable[[Path], object]] = {
    "an empty file": lambda path: path.write_bytes(b""),
    "an empty folder": lambda path: path.mkdir(),
    "random bytes": lambda path: path.write_bytes(os.urandom(65_536)),
    "half a JSON": lambda path: path.write_text('{"'),
    "a pipe": os.mkfifo,
    "a device without an end": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "files of random bytes": filled(lambda path: path.write_bytes(os.urandom(999))),
    "files of nothing": filled(lambda path: path.write_bytes(b"")),
    "files of lists": filled(lambda path: path.write_text("[]")),
    "files of 100,000 levels": filled(lambda path: path.write_text("[" * 100_000)),
    "files of NaN": filled(lambda path: path.write_text('{"a": NaN}')),
    "files of null": filled(lambda path: path.write_text("null")),
    "folders for files": filled(lambda path: path.mkdir()),
    "pipes for files": filled(os.mkfifo),
    "devices for files": filled(lambda path: path.symlink_to("/dev/zero")),
    "links to themselves for files": filled(lambda path: path.symlink_to(path.name)),
}
# What waits or has no end is always tried: those are the ones that were wrong once.
ALWAYS = ("pipes for files", "devices for files")


def chosen(program: stage_calls.Program, name: str) -> Iterator[str]:
    yield from dict.fromkeys((*ALWAYS, *some([*GARBAGE], program.name, name)))


@pytest.mark.parametrize(("program", "name"), INPUTS, ids=[f"{p.name} --{n}" for p, n in INPUTS])
def test_garbage_in_an_input_is_refused_in_one_line_and_leaves_no_output(
    program: stage_calls.Program, name: str, tmp_path: Path, callers: Any
) -> None:
    for number, case in enumerate(chosen(program, name)):
        folder = tmp_path / str(number)
        folder.mkdir()
        GARBAGE[case](folder / "garbage")
        arguments = program.arguments(folder, {name: str(folder / "garbage")})
        found = callers[program.image].call(program.module, arguments, folder)
        assert not found.refused(), case
        assert not list(folder.glob("out/*")), case
