"""The program ``roadworthy``: compile pipelines, run them here, send them to a cluster, list them.

Exit status: 0; 1 when a step failed or compiled files differ; 2 for a wrong command line, pipeline or parameter, and
for what a cluster refuses; 124 when the time to follow a run was up; 128 + the signal's number when the program was
stopped (130 for Ctrl-C).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from components.errors import RoadworthyError
from pipelines import registry
from pipelines.cli import compiling, running, submitting


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program and returns its exit status."""
    args = _parser().parse_args(argv)
    try:
        return int(args.work(args))
    except RoadworthyError as error:
        print(f"roadworthy {args.command}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="roadworthy", description="Compiles Roadworthy's pipelines, runs them here or on a cluster."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="the pipelines there are")
    listing.set_defaults(work=_list)
    for room in (compiling, running, submitting):
        room.add(commands)
    return parser


def _list(args: argparse.Namespace) -> int:
    for entry in registry.entries().values():
        print(f"{entry.name}  {entry.summary}".rstrip())
    return 0
