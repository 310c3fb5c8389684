"""The stage ``capture``: a window of captured traffic in; a dataset and metrics out."""

from __future__ import annotations

import argparse
import sys

from components.artifacts import Outputs, Stage, number
from components.capture import window

HOURS = number(float, 0, 87_600)

stage = Stage("capture", "Reads a window of captured traffic into a dataset.")
stage.output("records", "Dataset", "folder: index.parquet, one row a prediction, and images/")
stage.output("metrics", "Metrics", "records, broken lines by reason, duplicates, images")
stage.result("window_start", "of the window that was read, ISO 8601; empty: open")
stage.result("window_end", "of it")
window.declare(stage)
window.declare_waiting(stage)
stage.parameter("hours", "of a window without a start, to the last whole hour; 0: open", type=HOURS, default=0.0)
stage.parameter("images", "the most request images that are kept", type=number(int, 0, 1_000_000), default=256)


def work(args: argparse.Namespace, outputs: Outputs) -> None:
    """Waits, reads, writes."""
    from components.capture import dataset
    from components.capture.reader import Counts

    asked = window.asked(args, args.hours)
    asked.wait(args.wait_for, args.wait_seconds)
    counts = Counts()
    with outputs.folder("records") as folder:
        summary = dataset.write(folder, asked.read(counts), args.images)
    outputs.value("window_start", window.stamp(asked.start))
    outputs.value("window_end", window.stamp(asked.end))
    outputs.describe("records", records=counts.records, images=summary.images)
    broken = {f"broken_{reason}": n for reason, n in sorted(counts.broken.items())}
    seen = {"records": counts.records, "outside_window": counts.outside, "files": counts.files, "bytes": counts.bytes}
    outputs.metrics("metrics", {**seen, **vars(summary), "broken": counts.broken.total(), **broken})
    print(f"{counts.records} records, {counts.broken.total()} broken lines, {summary.images} images", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(stage.main(work))
