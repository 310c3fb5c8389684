"""Starts a step's process, watches it, and sees that nothing of it is left behind.

Each step is the leader of a session and process group of its own, so that a terminal's Ctrl-C reaches only the runner
and the runner can end a step with all its children. When a step is over, what is left of its group is ended too. A
process that has left the group on purpose (a daemon, by ``setsid``) is spared if the step ended well; if it failed or
was stopped, the daemon is found by a mark in its environment and ended as well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "ROADWORTHY_STEP"
"""The environment variable that says of which run and step a process is: ``<run's folder>#<step>#``."""

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""

EXIT_LIMIT = 30.0
"""Seconds that exit handlers may take after an interrupt."""

TIMED_OUT = 124
"""The exit status given to a step that ran over its limit, as of ``timeout(1)``."""


class Stop:
    """A request to stop the run; the second one is final."""

    def __init__(self) -> None:
        self.requested = threading.Event()
        self.at_once = threading.Event()
        self.since = 0.0

    def request(self) -> None:
        """Stops the steps; called again, kills them and the exit handlers."""
        if self.requested.is_set():
            self.at_once.set()
        self.since = self.since or time.monotonic()
        self.requested.set()

    def due(self, exiting: bool) -> bool:
        """Returns whether a step is to end now; an exit handler (``exiting``) has ``EXIT_LIMIT`` seconds more."""
        if not self.requested.is_set():
            return False
        return self.at_once.is_set() or not exiting or time.monotonic() - self.since > EXIT_LIMIT


@dataclass
class Ended:
    """How a step's process ended: its exit status, and why it was stopped if it was (``""``, ``time`` or ``stop``)."""

    status: int
    stopped: str = ""


@dataclass(frozen=True)
class Limits:
    """When a process is to be ended: after ``timeout`` seconds (None: never), or when the run stops."""

    stop: Stop
    timeout: float | None = None
    exiting: bool = False


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    folder: Path,
    log: Path,
    limits: Limits,
    mark: str = "",
    reported: Callable[[], int | None] = lambda: None,
) -> Ended:
    """Runs a command to its end, its output appended to ``log``.

    Args:
        command: The program and its arguments.
        env: The whole environment.
        folder: The working folder.
        log: Receives standard output and errors.
        limits: When to end it.
        mark: Value of ``MARK`` in the environment; with it, daemons of a step that ended badly are found and ended.
        reported: Returns the exit status when the work is done although the process still runs (a container that keeps
            a daemon); the process is then left alone.

    Raises:
        OSError: The program cannot be started.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**env, MARK: mark} if mark else dict(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ended = _watch(process.pid, limits, reported)
    if ended is None:
        status = reported()
        threading.Thread(target=process.wait, daemon=True).start()  # reaps it whenever it ends
        return Ended(0 if status is None else status)
    # The leader is not reaped yet, so its group's number cannot be another's.
    end_group(process.pid)
    status = process.wait()
    ended.status = TIMED_OUT if ended.stopped == "time" else 128 - status if status < 0 else status
    if mark and (ended.status or ended.stopped):
        end_marked(mark)
    return ended


def _watch(pid: int, limits: Limits, reported: Callable[[], int | None]) -> Ended | None:
    """Waits for the process to end (not reaping it), ending it when it is due; None when it reported and lives on."""
    started, pause, why = time.monotonic(), 0.001, ""
    while not _over(pid):
        if reported() is not None:
            return None
        if limits.stop.due(limits.exiting):
            why = "stop"
        elif limits.timeout is not None and time.monotonic() - started > limits.timeout:
            why = "time"
        if why:
            end_group(pid, 0.0 if limits.stop.at_once.is_set() else GRACE, lambda: _over(pid))
            return Ended(0, why)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return Ended(0)


def _over(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def end_group(group: int, grace: float = 0.5, over: Callable[[], bool] = lambda: False) -> None:
    """Ends a process group: SIGTERM, then SIGKILL after ``grace`` seconds unless ``over`` or nobody is left."""
    if not _signal(group, signal.SIGTERM):
        return
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and not over() and _members(group):
        time.sleep(0.02)
    _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says "not permitted" of a zombie
        return False
    return True


def _members(group: int) -> bool:
    """Returns whether a process of the group is alive, zombies not counted; on a system without /proc, always True."""
    if not Path("/proc/self/stat").exists():
        return True
    for pid in _processes():
        try:
            # pid (name) state parent group …; the name may hold anything, so read from its last parenthesis.
            state, _, found = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(found) == group and state not in "ZX":
            return True
    return False


def end_marked(prefix: str) -> list[int]:
    """Ends every process whose ``MARK`` begins with ``prefix``; returns their numbers (none without /proc)."""
    wanted = f"{MARK}={prefix}".encode()
    found = [pid for pid in _processes() if pid != os.getpid() and _marked(pid, wanted)]
    for number, grace in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 0.0)):
        for pid in found:
            if _marked(pid, wanted):
                _kill(pid, number)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(_marked(pid, wanted) for pid in found):
            time.sleep(0.02)
    return found


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _marked(pid: int, wanted: bytes) -> bool:
    try:
        # A zombie's environment is empty, so what has ended is not found again.
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(variable.startswith(wanted) for variable in variables)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return
