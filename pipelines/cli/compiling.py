"""``roadworthy compile``: writes pipelines for their targets, or says what would change."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path
from typing import Any

from components.whole import replacing
from pipelines import registry
from pipelines.cli import sources
from pipelines.targets import argo, kfp, kfp_native, parse, store
from pipelines.targets.images import Images

GOLDENS = Path("manifests/pipelines")
TARGETS = ("kfp", "kfp-k8s", "argo")
MADE = "made by `roadworthy compile`"
"""In the head of every file of ours: others, whatever their names, are left alone."""


def add(commands: Any) -> None:
    """Adds the command to the program's."""
    parser = commands.add_parser("compile", help="write pipelines for the KFP UI, for KFP's own objects, for Argo")
    parser.add_argument("names", nargs="*", metavar="NAME", help="pipelines, or module:function (default: all)")
    parser.add_argument("--target", choices=[*TARGETS, "all"], default="kfp", help="(default: kfp)")
    parser.add_argument(
        "--output",
        type=Path,
        help=f"folder to write to; with --target all, to its folders {', '.join(TARGETS)} (default: {GOLDENS}/TARGET)",
    )
    sources.add_placing(parser)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the folder would change")
    parser.set_defaults(work=work)


def work(args: argparse.Namespace) -> int:
    """Compiles what is asked for; returns the exit status."""
    known, profile, images = registry.entries(), sources.profile(args), sources.chosen_images(args)
    targets = TARGETS if args.target == "all" else (args.target,)
    wanted: dict[str, dict[str, str]] = {target: {} for target in targets}
    for name in args.names or known:
        content = sources.compiled(name, known, profile)
        for target in targets:
            wanted[target][f"{content[0]['pipelineInfo']['name']}.yaml"] = written(content, target, images)
    stale = 0
    for target, files in wanted.items():
        folder = GOLDENS / target if args.output is None else args.output
        if args.output and args.target == "all":
            folder /= target
        stale += _brought_up(folder, files, whole=not args.names, check=args.check)
    return int(args.check and stale > 0)


def written(content: kfp.Documents, target: str, images: Images) -> str:
    """Returns the file for a compiled pipeline: its images are placed last, in what the target makes of it."""
    if target == "argo":
        return argo.text(images.placed(argo.compiled(content)))
    # What no target could run is refused; what only one machine cannot, as a volume of a cluster's, is not.
    parse.parse(content[:1], content[0]["pipelineInfo"]["name"])
    placed = images.placed(store.reached(content))
    return kfp.text(placed) if target == "kfp" else kfp_native.text(kfp_native.compiled(placed))


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
