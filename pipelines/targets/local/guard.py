"""What is left of a run whose runner was killed: ``python -m pipelines.targets.local.guard BACKEND FOLDER`` ends it.

Steps lead sessions of their own, and containers belong to their engine, so nothing reaches them when the runner is gone
without a word (SIGKILL, no memory left). A second process therefore holds the other end of a pipe: a byte before its
end says that the run is over, an end without one that the runner is. It then has the run's backend end the steps, and
with them the servers they have started.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from components import background
from components.errors import PipelineError
from pipelines.targets.local import backends

_OVER = b"."


@contextmanager
def guarded(folder: Path, backend: str) -> Iterator[None]:
    """Ends the steps of the run in ``folder`` should this process be killed before the block is over.

    Args:
        folder: Of the run.
        backend: The name of what its steps run in, as ``backends.choose`` takes it.
    """
    process = background.launch("pipelines.targets.local.guard", [backend, str(folder)])
    try:
        yield
    finally:
        with suppress(BrokenPipeError):  # it was killed itself
            process.communicate(_OVER)


def main(arguments: Sequence[str]) -> int:
    """Waits for the runner's last word or its end; returns the exit status."""
    backend, folder = arguments
    background.step_back(0)
    if sys.stdin.buffer.read(1) == _OVER:
        return 0
    try:
        backends.choose(backend).end(Path(folder))
    except PipelineError as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
