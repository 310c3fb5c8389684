"""Every stage of the project as what it is, a program with a declaration; and calls of it that should be refused."""

from __future__ import annotations

import importlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from components.artifacts import Stage

ROOT = Path(__file__).resolve().parents[2]
DRIVER = Path(__file__).with_name("forking.py")
# The image whose environment a stage runs in; the rest run in analysis.
IMAGES = {
    "components.fine_tune": "torch",
    "components.fine_tune.detector": "detector",
    "components.adversarial": "torch",
    "components.fullgrad": "torch",
    "components.clarify": "torch",
}
PRELOADED = ("numpy", "pyarrow.parquet", "PIL.Image", "urllib3", "orjson", "torchvision", "safetensors.torch")
MEGABYTES = 900
"""The most that a call may take that does no work; torch alone takes 500."""

# What a stage cannot go without, where a wrong value is not what is tried.
NEEDED = {"name": "signs", "url": "http://127.0.0.1:9"}


class Program(NamedTuple):
    """One stage: its module, its sub-command if it has one, and its declaration."""

    module: str
    command: str
    stage: Stage

    @property
    def name(self) -> str:
        """As a test's id."""
        return f"{self.module.removeprefix('components.')} {self.command}".strip()

    @property
    def image(self) -> str:
        """The image that it runs in."""
        return IMAGES.get(self.module, "analysis")

    def arguments(self, folder: Path, given: Mapping[str, str]) -> list[str]:
        """Returns a command line: ``given`` by names, what else is needed by harmless values below ``folder``."""
        found = [self.command] if self.command else []
        for name, one in self.stage.declared.items():
            if name in given:
                value = given[name]
            elif one.optional:
                continue
            elif one.role in ("output", "result"):
                value = str(folder / "out" / name)
            elif name in NEEDED:
                value = NEEDED[name]
            else:
                (folder / "empty").mkdir(parents=True, exist_ok=True)
                value = str(folder / "empty")
            found.append(f"{one.flag}={value}")
        return found


def programs() -> Iterator[Program]:
    """Every stage of the house, found by its ``__main__``."""
    for path in sorted(ROOT.glob("components/**/__main__.py")):
        module = ".".join(path.relative_to(ROOT).parent.parts)
        if not (path.parent / "component.py").exists():
            continue
        loaded = importlib.import_module(f"{module}.__main__")
        if hasattr(loaded, "STAGES"):
            for command, (stage, _) in loaded.STAGES.items():
                yield Program(module, command, stage)
        else:
            yield Program(module, "", loaded.stage)


class Answer(NamedTuple):
    """How a call ended; see ``forking.py``."""

    status: int
    stdout: str
    stderr: str
    megabytes: float

    def refused(self) -> str:
        """Returns what is wrong with this as a refusal: nothing, if it is one line and the right exit status."""
        if "Traceback" in self.stderr:
            return f"a traceback: {self.stderr[-600:]}"
        if self.status not in (1, 2):
            return f"exit status {self.status}: {self.stderr[-300:]}"
        lines = self.stderr.strip().splitlines()
        if self.status == 1 and (not lines or len(lines[-1]) > 4000):
            return f"expected one line, found {len(lines)} of them, the last of {len(lines[-1]) if lines else 0}"
        return self.unbounded()

    def unbounded(self) -> str:
        """Returns what this took beyond its bounds: nothing, if it is no traceback, no hang and no flood."""
        if "Traceback" in self.stderr:
            return f"a traceback: {self.stderr[-600:]}"
        if self.status not in (0, 1, 2):
            return f"exit status {self.status}: {self.stderr[-300:]}"
        if self.megabytes > MEGABYTES:
            return f"{self.megabytes:.0f} MB"
        return ""


class Caller:
    """A warm process of one image that runs calls."""

    def __init__(self, image: str) -> None:
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [str(ROOT / ".venvs" / image / "bin" / "python"), str(DRIVER), *PRELOADED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**_environment(), "PYTHONPATH": str(ROOT)},
        )

    def call(self, module: str, arguments: list[str], folder: Path, seconds: float = 60.0) -> Answer:
        """Runs ``python -m module arguments`` in a working folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"module": module, "arguments": arguments, "folder": str(folder), "seconds": seconds}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return Answer(**found)

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def _environment() -> dict[str, str]:
    import os

    # One thread: numeric libraries would stand in each other's way, and forks of threaded processes are no good.
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}


@contextmanager
def callers() -> Iterator[dict[str, Caller]]:
    """Yields a process for each image, started when it is first asked for."""
    found = _Lazily()
    try:
        yield found
    finally:
        for one in found.values():
            one.close()


class _Lazily(dict[str, Caller]):
    def __missing__(self, image: str) -> Caller:
        self[image] = Caller(image)
        return self[image]
