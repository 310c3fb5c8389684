"""``statistics.json``, both ways: SageMaker's schema, and beside it the exact counts that the tests need.

Source of the schema: Amazon SageMaker Developer Guide, "Schema for Statistics (statistics.json file)". Its
``distribution.kll`` is a sketch of at most k items a level; ours is no sketch but the whole histogram, written so that
a reader of sketches sees it: an item of level h stands for 2^h values, so a bin's count is the levels of its binary
digits. What SageMaker's schema has no place for stands under ``roadworthy``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from components.errors import InputError
from components.monitor.grids import CLASS, GRIDS, INTEGRAL, PICTURES
from components.monitor.histogram import Histogram
from components.monitor.statistics import Statistics, Tally, order

VERSION = 1
_BUCKETS = 10  # as in SageMaker's samples
_COUNTS = ("records", "unreadable", "broken", "predictions", "sampled", "low", "ranked", "unrelated")


def to_json(found: Statistics) -> dict[str, Any]:
    """Returns ``statistics.json``; ``from_json`` of that is equal to it."""
    classes = sorted(found.classes.items(), key=lambda item: order(item[0]))
    histograms = found.histograms.items()
    own = {
        "version": VERSION,
        "window": {
            "endpoint": found.endpoint,
            "variant": found.variant,
            "start": found.start,
            "end": found.end,
            "first": found.first,
            "last": found.last,
        },
        "counts": {name: getattr(found, name) for name in _COUNTS},
        "models": found.models,
        "classes": {name: {"index": t.index, "label": t.label, "count": t.count} for name, t in classes},
        "histograms": {name: _own(histogram) for name, histogram in histograms},
    }
    numerical = [_numerical(name, histogram, _of(found, name)) for name, histogram in histograms]
    features = [_classes(found, [(name, tally.count) for name, tally in classes]), *numerical]
    return {"version": 0, "dataset": {"item_count": found.records}, "features": features, "roadworthy": own}


def _of(found: Statistics, feature: str) -> int:
    return found.sampled if feature in PICTURES else found.predictions


def _classes(found: Statistics, counts: list[tuple[str, int]]) -> dict[str, Any]:
    buckets = [{"value": name, "count": count} for name, count in counts]
    return {
        "name": CLASS,
        "inferred_type": "String",  # a class's number is a name: its mean means nothing
        "string_statistics": {
            "common": {"num_present": found.predictions, "num_missing": found.unreadable},
            "distinct_count": len(buckets),
            "distribution": {"categorical": {"buckets": buckets}},
        },
    }


def _numerical(name: str, histogram: Histogram, of: int) -> dict[str, Any]:
    total = histogram.total
    common = {"num_present": total, "num_missing": of - total}
    statistics: dict[str, Any] = {"common": common}
    if total:
        statistics |= {
            "mean": histogram.mean,
            "sum": histogram.mean * total,
            "std_dev": histogram.std_dev,
            "min": histogram.low,
            "max": histogram.high,
            "distribution": {"kll": {"buckets": _buckets(histogram), "sketch": _sketch(histogram)}},
        }
    kind = "Unknown" if not total else "Integral" if name in INTEGRAL else "Fractional"
    return {"name": name, "inferred_type": kind, "numerical_statistics": statistics}


def _buckets(histogram: Histogram) -> list[dict[str, Any]]:
    """Returns at most ten buckets whose bounds are edges of the grid."""
    filled = np.flatnonzero(histogram.counts)
    cuts = np.unique(np.linspace(filled[0], filled[-1] + 1, _BUCKETS + 1).round().astype(int)).tolist()
    edges = histogram.grid.edges
    return [
        {"lower_bound": edges[a], "upper_bound": edges[b], "count": int(histogram.counts[a:b].sum())}
        for a, b in pairwise(cuts)
    ]


def _sketch(histogram: Histogram) -> dict[str, Any]:
    edges, filled = histogram.grid.edges, np.flatnonzero(histogram.counts).tolist()
    middles = [((edges[i] + edges[i + 1]) / 2, int(histogram.counts[i])) for i in filled]
    levels = range(max(count for _, count in middles).bit_length())
    data = [[middle for middle, count in middles if count >> level & 1] for level in levels]
    return {"parameters": {"c": 0.64, "k": 2048.0}, "data": data}


def _own(histogram: Histogram) -> dict[str, Any]:
    filled = np.flatnonzero(histogram.counts).tolist()
    return {
        "grid": histogram.grid.name,
        "total": histogram.total,
        "mean": histogram.mean,
        "squares": histogram.squares,
        "low": histogram.low if histogram.total else None,
        "high": histogram.high if histogram.total else None,
        "bins": {str(i): int(histogram.counts[i]) for i in filled},
    }


def from_json(found: Any) -> Statistics:
    """Reads what ``to_json`` wrote.

    Raises:
        InputError: It is something else, counted on other bins, or its counts do not add up.
    """
    own = found.get("roadworthy") if isinstance(found, dict) else None
    if not isinstance(own, dict) or own.get("version") != VERSION:
        raise InputError(f"statistics.json: expected what monitor baseline of version {VERSION} writes, found another")
    try:
        window, counts = own["window"], own["counts"]
        start, end, first, last = (_time(window[name]) for name in ("start", "end", "first", "last"))
        statistics = Statistics(str(window["endpoint"]), str(window["variant"]), start, end, first=first, last=last)
        for name in _COUNTS:
            setattr(statistics, name, _whole(counts[name]))
        # A baseline may be older than that records name their model.
        statistics.models = {str(name): _whole(count) for name, count in own.get("models", {}).items()}
        statistics.classes = {
            str(name): Tally(one["index"], one["label"], _whole(one["count"])) for name, one in own["classes"].items()
        }
        statistics.histograms = {name: _histogram(name, own["histograms"][name]) for name in GRIDS}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"statistics.json: expected whole counts, found {type(error).__name__}: {error}") from None
    if sum(tally.count for tally in statistics.classes.values()) != statistics.predictions:
        raise InputError("statistics.json: expected classes that add up to the predictions, found others")
    if sum(statistics.models.values()) > statistics.records:
        raise InputError("statistics.json: expected models of at most all records, found more")
    return statistics


def _histogram(name: str, found: Mapping[str, Any]) -> Histogram:
    grid = GRIDS[name]
    if found["grid"] != grid.name:
        raise InputError(f"statistics.json: {name}: expected the bins {grid.name}, found {str(found['grid'])[:40]!r}")
    counts = np.zeros(grid.bins, np.int64)
    for i, count in found["bins"].items():
        if not 0 <= int(i) < grid.bins:
            raise InputError(f"statistics.json: {name}: expected bins below {grid.bins}, found {i}")
        counts[int(i)] = _whole(count)
    total = _whole(found["total"])
    if int(counts.sum()) != total:
        raise InputError(f"statistics.json: {name}: expected bins that add up to {total}, found {int(counts.sum())}")
    low, high = (float(found["low"]), float(found["high"])) if total else (math.inf, -math.inf)
    return Histogram(grid, counts, total, float(found["mean"]), float(found["squares"]), low, high)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
        raise ValueError(f"expected a count, found {str(value)[:40]!r}")
    return value


def _time(value: Any) -> float | None:
    return None if value is None else float(value)


def stamp(seconds: float | None) -> str | None:
    """Returns a time as ``2026-01-01T00:00:00Z``, in whole seconds; None for None."""
    if seconds is None:
        return None
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}Z"
