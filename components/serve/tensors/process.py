"""The process that computes again what was asked: requests in at stdin, what became of them out at stdout.

It comes after everything else on the machine: the lowest priority, one thread, and the first to go where memory runs
short. It ends when the pipe does. Ctrl-C and SIGTERM are the server's to act on.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from components.background import step_back
from components.errors import RoadworthyError
from components.serve.tensors import pipe


def main() -> int:
    """Runs until the end of the pipe; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m components.serve.tensors.process", allow_abbrev=False)
    parser.add_argument("--place", required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--digest", required=True)
    args = parser.parse_args()
    step_back(19)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    try:
        _run(args)
    except BrokenPipeError:
        return 0  # the server is gone
    except (RoadworthyError, OSError) as error:
        print(f"tensors: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _run(args: argparse.Namespace) -> None:
    import torch

    from components.serve.tensors.recompute import Recomputation

    torch.set_num_threads(1)
    # Whatever a library prints must not get between the lines that the server reads.
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    recomputation = Recomputation(args.model, args.digest, args.place)
    while (asked := pipe.read(sys.stdin.buffer)) is not None:
        written = True
        try:
            recomputation.record(asked)
        except Exception as error:  # a request that cannot be recorded must not end the recording of the next
            said = error if isinstance(error, RoadworthyError | OSError) else f"{type(error).__name__}: {error}"
            print(f"tensors: event {asked.event_id}: {said}", file=sys.stderr, flush=True)
            written = False
        pipe.tell(told, written)


if __name__ == "__main__":
    sys.exit(main())
