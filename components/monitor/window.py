"""Reads a window of captured records into counts, in constant memory.

Once over the records, which puts predictions into partitions on disk (``spill``) and decodes a few images
(``pictures``), and once over the partitions, which drops duplicates and counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.capture.predictions import Prediction, predictions
from components.capture.reader import Counts as Reading
from components.capture.reader import read
from components.capture.record import Exchange
from components.capture.window import Window as Asked
from components.errors import InputError
from components.monitor import answers
from components.monitor.grids import CONFIDENCE, ENTROPY, MARGIN
from components.monitor.pictures import Sample
from components.monitor.related import Related
from components.monitor.spill import BROKEN, PREDICTED, RANKED, UNRELATED, Ids, Row, Rows, Spill, key
from components.monitor.statistics import Statistics, Tally

MOST_CLASSES = 100_000
MOST_MODELS = 1_000
_LABEL = 200  # characters of a label, and of a model's digest, that are kept
COLUMNS = {CONFIDENCE: "score", ENTROPY: "entropy", MARGIN: "margin"}
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_NONE = Row(0, -1, math.nan, math.nan, math.nan)


@dataclass
class Window:
    """A window that was read.

    Attributes:
        statistics: The counts.
        spill: Its predictions.
        sample: Its images.
        names: The name of each category of the spill's rows.
        models: The digest of each model of the spill's rows.
        reading: What the reader saw.
        duplicates: Records with an event id that was there already.
        bound: The score below which a prediction counts as low.
    """

    statistics: Statistics
    spill: Spill
    sample: Sample
    names: list[str]
    models: list[str]
    reading: Reading
    duplicates: int
    bound: float


@dataclass
class _Table:
    """The classes of a window, in the order in which they came."""

    numbers: dict[int | str, int] = field(default_factory=dict)
    labels: dict[int | str, str | None] = field(default_factory=dict)

    def number(self, prediction: Prediction) -> int:
        label = None if prediction.label is None else prediction.label[:_LABEL]
        name: int | str = label or "" if prediction.class_index is None else prediction.class_index
        if isinstance(name, str) and _WHOLE.fullmatch(name):
            name = int(name)
        found = self.numbers.get(name)
        if found is None:
            if len(self.numbers) == MOST_CLASSES:
                raise InputError(f"expected answers with at most {MOST_CLASSES} different classes, found more")
            found = self.numbers[name] = len(self.numbers)
            self.labels[name] = label
        elif label is not None:
            known = self.labels[name]
            if known is None or label < known:
                self.labels[name] = label
        return found


def collect(
    asked: Asked, scratch: Path, *, bound: float = 0.5, related: Related | None = None, images: int = 1000
) -> Window:
    """Reads a window.

    Args:
        asked: Which records.
        scratch: An empty folder on a local disk; some 130 bytes a prediction.
        bound: The score below which a prediction counts as low.
        related: Which classes are related.
        images: The most images that are decoded and measured.

    Raises:
        StorageError: The place cannot be read.
        InputError: A name that cannot be, more than 100,000 different classes, or more than 1,000 models.
    """
    spill, sample, table, reading = Spill(scratch), Sample(images), _Table(), Reading()
    models: dict[str, int] = {}
    broken = _Broken(spill)
    found = read(*asked, counts=reading, on_broken=broken)
    for exchange in found:
        _keep(exchange, _model(exchange.model, models), spill, sample, table, bound, related)
    statistics = Statistics(asked.endpoint or "", asked.variant or "", asked.start, asked.end)
    window = Window(statistics, spill, sample, [str(name) for name in table.numbers], list(models), reading, 0, bound)
    _count(window, table)
    return window


def _model(digest: str | None, models: dict[str, int]) -> int:
    """Returns the number of a model, which is a new one where it was not met before; -1 for none."""
    if digest is None:
        return -1
    digest = digest[:_LABEL]
    if digest not in models and len(models) == MOST_MODELS:
        raise InputError(f"expected records of at most {MOST_MODELS} different models, found more")
    return models.setdefault(digest, len(models))


class _Broken:
    """Takes broken lines; the same line counts once, one that is too long to be held each time."""

    def __init__(self, spill: Spill) -> None:
        self._spill, self._unknown = spill, 0

    def __call__(self, line: bytes | None) -> None:
        if line is None:
            self._unknown += 1
            line = b"too long %d" % self._unknown
        self._spill.add(key(line, (), broken=True), 0, Ids("", None), (Row(BROKEN, *_NONE[1:]),))


def _keep(
    exchange: Exchange,
    model: int,
    spill: Spill,
    sample: Sample,
    table: _Table,
    bound: float,
    related: Related | None,
) -> None:
    event = exchange.event_id.encode()
    time = round(exchange.time * 1e6)
    texts = (
        *(exchange.request_type, exchange.response_type, exchange.inference_id),
        *(exchange.custom_attributes, exchange.model),
    )
    parts = [None if text is None else text.encode() for text in texts]
    at = key(event, (b"%d" % time, exchange.request, exchange.response, *parts))
    rows = [
        answers.row(one, table.number(one), bound, related)
        for one in predictions(exchange.response, exchange.response_type)
    ]
    spill.add(at, time, Ids(exchange.event_id, exchange.inference_id), rows or (_NONE,), model)
    sample.offer(at, exchange.request, exchange.request_type)


def _count(window: Window, table: _Table) -> None:
    found, classes = window.statistics, np.zeros(len(table.numbers), np.int64)
    models = np.zeros(len(window.models), np.int64)
    for partition in window.spill.partitions():
        rows = partition.rows
        broken = (rows["flags"] & BROKEN) > 0
        found.broken += int(broken.sum())
        window.duplicates += partition.duplicates
        _add(window, rows[~broken], classes, models)
    for feature, values in window.sample.values().items():
        found.histograms[feature].add(values)
    found.sampled = len(window.sample.records)
    found.models = {name: n for name, n in sorted(zip(window.models, models.tolist(), strict=True)) if n}
    counted: Mapping[int | str, int] = dict(zip(table.numbers, classes.tolist(), strict=True))
    found.classes = {
        str(name): Tally(name if isinstance(name, int) else None, table.labels[name], count)
        for name, count in counted.items()
        if count
    }


def _add(window: Window, rows: Rows, classes: Any, models: Any) -> None:
    found = window.statistics
    if not len(rows):
        return
    predicted = rows[(rows["flags"] & PREDICTED) > 0]
    records = rows[rows["position"] == 0]
    found.records += len(records)
    named = records["model"]
    models += np.bincount(named[named >= 0], minlength=len(models))
    found.unreadable += len(rows) - len(predicted)
    found.predictions += len(predicted)
    first, last = int(rows["time"].min()) / 1e6, int(rows["time"].max()) / 1e6
    found.first = first if found.first is None else min(found.first, first)
    found.last = last if found.last is None else max(found.last, last)
    categories = predicted["category"]
    classes += np.bincount(categories[categories >= 0], minlength=len(classes))
    found.low += int((predicted["score"] < window.bound).sum())
    found.ranked += int(((predicted["flags"] & RANKED) > 0).sum())
    found.unrelated += int(((predicted["flags"] & UNRELATED) > 0).sum())
    for feature, column in COLUMNS.items():
        values = predicted[column]
        found.histograms[feature].add(values[~np.isnan(values)])
