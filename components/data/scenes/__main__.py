"""``python -m components.data.scenes``: makes a dataset for detectors, and a page with samples of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from components.artifacts import Outputs, Stage, number
from components.errors import InputError

KINDS = ("signs", "cut-outs", "voc", "coco")

COUNTS = {"train": 2000, "validation": 200, "test": 300}
"""Composed pictures of each split."""


class Source(NamedTuple):
    """What the dataset is made of: its kind, and the place of the user's files; empty for ``signs``."""

    kind: str
    uri: str


def source(text: str) -> Source:
    """Reads ``signs``, or a kind and a place: ``voc:/data/VOCdevkit``."""
    kind, _, uri = text.partition(":")
    if kind not in KINDS or (kind == "signs") != (text == "signs") or (kind != "signs" and not uri):
        raise argparse.ArgumentTypeError(
            f"expected signs, cut-outs:PLACE, voc:PLACE or coco:PLACE, found {text[:80]!r}"
        )
    return Source(kind, uri)


def names(text: str) -> tuple[str, ...]:
    """Reads names separated by commas, each once."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if len({*found}) < len(found):
        raise argparse.ArgumentTypeError(f"expected each class once, found {text[:80]!r}")
    return found


stage = Stage("data.scenes", "Makes a dataset for detectors: composed scenes with exact boxes, or the user's own data.")
stage.parameter(
    "source",
    "'signs' (scenes composed from the project's own signs), 'cut-outs:PLACE' (composed from a folder of pictures with "
    "transparent surroundings, one sub-folder a class), 'voc:PLACE' (Pascal VOC's layout) or 'coco:PLACE' (COCO's); a "
    "place is a path, file:// or s3://",
    type=source,
    default="signs",
)
stage.parameter(
    "classes",
    "names separated by commas, in the order of the classes' numbers (of signs also GTSRB's numbers); when empty stop, "
    "yield, priority road and roundabout, or all that the place has",
    type=names,
    default="",
)
for split, composed in COUNTS.items():
    help = f"pictures for {split}; 0: {composed} composed ones, all of the user's"
    stage.parameter(split, help, type=number(int, 0, 1_000_000), default=0)
stage.parameter("side", "of a composed picture, in pixels", type=number(int, 64, 1024), default=128)
stage.parameter("seed", "of all that is drawn by lot", type=number(int, 0, 2**31 - 1), default=0)
stage.output("dataset", "Dataset", "folder with images/, images.parquet, objects.parquet and dataset.json")
stage.output("sheet", "HTML", "page with samples, their boxes drawn")


def work(args: argparse.Namespace, outputs: Outputs) -> None:
    """Makes the dataset and its page."""
    from components.data.scenes import dataset, sheet

    with outputs.folder("dataset") as folder:
        if args.source.kind in ("signs", "cut-outs"):
            _compose(folder, args)
        else:
            _convert(folder, args)
        made = dataset.read(folder)
        with outputs.file("sheet") as path:
            path.write_text(sheet.page(made), encoding="utf-8")
    outputs.describe(
        "dataset",
        source=made.source,
        seed=made.seed,
        images=len(made.images),
        objects=sum(len(rows) for rows in made.rows.values()),
        classes=len(made.labels),
        digest=made.digest,
        **made.counts,
    )


def _compose(folder: Path, args: argparse.Namespace) -> None:
    from components.data.scenes import compose, layout, stock
    from components.data.scenes.cut_outs import read_cut_outs
    from components.data.scenes.files import listed

    longest = round(layout.SCALE[1] * args.side)
    counts = {split: getattr(args, split) or count for split, count in COUNTS.items()}
    options = {"seed": args.seed, "counts": counts, "side": args.side}
    if args.source.kind == "signs":
        signs = stock.SignStock(_signs(args.classes), args.seed, longest)
        compose.compose(signs, folder, name="signs", source="signs", **options)
        return
    files = listed(args.source.uri)
    given = read_cut_outs(files, classes=args.classes, seed=args.seed, longest=longest)
    compose.compose(given, folder, name=files.base.name or "cut-outs", source=f"cut-outs:{files.base.uri}", **options)


def _signs(classes: tuple[str, ...]) -> tuple[int, ...]:
    from components.data.classes import LABELS
    from components.data.scenes.stock import SIGNS

    known = {label: i for i, label in enumerate(LABELS)} | {str(i): i for i in range(len(LABELS))}
    unknown = [name for name in classes if name not in known]
    if unknown:
        raise InputError(f"expected names or numbers of GTSRB's classes, found {', '.join(unknown)[:200]}")
    return tuple(dict.fromkeys(known[name] for name in classes)) or SIGNS


def _convert(folder: Path, args: argparse.Namespace) -> None:
    from components.data.index import SPLITS
    from components.data.scenes import coco, voc
    from components.data.scenes.conversion import convert
    from components.data.scenes.files import listed

    files = listed(args.source.uri)
    pictures, labels = (voc if args.source.kind == "voc" else coco).read(files, args.classes)
    convert(
        files,
        pictures,
        folder,
        name=files.base.name or args.source.kind,
        source=f"{args.source.kind}:{files.base.uri}",
        labels=labels,
        only=bool(args.classes),
        seed=args.seed,
        counts={split: getattr(args, split) for split in SPLITS},
    )


if __name__ == "__main__":
    sys.exit(stage.main(work))
