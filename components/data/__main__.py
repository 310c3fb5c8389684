"""``python -m components.data``: makes a dataset of traffic signs, and a page with samples of every class."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from components.artifacts import Outputs, Stage, number
from components.data.classes import LABELS

stage = Stage("data", "Makes a dataset of traffic signs: rendered, or read from the real GTSRB.")


def class_list(text: str) -> tuple[int, ...]:
    """Reads class numbers separated by commas; nothing means all of them."""
    try:
        numbers = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        numbers = (-1,)
    if not all(0 <= n < len(LABELS) for n in numbers):
        raise argparse.ArgumentTypeError(f"expected numbers from 0 to {len(LABELS) - 1}, found {text[:80]!r}")
    return numbers


stage.parameter(
    "source", "'rendered', or the URI of a folder with GTSRB's own files (a path, file:// or s3://)", default="rendered"
)
stage.parameter(
    "tracks_per_class",
    "physical signs of each class at most; 0: 30 of the renderer's, all of GTSRB's",
    type=number(int, 0, 10_000),
    default=0,
)
stage.parameter(
    "frames_per_track",
    "images of each sign at most; 0: 6 of the renderer's, all of GTSRB's",
    type=number(int, 0, 1_000),
    default=0,
)
stage.parameter("classes", "class numbers separated by commas; all 43 when empty", type=class_list, default="")
stage.parameter("seed", "of the rendering, and of the split by track", type=number(int, 0, 2**31 - 1), default=0)
stage.output("dataset", "Dataset", "folder with images/, index.parquet and dataset.json")
stage.output("sheet", "HTML", "page with samples of every class")


def work(args: argparse.Namespace, outputs: Outputs) -> None:
    """Makes the dataset and its page."""
    from components.data import dataset, sheet

    with outputs.folder("dataset") as folder:
        _fill(folder, args)
        made = dataset.read(folder)
        with outputs.file("sheet") as path:
            path.write_text(sheet.page(made), encoding="utf-8")
    outputs.describe(
        "dataset",
        source=made.source,
        seed=made.seed,
        images=len(made.rows),
        tracks=len({row.track for row in made.rows}),
        classes=len({row.class_id for row in made.rows}),
        digest=made.digest,
        **made.counts,
    )


def _fill(folder: Path, args: argparse.Namespace) -> None:
    from components.data import gtsrb, rendered

    if args.source == "rendered":
        rendered.render(
            folder,
            tracks_per_class=args.tracks_per_class or rendered.TRACKS_PER_CLASS,
            frames_per_track=args.frames_per_track or rendered.FRAMES_PER_TRACK,
            seed=args.seed,
            classes=args.classes,
        )
        return
    gtsrb.convert(
        args.source,
        folder,
        tracks_per_class=args.tracks_per_class,
        frames_per_track=args.frames_per_track,
        seed=args.seed,
        classes=args.classes,
    )


if __name__ == "__main__":
    sys.exit(stage.main(work))
