"""What the stages do with their arguments."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from components.artifacts import Outputs
from components.capture import window
from components.errors import InputError
from components.fullgrad import selection
from components.fullgrad.explaining import Painter
from components.fullgrad.folder import SUMMARY, Folder, Values
from components.fullgrad.replayed import Replayed
from components.fullgrad.selection import Counts, Subject
from components.fullgrad.summary import change, mean
from components.package.archive import Package
from components.package.network import build


def explain(args: argparse.Namespace, known: Replayed | None, outputs: Outputs) -> None:
    """Writes ``explanations`` and ``metrics``.

    Args:
        args: Of the program.
        known: The dataset that was replayed; None if nothing is known of the images.
        outputs: Where to.
    """
    started = time.monotonic()
    package, counts = Package(args.archive), Counts()
    description = package.description
    wanted = selection.choose(args.results, args.count, counts)
    network = build(description, package.read(description.weights))
    painter = Painter(
        network.to("cuda" if torch.cuda.is_available() else "cpu"),
        description.preprocessing,
        args.method,
        args.tolerance,
    )
    traffic = window.asked(args)
    with outputs.folder("explanations") as path:
        folder = Folder(path, tuple(description.labels))
        for batch in _batches(selection.subjects(wanted, traffic, counts), args.batch):
            _explain(folder, painter, batch, known)
        if counts.chosen and not counts.found:
            raise InputError(f"expected {counts.chosen} flagged records in the window at {args.place}, found none")
        folder.finish()
        told = _summary(folder.rows, counts, args)
        told |= {"model": package.digest, "data": known.dataset.digest if known else None}
        (path / SUMMARY).write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    outputs.describe("explanations", model=package.digest, method=args.method, **told["counts"])
    outputs.metrics("metrics", _metrics(told, time.monotonic() - started))
    print(_sentence(told), file=sys.stderr)


def _explain(folder: Folder, painter: Painter, batch: Sequence[Subject], known: Replayed | None) -> None:
    targets = [None if s.answered is None else s.answered.class_index for s in batch]
    rows = [known.row(s.inference_id) if known else None for s in batch]
    before = [known.original(s.inference_id) if known else None for s in batch]
    there = [image for image in before if image is not None]
    originals = iter(list(painter.explain(there, [None] * len(there))) if there else [])
    found = painter.explain([s.pixels for s in batch], targets)
    for subject, row, original, one in zip(batch, rows, before, found, strict=True):
        folder.add(subject, row, one, None if original is None else next(originals))


def _batches(subjects: Iterable[Subject], size: int) -> Iterator[list[Subject]]:
    batch: list[Subject] = []
    for subject in subjects:
        batch.append(subject)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _summary(rows: Sequence[Values], counts: Counts, args: argparse.Namespace) -> dict[str, Any]:
    paired = [row for row in rows if "original_logit" in row]
    differences = [abs(row["score"] - row["recomputed_score"]) for row in rows if row["same"]]
    residuals = [row[key] for row in rows for key in ("residual", "original_residual") if key in row]

    def compared(name: str) -> dict[str, Any]:
        before, after = [row[f"original_{name}"] for row in paired], [row[name] for row in paired]
        flagged = mean([row[name] for row in rows])
        return {"flagged": flagged, "original": mean(before), "change": change(before, after)}

    return {
        "format": 1,
        "method": args.method,
        "tolerance": args.tolerance,
        "largest_residual": max(residuals, default=0.0),
        "largest_score_difference": max(differences, default=0.0),
        "counts": {
            **vars(counts),
            "missing": counts.chosen - counts.found,
            "explained": len(rows),
            "compared": len(paired),
            "mismatched": sum(not row["same"] for row in rows),
            "boxes": sum(row["region"] == "box" for row in rows),
            "alerts": sum(row["alert"] for row in rows),
            "original_alerts": sum(row["original_alert"] for row in paired),
        },
        "outside_share": compared("outside_share"),
        "score": compared("score"),
    }


def _metrics(told: dict[str, Any], seconds: float) -> dict[str, float | int]:
    found: dict[str, float | int] = {**told["counts"], "largest_residual": told["largest_residual"]}
    for name in ("outside_share", "score"):
        for group, values in told[name].items():
            found |= {
                f"{name}_{group}_{key}": values[key] for key in ("mean", "low", "high") if values[key] is not None
            }
    return {**found, "seconds": round(seconds, 1)}


def _sentence(told: dict[str, Any]) -> str:
    counts, share = told["counts"], told["outside_share"]
    text = (
        f"{counts['explained']} images of {counts['chosen']} flagged records explained, {counts['missing']} not in the "
        f"window, {counts['unreadable']} unreadable, {counts['mismatched']} answered differently now; largest residual "
        f"{told['largest_residual']:.1e}"
    )
    if counts["compared"]:
        direction = share["change"]["direction"]
        text += (
            f"; share outside the sign {share['original']['mean']:.3f} before the attack, "
            f"{share['flagged']['mean']:.3f} after ({direction})"
        )
    return text
