"""Keeps one server running: starts it again when it crashes, stops it when it is asked to.

The listening socket is the supervisor's. So the port stays the same over restarts, and clients that come while there
is no server wait in its backlog instead of being refused.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from components.serve.deploy.state import State

WATCH_SECONDS = 0.2
STOP_SECONDS = 27.0
"""For the server to drain; whoever undeploys waits one second more, and SageMaker kills after 30."""

RESTARTS = 8
"""In a row, after which it gives up."""

STEADY_SECONDS = 60.0
"""A server that ran so long has not crashed in a row."""

LONGEST_PAUSE = 10.0


class Supervisor:
    """Runs ``command`` until it is asked to stop, or has crashed too often in a row.

    Args:
        state: Where it looks for ``stop`` and writes ``status.json``.
        command: The server.
        listening: Descriptor of the socket that every server inherits.
    """

    def __init__(self, state: State, command: Sequence[str], listening: int) -> None:
        self._state = state
        self._command = list(command)
        self._listening = listening
        self._asked = False
        self._restarts = self._in_a_row = 0

    def run(self) -> int:
        """Returns 0 when it was stopped, 1 when it gave up."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        while True:
            started = time.monotonic()
            server = self._start()
            code = self._watch(server)
            if code is None:
                self._end(server)
                self._tell("stopped", None)
                return 0
            self._in_a_row = 0 if time.monotonic() - started > STEADY_SECONDS else self._in_a_row
            self._in_a_row += 1
            self._restarts += 1
            given_up = self._in_a_row > RESTARTS
            print(
                f"supervisor: server ended with {code}, {'given up' if given_up else 'starting it again'}", flush=True
            )
            self._tell("failed" if given_up else "restarting", None, code)
            if given_up:
                return 1
            self._pause(min(0.1 * 2**self._in_a_row, LONGEST_PAUSE))

    def _start(self) -> subprocess.Popen[bytes]:
        command = [*self._command, "--socket", str(self._listening), "--parent", str(os.getpid())]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[self._listening])
        self._tell("running", server.pid)
        return server

    def _watch(self, server: subprocess.Popen[bytes]) -> int | None:
        """Returns the exit status of a server that ended by itself, None when it is to be stopped."""
        while not self._to_stop():
            try:
                return server.wait(WATCH_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        return None

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._to_stop():
            time.sleep(WATCH_SECONDS)

    def _end(self, server: subprocess.Popen[bytes]) -> None:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"supervisor: server did not stop within {STOP_SECONDS:g} s, killed", flush=True)
            server.kill()
            server.wait()

    def _to_stop(self) -> bool:
        return self._asked or self._state.stop.exists()

    def _ask(self, signum: int, frame: object) -> None:
        del signum, frame
        self._asked = True

    def _tell(self, state: str, server: int | None, code: int | None = None) -> None:
        content = {"state": state, "supervisor": os.getpid(), "server": server, "restarts": self._restarts}
        self._state.write(self._state.status, content if code is None else {**content, "exit": code})


def main(argv: Sequence[str]) -> int:
    """Supervises: ``--state FOLDER --listening DESCRIPTOR -- COMMAND …``; inherits the state's lock and keeps it."""
    parser = argparse.ArgumentParser(prog="python -m components.serve supervise", allow_abbrev=False)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--listening", type=int, required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args(argv)
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    return Supervisor(State(args.state), command, args.listening).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
