"""``roadworthy run``: executes a pipeline on this machine."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines import parameters, registry
from pipelines.cli import sources
from pipelines.targets import ir, kfp, parse
from pipelines.targets.local import backends, earlier, executor, records, view
from pipelines.targets.local.processes import Stop


def add(commands: Any) -> None:
    """Adds the command to the program's."""
    parser = commands.add_parser("run", help="run a pipeline on this machine")
    parser.add_argument("name", metavar="NAME", help="pipeline, module:function, or a compiled file.yaml")
    sources.add_parameters(parser)
    parser.add_argument("--root", type=Path, default=Path("runs"), help="where runs and the cache lie (default: runs)")
    parser.add_argument("--workers", type=_positive, default=os.cpu_count() or 1, help="steps at a time")
    parser.add_argument("--backend", choices=["venv", "podman", "docker"], default="venv", help="(default: venv)")
    parser.add_argument("--no-cache", action="store_true", help="run every step, whatever was kept")
    parser.add_argument(
        "--unless-done",
        action="store_true",
        help="run nothing if a run with the same pipeline, parameters, data and code succeeded and is still whole",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would run, start nothing")
    parser.set_defaults(work=work)


def work(args: argparse.Namespace) -> int:
    """Runs the pipeline; returns the exit status."""
    pipeline = _load(args.name)
    values = parameters.resolve(args.param, pipeline)
    stop = Stop()
    backend = backends.choose(args.backend)
    key = earlier.key(pipeline, values, backend) if args.unless_done else ""
    if done := earlier.find(args.root.resolve(), pipeline.name, key):
        print(earlier.report(done), flush=True)
        return 0
    options = executor.Options(args.root, args.workers, cache=not args.no_cache, dry=args.dry_run, key=key)
    observer = view.Silent() if options.dry else view.choose(sys.stderr)
    with _signals(stop) as received:
        result = executor.execute(pipeline, values, backend, observer, options, stop)
    if args.dry_run:
        print(view.planned(result))
        return 0
    closing = view.report(result)
    print(closing, file=sys.stdout if result.state == records.SUCCEEDED else sys.stderr, flush=True)
    if received:
        return 128 + received[0]
    return int(result.state != records.SUCCEEDED)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text!r}")
    return int(text)


def _load(name: str) -> ir.Pipeline:
    if sources.is_file(name):
        return parse.read(Path(name))
    return kfp.checked(registry.find(name, registry.entries()))[1]


@contextmanager
def _signals(stop: Stop) -> Iterator[list[int]]:
    """Turns SIGINT and SIGTERM into requests to stop; yields the list of those that came."""
    received: list[int] = []

    def request(number: int, frame: object) -> None:
        received.append(number)
        again = "; once more kills them" if len(received) == 1 else ""
        print(f"\nstopping the steps, then exit handlers run{again}", file=sys.stderr, flush=True)
        stop.request()

    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
