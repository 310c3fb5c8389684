"""Where a step's command runs: in the virtual environment of its image, or in a container of it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from components.errors import PipelineError, UnsupportedError
from pipelines.targets.local import processes, sources

ROOT = Path(__file__).resolve().parents[3]
"""The project: the folder that holds ``components``, ``pipelines`` and ``.venvs``."""

_IMAGE = re.compile(r"(?:[\w.:-]+/)*roadworthy/(?P<name>[a-z0-9][a-z0-9._-]*)(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?")


@dataclass(frozen=True)
class Invocation:
    """One attempt at one step.

    ``folder`` is the step's, ``run_folder`` the whole run's; ``inputs`` are paths outside the run's folder that the
    step may read; ``label`` names the step in its run.
    """

    image: str
    command: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    run_folder: Path
    label: str
    inputs: Sequence[Path] = ()

    @property
    def log(self) -> Path:
        """The file that the step's output is appended to."""
        return self.folder / "log.txt"


class Backend(Protocol):
    """What a backend must do; ``name`` is what ``choose`` knows it by."""

    name: str

    def check(self, images: Sequence[str]) -> None:
        """Raises PipelineError, naming each, if an image cannot be run here."""

    def identity(self, image: str, command: Sequence[str]) -> str:
        """Returns what decides, beside its arguments, what a command does: packages and code; for the cache's key."""

    def run(self, invocation: Invocation, limits: processes.Limits) -> processes.Ended:
        """Runs one attempt of a step."""

    def close(self) -> None:
        """Removes what the run's steps left in the backend's own keeping."""

    def end(self, run_folder: Path) -> None:
        """Ends every step, and every server that a step started, of a run that another process began."""


class VenvBackend:
    """Runs image ``roadworthy/<name>`` in the environment ``.venvs/<name>``, made from the image's own lock file.

    Args:
        root: The project.
    """

    name = "venv"

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root

    def environment(self, image: str) -> Path:
        """Returns the environment that stands for an image."""
        found = _IMAGE.fullmatch(image)
        if not found:
            raise UnsupportedError(f"expected an image like [registry/]roadworthy/<name>[:tag], found {image!r}")
        return self.root / ".venvs" / found["name"]

    def check(self, images: Sequence[str]) -> None:
        """Raises PipelineError if an image's environment is missing."""
        missing = [image for image in images if not (self.environment(image) / "bin" / "python").exists()]
        if missing:
            wanted = "; ".join(f"{self.environment(image)} for {image}" for image in missing)
            raise PipelineError(f"expected the environments {wanted}; found none: run `make environments`")

    def identity(self, image: str, command: Sequence[str]) -> str:
        """Returns a digest of the lock file the environment was made from, of Python's version and of the code.

        Of the project's code, only what the command can import counts (``sources``).
        """
        environment = self.environment(image)
        packages = [environment / ".made-from", environment / "pyvenv.cfg"]
        return sources.digest([path for path in packages if path.is_file()], sources.of_command(command, self.root))

    def run(self, invocation: Invocation, limits: processes.Limits) -> processes.Ended:
        """Runs the command with the environment's programs first on PATH and the project's code importable."""
        environment = self.environment(invocation.image)
        self.check([invocation.image])
        inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
        env = {
            **inherited,
            "VIRTUAL_ENV": str(environment),
            "PATH": f"{environment / 'bin'}{os.pathsep}{inherited.get('PATH', os.defpath)}",
            "PYTHONPATH": str(self.root),
            "PYTHONUNBUFFERED": "1",
            **invocation.env,
        }
        # Popen would look the program up on the runner's own PATH.
        program = shutil.which(invocation.command[0], path=env["PATH"])
        if program is None:
            raise PipelineError(f"expected the program {invocation.command[0]!r} on PATH, found none")
        return processes.run(
            [program, *invocation.command[1:]],
            env=env,
            folder=invocation.folder,
            log=invocation.log,
            limits=limits,
            mark=mark(invocation),
        )

    def close(self) -> None:
        """Does nothing: processes are ended step by step."""

    def end(self, run_folder: Path) -> None:
        """Ends the processes that carry the run's mark."""
        processes.end_marked(run_mark(run_folder))


def mark(invocation: Invocation) -> str:
    """Returns the mark that a step's processes carry (``processes.MARK``)."""
    return f"{run_mark(invocation.run_folder)}{invocation.label}#"


def run_mark(run_folder: Path) -> str:
    """Returns what the marks of all steps of a run begin with."""
    return f"{run_folder}#"


def choose(name: str, root: Path = ROOT) -> Backend:
    """Returns the backend called ``venv``, ``podman`` or ``docker``."""
    if name == "venv":
        return VenvBackend(root)
    from pipelines.targets.local.containers import ContainerBackend

    return ContainerBackend(name)
