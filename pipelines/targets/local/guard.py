"""What is left of a run whose runner was killed: ``python -m pipelines.targets.local.guard FOLDER`` ends it.

Steps lead sessions of their own, so nothing reaches them when the runner is gone without a word (SIGKILL, no memory
left). A second process therefore holds the other end of a pipe: a byte before its end says that the run is over, an
end without one that the runner is. It then ends the steps by their mark, and with them the servers they have started.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from components import background
from pipelines.targets.local import processes

_OVER = b"."


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Ends the steps of the run in ``folder`` should this process be killed before the block is over."""
    process = background.launch("pipelines.targets.local.guard", [str(folder)])
    try:
        yield
    finally:
        with suppress(BrokenPipeError):  # it was killed itself
            process.communicate(_OVER)


def main(arguments: Sequence[str]) -> int:
    """Waits for the runner's last word or its end; returns the exit status."""
    (folder,) = arguments
    background.step_back(0)
    if sys.stdin.buffer.read(1) != _OVER:
        processes.end_marked(f"{folder}#")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
