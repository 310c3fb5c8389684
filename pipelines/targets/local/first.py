"""The first process of a step's container: runs the command, reports how it ended, and stays while daemons live.

A container dies with its first process, and a server that a step started would die with it. So this program is the
first process: it writes the command's exit status to a file, which the runner waits for, and ends when no process is
left. It is given to ``python -c`` as text, so it uses the standard library only and nothing of this package.

Arguments: the file for the status, then the command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress


def main(report: str, command: list[str]) -> int:
    """Runs ``command``, writes its exit status to ``report`` and returns it when the last process has ended."""
    try:
        process = subprocess.Popen(command, start_new_session=True)
    except OSError as error:
        print(f"expected a program that can be started, found {error}", file=sys.stderr)
        return _reported(report, 127)

    def forward(number: int, frame: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    ended = process.wait()
    # As with virtual environments: what stayed in the command's group ends with it, what left it may live on.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    # From now on SIGTERM (from the end of the run) is for the daemons; the kernel shields a first process from it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_all)
    status = _reported(report, 128 - ended if ended < 0 else ended)
    with suppress(ChildProcessError):
        while True:
            os.wait()
    return status


def _end_all(number: int, frame: object) -> None:
    if os.getpid() == 1:  # outside a container, -1 would mean every process of the user
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)


def _reported(report: str, status: int) -> int:
    with open(report + ".partial", "w") as file:
        file.write(str(status))
    os.rename(report + ".partial", report)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
