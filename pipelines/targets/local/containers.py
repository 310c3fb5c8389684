"""Runs each step in a container of its image, with podman or docker.

The run's folder is mounted at its own path, so that every path in a command line means the same inside; the network
is the machine's. A step gets no more than it would on a cluster under the ``restricted`` Pod Security Standard: a root
file system it cannot write, ``/tmp`` in memory, no capabilities, no way to more rights, and a user that is not root.
That is the caller, whose files they then are; where the caller is root it is ``USER``, to whom the folders that the
step writes into are given. The first process is ``first.py``: a server that a step started lives on in the step's
container until ``undeploy`` ends it or the run is over.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from components.errors import PipelineError
from pipelines.targets.local import first, processes
from pipelines.targets.local.backends import Invocation, mark, run_mark

_PATIENCE = 120.0
"""Seconds that a question to podman or docker may take."""

_LABEL = "roadworthy.run"

_LOOKS = (0.0, 0.5, 1.0)
"""Seconds before each look for containers of a run that is to be ended."""

USER = 65532
"""The images' own user and group, for a caller who is root."""

CONFINED = (
    "--read-only",
    "--tmpfs=/tmp:rw,nosuid,nodev,mode=1777",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
"""What is taken from a container, in words that podman and docker share."""


class ContainerBackend:
    """Runs steps with ``podman run`` or ``docker run``.

    Args:
        program: ``podman`` or ``docker``.
    """

    def __init__(self, program: str) -> None:
        self.name = self.program = program
        self._names: list[str] = []
        self._lock = threading.Lock()
        self._identity = cache(self._inspected)

    def check(self, images: Sequence[str]) -> None:
        """Raises PipelineError if the program or an image is missing."""
        missing = [image for image in images if not self._identity(image)]
        if missing:
            raise PipelineError(f"expected the images {', '.join(missing)} in {self.program}, found none of that name")

    def identity(self, image: str, command: Sequence[str]) -> str:
        """Returns the image's own digest: packages and code are all in it."""
        return self._identity(image)

    def run(self, invocation: Invocation, limits: processes.Limits) -> processes.Ended:
        """Runs a step's command in a new container."""
        report = invocation.folder / "status"
        report.unlink(missing_ok=True)
        name = "roadworthy-" + hashlib.sha256(f"{mark(invocation)}{os.urandom(4).hex()}".encode()).hexdigest()[:16]
        with self._lock:
            self._names.append(name)
        _give(invocation)
        ended = processes.run(
            self._command(invocation, name, report),
            env=dict(os.environ),
            folder=invocation.folder,
            log=invocation.log,
            limits=limits,
            mark=mark(invocation),  # of the client alone: the container's variables are in the command
            reported=lambda: _status(report),
        )
        if ended.stopped or ended.status:
            self._remove([name])
        return ended

    def close(self) -> None:
        """Removes the run's containers, and with them every server that no step has ended."""
        with self._lock:
            names, self._names = self._names, []
        self._remove(names)

    def end(self, run_folder: Path) -> None:
        """Ends the clients that carry the run's mark, and removes the containers that bear its label.

        Raises:
            PipelineError: The program gave no answer, or containers are left.
        """
        processes.end_marked(run_mark(run_folder))
        # Without a client no container is asked for any more, but the last one asked for may yet appear.
        for pause in _LOOKS:
            time.sleep(pause)
            self._remove(self._labelled(run_folder))
        if left := self._labelled(run_folder):
            raise PipelineError(f"expected no containers of {run_folder}, found {', '.join(left)}")

    def _command(self, invocation: Invocation, name: str, report: Path) -> list[str]:
        # Rootless podman would otherwise map the caller to root inside.
        keep = ["--userns=keep-id"] if self.program == "podman" and os.getuid() else []
        env = {"PYTHONUNBUFFERED": "1", "HOME": "/tmp", **invocation.env}  # noqa: S108 - the image's own, for any user
        outside = [f"--volume={path}:{path}:ro" for path in invocation.inputs]
        return [
            *(self.program, "run", "--rm", f"--name={name}", f"--label={_label(invocation.run_folder)}"),
            *("--network=host", *keep),
            *CONFINED,
            "--user={}:{}".format(*_user()),
            f"--volume={invocation.run_folder}:{invocation.run_folder}",
            *outside,
            f"--workdir={invocation.folder}",
            *(_variable(key, value) for key, value in env.items()),
            *("--entrypoint=python3", invocation.image, "-c", Path(first.__file__).read_text(), str(report)),
            *invocation.command,
        ]

    def _inspected(self, image: str) -> str:
        done = self._ask("image", "inspect", "--format", "{{.Id}}", image)
        return done.stdout.strip() if done.returncode == 0 else ""

    def _labelled(self, run_folder: Path) -> list[str]:
        return self._ask("ps", "--all", "--quiet", f"--filter=label={_label(run_folder)}").stdout.split()

    def _remove(self, names: list[str]) -> None:
        for name in names:
            self._ask("rm", "--force", name)

    def _ask(self, *args: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.program, *args],
                capture_output=True,
                text=True,
                check=False,
                timeout=_PATIENCE,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the runner to deal with
            )
        except FileNotFoundError:
            raise PipelineError(f"expected the program {self.program}, found none on PATH") from None
        except subprocess.TimeoutExpired:
            raise PipelineError(
                f"expected an answer of {self.program} {args[0]} in {_PATIENCE:g} s, found none"
            ) from None


def _label(run_folder: Path) -> str:
    """Returns the label of a run's containers; a digest, since what a filter makes of a path's characters differs."""
    return f"{_LABEL}={hashlib.sha256(str(run_folder).encode()).hexdigest()[:32]}"


def _user() -> tuple[int, int]:
    return (os.getuid(), os.getgid()) if os.getuid() else (USER, USER)


def _give(invocation: Invocation) -> None:
    """Gives the step's user the folders down from the run's to the step's output."""
    user, group = _user()
    out = invocation.folder / "out"
    for folder in (out, *out.parents):
        if user != os.getuid() and folder.is_relative_to(invocation.run_folder) and folder.is_dir():
            os.lchown(folder, user, group)  # a step may have put a link here


def _variable(name: str, value: str) -> str:
    # Anyone on the machine may read a command line: what the caller's environment holds (a secret) goes by name.
    return f"--env={name}" if os.environ.get(name) == value else f"--env={name}={value}"


def _status(report: Path) -> int | None:
    try:
        return int(report.read_text())
    except (FileNotFoundError, ValueError):
        return None
