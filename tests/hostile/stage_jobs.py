"""One call of a program of the house, started as a process of its own whose descendants can be found."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

import stage_calls
from stage_calls import ROOT
from steady import digest

MARK = "HOSTILE_TRIAL"
"""The environment variable that all processes of a trial carry."""

SECONDS = 300
"""The most that an undisturbed run may take."""


class Job(NamedTuple):
    """One call of a program on given inputs.

    Attributes:
        image: In whose environment it runs.
        arguments: Of ``python``.
        outputs: By name, all in ``folder``.
        folder: That the outputs lie in, and nothing else.
        told: The output that says that all the others are there, KFP's ``executor_output.json``; empty for none.
    """

    image: str
    arguments: list[str]
    outputs: dict[str, Path]
    folder: Path
    told: str = ""

    @property
    def scratch(self) -> Path:
        """Its own folder for temporary files."""
        return self.folder.parent / "tmp"

    def start(self, mark: str) -> subprocess.Popen[bytes]:
        """Starts it."""
        command = [str(ROOT / ".venvs" / self.image / "bin" / "python"), *self.arguments]
        self.scratch.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(self.scratch), MARK: mark}
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def run(self, mark: str = "whole") -> tuple[float, float]:
        """Runs it undisturbed; returns the seconds to the first touch of the outputs' folder, and to the end."""
        before, started = self.touched(), time.monotonic()
        process, first = self.start(mark), 0.0
        while process.poll() is None:
            if not first and self.touched() != before:
                first = time.monotonic() - started
            assert time.monotonic() - started < SECONDS
            time.sleep(0.005)
        assert process.returncode == 0, f"exit status {process.returncode}"
        seconds = time.monotonic() - started
        return first or seconds, seconds

    def touched(self) -> set[tuple[str, int]]:
        """Returns what changes when something is made, renamed or removed in the outputs' folder."""
        try:
            return {(entry.name, entry.inode()) for entry in os.scandir(self.folder)}
        except FileNotFoundError:
            return set()

    def digests(self) -> dict[str, str | None]:
        """Returns what identifies each output; None for one that is not there."""
        return {name: digest(path) for name, path in self.outputs.items()}


def job(folder: Path, stage: str, image: str = "", /, **given: Any) -> Job:
    """Returns a call of a stage as KFP calls it, its outputs in ``folder/out``.

    Args:
        folder: Its own.
        stage: As in ``stage_calls.Program.name``.
        image: In whose environment it runs; empty: the one that it is declared for.
        given: Its arguments, which ``str`` turns into words.
    """
    (program,) = (one for one in stage_calls.programs() if one.name == stage)
    out = folder / "out"
    texts = {key: str(value) for key, value in given.items()}
    declared = {n: one for n, one in program.stage.declared.items() if one.role in ("output", "result")}
    outputs = {n: out / n for n in declared} | {"told": out / "told"}
    artifacts = {n: {"artifacts": [{"name": n, "metadata": {}}]} for n, one in declared.items() if one.role == "output"}
    asked = json.dumps({"outputs": {"outputFile": str(outputs["told"]), "artifacts": artifacts}})
    words = [*program.arguments(folder, texts), f"--executor-input={asked}"]
    return Job(image or program.image, ["-m", program.module, *words], outputs, out, "told")


def plain(folder: Path, module: str, *arguments: object, **outputs: str) -> Job:
    """Returns a call of a program that is no stage; its outputs are words of its command line in ``folder/out``."""
    paths = {name: folder / "out" / name for name in outputs}
    words = [word for name, flag in outputs.items() for word in (flag, str(paths[name])) if word]
    return Job("analysis", ["-m", module, *map(str, arguments), *words], paths, folder / "out")
