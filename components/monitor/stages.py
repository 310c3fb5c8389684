"""What the stages ``baseline`` and ``check`` do with their arguments."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from components.artifacts import Outputs
from components.capture.window import asked
from components.errors import InputError
from components.monitor import constraints, evaluate, flagging, metrics, models, page, related, schema, violations
from components.monitor.settings import Settings
from components.monitor.statistics import Statistics, aligned
from components.monitor.window import Window, collect
from components.report.verdicts import FLAGGED, STATISTICS, VERDICTS, VIOLATIONS, ClassCount, Results, read_json
from components.whole import scratch

CONSTRAINTS = "constraints.json"
VIOLATED_STATUS = 3
"""The exit status of a violated check with ``--fail-on-violation``; 1 is an error and 2 a wrong command line."""


def baseline(args: argparse.Namespace, outputs: Outputs) -> None:
    """Reads a window into ``statistics.json`` and suggests ``constraints.json``."""
    wanted = asked(args)
    distance = constraints.share(vars(args), "comparison_threshold", below_one=True)
    wanted.wait(args.wait_for, args.wait_seconds)
    with scratch(args.baseline) as spill:
        window = collect(wanted, spill, images=args.images)
    found = window.statistics
    if not found.predictions:
        raise InputError(f"expected predictions in the baseline's window, found {found.records} records without any")
    with outputs.folder("baseline") as folder:
        _json(folder / STATISTICS, schema.to_json(found))
        _json(folder / CONSTRAINTS, constraints.suggest(found, distance))
    counts = _counts(found)
    outputs.describe("baseline", **counts, models=found.models)
    outputs.metrics("metrics", {**counts, "classes": len(found.classes), **_read(window)})
    several = f" by {len(found.models)} models: {', '.join(found.models)}"[:400] if len(found.models) > 1 else ""
    print(f"{found.predictions} predictions of {len(found.classes)} classes{several}", file=sys.stderr)


def check(args: argparse.Namespace, outputs: Outputs) -> None:
    """Judges a window and writes what it found."""
    settings = Settings(**{name: value for name, value in vars(args).items() if name in Settings.__dataclass_fields__})
    table, wanted = related.read(args.related), asked(args)
    if args.gateway:
        metrics.address(args.gateway)
    before = schema.from_json(read_json(args.baseline / STATISTICS))
    limits = constraints.read(read_json(args.baseline / CONSTRAINTS))
    wanted.wait(args.wait_for, args.wait_seconds)
    with scratch(args.results) as spill:
        bound = settings.confidence_bound
        window = collect(wanted, spill, bound=bound, related=table, images=args.images)
        models.check(window.statistics, before, settings)
        evaluated = evaluate.evaluate(window.statistics, before, limits, settings)
        results = _results(window, before, evaluated)
        with outputs.folder("results") as folder:
            flagged = flagging.write(folder / FLAGGED, window, results.rules, args.flagged)
            _json(folder / VERDICTS, results.to_json())
            _json(folder / VIOLATIONS[0], violations.to_json(violations.violations(results.rules)))
            _json(folder / STATISTICS, schema.to_json(window.statistics))
            (folder / "metrics.prom").write_text(metrics.prometheus(results), encoding="utf-8")
            lines = metrics.cloudwatch(window.statistics, results.rules, args.endpoint, args.schedule)
            (folder / "metrics.jsonl").write_text(lines, encoding="utf-8")
    with outputs.file("report") as path:
        made = page.page(f"Monitor: {args.endpoint or 'all endpoints'}", results, window.statistics, before)
        path.write_text(made.render(), encoding="utf-8")
    outputs.metrics("metrics", metrics.flat(results))
    _finish(args, outputs, results, flagged)


def _finish(args: argparse.Namespace, outputs: Outputs, results: Results, flagged: dict[str, int]) -> None:
    outputs.value("violated", results.violated)
    outputs.value("message", results.message)
    outputs.describe("results", message=results.message, flagged=flagged, **results.counts)
    if args.gateway:
        wrong = metrics.push(args.gateway, results)
        outputs.describe("results", pushed=wrong is None)
        print(f"gateway: {wrong or 'metrics pushed'}", file=sys.stderr)
    print(results.message)
    if args.fail_on_violation and results.violated:
        outputs.finish()
        raise SystemExit(VIOLATED_STATUS)


def _results(window: Window, before: Statistics, evaluated: evaluate.Evaluated) -> Results:
    found = window.statistics
    names, now, then = aligned(found.classes, before.classes)
    counted = [
        ClassCount(name, (found.classes.get(name) or before.classes[name]).label, count, was)
        for name, count, was in zip(names, now.tolist(), then.tolist(), strict=True)
    ]
    return Results(
        violations.message(violations.violations(evaluated.rules)),
        {
            "endpoint": found.endpoint or None,
            "variant": found.variant or None,
            "start": schema.stamp(found.start),
            "end": schema.stamp(found.end),
        },
        _counts(found),
        _read(window) | {"broken_lines": dict(sorted(window.reading.broken.items()))},
        tuple(sorted(counted, key=lambda one: -one.count)),
        evaluated.rules,
        evaluated.power,
        {"records": before.records, "predictions": before.predictions},
    )


def _counts(found: Statistics) -> dict[str, int]:
    return {
        "records": found.records,
        "predictions": found.predictions,
        "unreadable": found.unreadable,
        "broken": found.broken,
        "images": found.images,
    }


def _read(window: Window) -> dict[str, Any]:
    reading = window.reading
    return {
        "files": reading.files,
        "bytes": reading.bytes,
        "outside": reading.outside,
        "duplicates": window.duplicates,
    }


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
