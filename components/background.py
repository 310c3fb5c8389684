"""A process that works behind a server: how it is started, and how it steps back.

Both ends are here since they are one decision: the process shares the server's session, so that being nice counts
against the server (Linux shares the processor out among sessions first, by autogroup); it has a process group of its
own, so that what ends the server's group does not end it before it has finished; signals are the server's to act on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import components

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds before each further start of a process that dies."""


def launch(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    stdout: int = subprocess.PIPE,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Starts ``python -m <module>`` with a pipe to its stdin.

    Args:
        module: Of this project; found wherever the server runs.
        arguments: Of its command line.
        environment: On top of the server's own.
        stdout: Where its own goes, as ``subprocess`` has it: a pipe if nothing is said.
        keep: Open files of this process that it gets too, under the same numbers.

    Raises:
        OSError: No memory or no process left.
    """
    root = str(Path(components.__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        # -P: the folder that the server happens to stand in must not lend modules to the process.
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=stdout,
        pass_fds=keep,
        env={**os.environ, **(environment or {}), "PYTHONPATH": os.pathsep.join(paths)},
        process_group=0,
    )


def step_back(niceness: int) -> None:
    """Makes this process one that others go before; it outlives the signals that a terminal or a shutdown sends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(niceness)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
