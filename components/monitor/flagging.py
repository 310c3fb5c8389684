"""The records behind each violation: ``flagged.parquet``.

One row a prediction, in the order of the event ids' hashes, which is a random one: the first hundred of a violation are
a fair draw from all of them. At most so many are listed a violation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.monitor import drift, shares
from components.monitor.grids import ANSWERS, PICTURES
from components.monitor.models import OTHER_MODEL
from components.monitor.spill import BROKEN, PREDICTED, UNRELATED, Partition, Rows
from components.monitor.statistics import Tally
from components.monitor.window import COLUMNS, Window
from components.report.verdicts import Finding

Selection = Callable[[Rows], NDArray[np.bool_]]
"""Which rows of a partition a violation is about."""

_OF_CLASSES = (shares.OVER_PREDICTED, shares.UNKNOWN_CLASS, drift.MIX_LINF, drift.MIX_CHI_SQUARED)


def write(path: Path, window: Window, findings: Iterable[Finding], limit: int) -> dict[str, int]:
    """Writes the records behind the violated rules and returns how many there are of each, listed or not.

    Args:
        path: Of the file.
        window: That was judged.
        findings: What the rules found.
        limit: The most rows a violation.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    counts: dict[str, int] = {}
    with pq.ParquetWriter(path, schema) as writer:
        writer.write_table(schema.empty_table())
        for finding in findings:
            selection = _selection(window, finding) if finding.violated else None
            if selection is None:
                continue
            counts[finding.rule] = 0
            for partition in window.spill.partitions():
                chosen = partition.rows[selection(partition.rows)]
                listed = chosen[: max(0, limit - counts[finding.rule])]
                counts[finding.rule] += len(chosen)
                if len(listed):
                    rows = list(_rows(window, finding.rule, partition, listed))
                    writer.write_table(pa.Table.from_pylist(rows, schema))
    return counts


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("violation", pa.string(), nullable=False),
            pa.field("event_id", pa.string(), nullable=False),
            ("inference_id", pa.string()),
            pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
            ("class", pa.int64()),
            ("label", pa.string()),
            ("score", pa.float64()),
        ]
    )


def _rows(window: Window, violation: str, partition: Partition, rows: Rows) -> Iterator[dict[str, Any]]:
    classes, nothing = window.statistics.classes, Tally(None, None, 0)
    for row, ids in zip(rows, partition.ids(rows), strict=True):
        tally = classes[window.names[row["category"]]] if row["category"] >= 0 else nothing
        yield {
            "violation": violation,
            "event_id": ids.event_id,
            "inference_id": ids.inference_id,
            "time": int(row["time"]),
            "class": tally.index,
            "label": tally.label,
            "score": None if np.isnan(row["score"]) else float(row["score"]),
        }


def _selection(window: Window, finding: Finding) -> Selection | None:
    """Returns what a violation selects; None for a rule that is about no record in particular."""
    details = finding.details
    if finding.rule in _OF_CLASSES:
        return _among("category", window.names, details["flagged_classes"])
    if finding.rule == OTHER_MODEL:
        return _among("model", window.models, details["other_models"])
    by_row: dict[str, Selection] = {
        shares.LOW_CONFIDENCE: lambda rows: rows["score"] < window.bound,
        shares.UNRELATED: lambda rows: (rows["flags"] & UNRELATED) > 0,
        shares.COMPLETENESS: lambda rows: (rows["flags"] & (PREDICTED | BROKEN)) == 0,
        shares.SCORE_COMPLETENESS: lambda rows: ((rows["flags"] & PREDICTED) > 0) & np.isnan(rows["score"]),
    }
    return by_row.get(finding.rule) or _beyond(window, details)


def _among(column: str, known: Iterable[str], names: Iterable[str]) -> Selection:
    wanted = set(names)
    numbers = np.array([i for i, name in enumerate(known) if name in wanted], np.int32)
    return lambda rows: np.isin(rows[column], numbers)


def _beyond(window: Window, details: Any) -> Selection | None:
    """Selects the values on the side of the cut where the window has more than the baseline."""
    feature, cut, lower = details["feature"], details["cut"], details["lower"]
    low, high = (-np.inf, cut) if lower else (cut, np.inf)
    if feature in ANSWERS:
        column = COLUMNS[feature]
        return lambda rows: (rows[column] >= low) & (rows[column] < high)
    if feature not in PICTURES:
        return None
    hashes = window.sample.hashes(feature, low, high)

    def selected(rows: Rows) -> NDArray[np.bool_]:
        found = zip(rows["high"].tolist(), rows["low"].tolist(), rows["position"].tolist(), strict=True)
        return np.array([not position and (high << 64 | low) in hashes for high, low, position in found], bool)

    return selected
