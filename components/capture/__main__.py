"""The stage ``capture``: a window of captured traffic in; a dataset and metrics out."""

from __future__ import annotations

import argparse
import sys
import time

from components.artifacts import Outputs, Stage, number
from components.errors import InputError, RecordError

stage = Stage("capture", "Reads a window of captured traffic into a dataset.")
stage.output("records", "Dataset", "folder: index.parquet, one row a prediction, and images/")
stage.output("metrics", "Metrics", "records, broken lines by reason, duplicates, images")
stage.parameter("place", "where the capture writer puts its files, file://, s3:// or a path")
stage.parameter("endpoint", "only this endpoint's; empty: all", default="")
stage.parameter("variant", "only this variant's; empty: all", default="")
stage.parameter("start", "of the window, ISO 8601, UTC unless it says otherwise; empty: open", default="")
stage.parameter("end", "of the window, itself outside; empty: open", default="")
stage.parameter("images", "the most request images that are kept", type=number(int, 0, 1_000_000), default=256)
stage.parameter("wait_for", "records that must be there first", type=number(int, 0, 10**9), default=0)
stage.parameter("wait_seconds", "for these, at most", type=number(float, 0, 86_400), default=120.0)

_PAUSE = 1.0  # seconds between looks at the place


def work(args: argparse.Namespace, outputs: Outputs) -> None:
    """Waits, reads, writes."""
    from components.capture import dataset
    from components.capture.reader import Counts, read

    window = (
        args.place,
        args.endpoint or None,
        args.variant or None,
        _time(args.start, "start"),
        _time(args.end, "end"),
    )
    deadline = time.monotonic() + args.wait_seconds
    while args.wait_for and (there := sum(1 for _ in read(*window))) < args.wait_for:
        if time.monotonic() >= deadline:
            raise InputError(f"expected {args.wait_for} records within {args.wait_seconds:g} s, found {there}")
        time.sleep(_PAUSE)
    counts = Counts()
    with outputs.folder("records") as folder:
        summary = dataset.write(folder, read(*window, counts), args.images)
    outputs.describe("records", records=counts.records, images=summary.images)
    broken = {f"broken_{reason}": n for reason, n in sorted(counts.broken.items())}
    seen = {"records": counts.records, "outside_window": counts.outside, "files": counts.files, "bytes": counts.bytes}
    outputs.metrics("metrics", {**seen, **vars(summary), "broken": counts.broken.total(), **broken})
    print(f"{counts.records} records, {counts.broken.total()} broken lines, {summary.images} images", file=sys.stderr)


def _time(text: str, name: str) -> float | None:
    from components.capture.record import instant

    try:
        return instant(text) if text else None
    except RecordError as error:
        raise InputError(f"--{name}: {error}") from None


if __name__ == "__main__":
    sys.exit(stage.main(work))
