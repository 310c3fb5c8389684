"""The program ``roadworthy``: compile pipelines, run them here, list them.

Exit status: 0; 1 when a step failed or compiled files differ; 2 for a wrong command line, pipeline or parameter; 128
+ the signal's number when the run was stopped (130 for Ctrl-C).
"""

from __future__ import annotations

import argparse
import difflib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from components.artifacts import replacing
from components.errors import RoadworthyError
from pipelines import parameters, placement, registry
from pipelines.targets import argo, ir, kfp, parse
from pipelines.targets.local import backends, executor, records, view
from pipelines.targets.local.processes import Stop

GOLDENS = Path("manifests/pipelines")
TARGETS = ("kfp", "argo")
MADE = "made by `roadworthy compile`"
"""In the head of every file of ours: others, whatever their names, are left alone."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program and returns its exit status."""
    args = _parser().parse_args(argv)
    try:
        return int(args.work(args))
    except RoadworthyError as error:
        print(f"roadworthy {args.command}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="roadworthy", description="Compiles and runs Roadworthy's pipelines.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="the pipelines there are")
    listing.set_defaults(work=_list)

    compiling = commands.add_parser("compile", help="write pipelines as KFP's IR, to upload, or for Argo")
    compiling.add_argument("names", nargs="*", metavar="NAME", help="pipelines, or module:function (default: all)")
    compiling.add_argument("--target", choices=[*TARGETS, "all"], default="kfp", help="(default: kfp)")
    compiling.add_argument(
        "--output",
        type=Path,
        help=f"folder to write to; with --target all, to its folders {', '.join(TARGETS)} (default: {GOLDENS}/TARGET)",
    )
    compiling.add_argument("--profile", default="cpu", help="where the steps run that gain by a GPU (default: cpu)")
    compiling.add_argument("--profiles", type=Path, metavar="FILE", help="more profiles, YAML")
    compiling.add_argument("--check", action="store_true", help="write nothing; fail if the folder would change")
    compiling.set_defaults(work=_compile)

    running = commands.add_parser("run", help="run a pipeline on this machine")
    running.add_argument("name", metavar="NAME", help="pipeline, module:function, or a compiled file.yaml")
    running.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="may be given repeatedly")
    running.add_argument("--root", type=Path, default=Path("runs"), help="where runs and the cache lie (default: runs)")
    running.add_argument("--workers", type=_positive, default=os.cpu_count() or 1, help="steps at a time")
    running.add_argument("--backend", choices=["venv", "podman", "docker"], default="venv", help="(default: venv)")
    running.add_argument("--no-cache", action="store_true", help="run every step, whatever was kept")
    running.add_argument("--dry-run", action="store_true", help="say what would run, start nothing")
    running.set_defaults(work=_run)
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text!r}")
    return int(text)


def _list(args: argparse.Namespace) -> int:
    for entry in registry.entries().values():
        print(f"{entry.name}  {entry.summary}".rstrip())
    return 0


def _compile(args: argparse.Namespace) -> int:
    known, profile = registry.entries(), placement.choose(args.profile, args.profiles)
    targets = TARGETS if args.target == "all" else (args.target,)
    wanted: dict[str, dict[str, str]] = {target: {} for target in targets}
    for name in args.names or known:
        content = kfp.compiled(registry.find(name, known), profile)
        for target in targets:
            text = _written(content, target)
            wanted[target][f"{content[0]['pipelineInfo']['name']}.yaml"] = text
    stale = 0
    for target, files in wanted.items():
        folder = GOLDENS / target if args.output is None else args.output
        if args.output and args.target == "all":
            folder /= target
        stale += _brought_up(folder, files, whole=not args.names, check=args.check)
    return int(args.check and stale > 0)


def _written(content: kfp.Documents, target: str) -> str:
    if target == "argo":
        return argo.text(argo.compiled(content))
    parse.parse(content, content[0]["pipelineInfo"]["name"])  # what no target could run is refused
    return kfp.text(content)


def _brought_up(folder: Path, wanted: dict[str, str], *, whole: bool, check: bool) -> int:
    """Writes what changed, or says what would (``check``); a whole folder loses what no pipeline made."""
    found = {name: _read(folder / name) for name in wanted}
    if whole:
        found |= {path.name: text for path in folder.glob("*.yaml") if MADE in (text := _read(path) or "")[:200]}
    changed = {name for name in {*found, *wanted} if found.get(name) != wanted.get(name)}
    for name in sorted(changed):
        if check:
            sys.stdout.write(_difference(name, found.get(name), wanted.get(name)))
        elif name in wanted:
            with replacing(folder / name) as path:
                path.write_text(wanted[name], encoding="utf-8")
            print(f"wrote {folder / name}")
        else:
            (folder / name).unlink()
            print(f"removed {folder / name}: no such pipeline any more")
    if check and changed:
        print(f"roadworthy compile: expected {folder} to be up to date, found {len(changed)} files that are not")
    elif not changed:
        print(f"{folder}: {len(wanted)} pipelines, all up to date")
    return len(changed)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _difference(name: str, found: str | None, wanted: str | None) -> str:
    before, after = (found or "").splitlines(keepends=True), (wanted or "").splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, f"{name} (found)", f"{name} (compiled)"))


def _load(name: str) -> ir.Pipeline:
    if name.endswith((".yaml", ".yml")):
        return parse.read(Path(name))
    return kfp.checked(registry.find(name, registry.entries()))[1]


def _run(args: argparse.Namespace) -> int:
    pipeline = _load(args.name)
    values = parameters.resolve(args.param, pipeline)
    stop = Stop()
    options = executor.Options(args.root, args.workers, cache=not args.no_cache, dry=args.dry_run)
    backend = backends.choose(args.backend)
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
