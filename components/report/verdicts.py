"""The results folder that ``monitor check`` writes, as a format: what each rule found, and the records it flagged.

=============================  ==============================================================================
``verdicts.json``              each rule with value, threshold, interval, sample size and verdict; ``Results``
``constraint_violations.json`` what is violated, in SageMaker's words; ``read_violations``
``flagged.parquet``            the event ids behind each violation; ``read_flagged``
``statistics.json``            of the window, SageMaker's and ours
``metrics.prom``               for Prometheus
``metrics.jsonl``              for CloudWatch, as SageMaker's containers write them
=============================  ==============================================================================

The monitor writes them; whoever shows or uses them reads them here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from components import foreign_json, parquet
from components.errors import InputError

VERDICTS = "verdicts.json"
FLAGGED = "flagged.parquet"
STATISTICS = "statistics.json"
VIOLATIONS = ("constraint_violations.json", "constraints_violations.json")
"""SageMaker's SDK and its results page spell the first, its container contract the second; the first is written."""

OK, VIOLATED, NOT_ENOUGH_DATA = "ok", "violated", "not_enough_data"
VERSION = 1

_LIMIT = 64 * 1024 * 1024  # bytes of a JSON file
_COLUMNS = ("violation", "event_id", "inference_id", "time", "class", "label", "score")


@dataclass(frozen=True)
class Finding:
    """What one rule found.

    Attributes:
        rule: Its name.
        verdict: ``ok``, ``violated`` or ``not_enough_data``.
        value: What was measured; None where there was nothing to measure.
        threshold: What it was compared with.
        interval: Where the measured quantity lies with ``confidence``; None where that cannot be said.
        confidence: Of the interval, in (0, 1).
        sample_size: What the value rests on: predictions, records or images of the window.
        p_value: Of the rule's test; None for a rule that compares with a fixed threshold.
        adjusted_p: The same, corrected for the number of tests.
        description: In words.
        details: More numbers, by rule.
    """

    rule: str
    verdict: str
    value: float | None
    threshold: float
    interval: tuple[float, float] | None
    confidence: float
    sample_size: int
    p_value: float | None
    adjusted_p: float | None
    description: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def violated(self) -> bool:
        """Whether the verdict is ``violated``."""
        return self.verdict == VIOLATED


@dataclass(frozen=True)
class ClassCount:
    """How often a class was predicted: by the window's and the baseline's records."""

    name: str
    label: str | None
    count: int
    baseline: int


@dataclass(frozen=True)
class Results:
    """Everything in ``verdicts.json``.

    Attributes:
        message: SageMaker's exit message, ``Completed: …`` or ``CompletedWithViolations: …``.
        window: ``endpoint``, ``variant``, ``start`` and ``end``; None where it is open.
        counts: Of distinct records, predictions and unreadable ones in the window.
        reading: What the reading saw: files, bytes, records outside the window, duplicates, broken lines by reason. The
            only part that depends on how the records are spread over files.
        class_counts: Most frequent first.
        rules: In their order.
        power: For each test, the smallest change that it would have seen.
        baseline: Records and predictions of the baseline.
    """

    message: str
    window: Mapping[str, str | None]
    counts: Mapping[str, int]
    reading: Mapping[str, Any]
    class_counts: tuple[ClassCount, ...]
    rules: tuple[Finding, ...]
    power: tuple[Mapping[str, Any], ...]
    baseline: Mapping[str, int]

    @property
    def violated(self) -> bool:
        """Whether any rule is violated."""
        return any(rule.violated for rule in self.rules)

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values; ``from_json`` of that is equal to it."""
        found = json.loads(json.dumps(asdict(self), allow_nan=False))
        return {"version": VERSION, "violated": self.violated, **found}

    @classmethod
    def from_json(cls, found: Any) -> Results:
        """Reads what ``to_json`` wrote.

        Raises:
            InputError: It is something else.
        """
        try:
            if found["version"] != VERSION:
                raise InputError(f"{VERDICTS}: expected version {VERSION}, found {str(found['version'])[:40]!r}")
            rules = tuple(_finding(one) for one in found["rules"])
            classes = tuple(ClassCount(**one) for one in found["class_counts"])
            return cls(
                str(found["message"]),
                dict(found["window"]),
                dict(found["counts"]),
                dict(found["reading"]),
                classes,
                rules,
                tuple(dict(one) for one in found["power"]),
                dict(found["baseline"]),
            )
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{VERDICTS}: expected what monitor check writes, found {type(error).__name__}") from None


def _finding(found: Mapping[str, Any]) -> Finding:
    interval = found["interval"]
    ends = None if interval is None else (float(interval[0]), float(interval[1]))
    finding = Finding(**{**found, "interval": ends, "details": dict(found["details"])})
    if finding.verdict not in (OK, VIOLATED, NOT_ENOUGH_DATA):
        raise InputError(f"{finding.rule}: expected ok, violated or not_enough_data, found {finding.verdict!r}")
    numbers = (finding.value, finding.threshold, finding.sample_size, finding.p_value, finding.adjusted_p)
    if not all(one is None or math.isfinite(one) for one in numbers):
        raise InputError(f"{finding.rule}: expected finite numbers, found {numbers}")
    return finding


class Violation(NamedTuple):
    """One entry of ``constraint_violations.json``."""

    feature_name: str
    constraint_check_type: str
    description: str


class Flagged(NamedTuple):
    """A record behind a violation: one row of ``flagged.parquet``."""

    violation: str
    event_id: str
    inference_id: str | None
    time: datetime
    class_index: int | None
    label: str | None
    score: float | None


def read(folder: Path) -> Results:
    """Returns what ``monitor check`` found.

    Raises:
        InputError: There is no ``verdicts.json`` in the folder, or it is something else.
    """
    return Results.from_json(read_json(folder / VERDICTS))


def read_violations(folder: Path) -> list[Violation]:
    """Returns the violations, from either spelling of the file's name.

    Raises:
        InputError: There is no such file, or it is something else.
    """
    path = next((folder / name for name in VIOLATIONS if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"expected {' or '.join(VIOLATIONS)} in {folder.name!r}, found neither")
    found = read_json(path)
    listed = found.get("violations") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise InputError(f'{path.name}: expected {{"violations": […]}}, found {type(found).__name__}')
    try:
        return [Violation(*(str(one[name]) for name in Violation._fields)) for one in listed]
    except (KeyError, TypeError):
        names = ", ".join(Violation._fields)
        raise InputError(f"{path.name}: expected violations with {names}, found others") from None


def read_flagged(folder: Path, violation: str | None = None) -> Iterator[Flagged]:
    """Yields the flagged records, of one violation or of all, in the file's order.

    Raises:
        InputError: There is no such file, or it lacks columns.
    """
    for batch in flagged_batches(folder, _COLUMNS):
        for row in batch.to_pylist():
            if violation in (None, row["violation"]):
                yield Flagged(*(row[name] for name in _COLUMNS))


def flagged_batches(folder: Path, columns: Sequence[str]) -> Iterator[Any]:
    """Yields some columns of the flagged records in record batches.

    Raises:
        InputError: There is no such file, it lacks columns or has them of another kind, or a record has no name.
    """
    with parquet.reading(FLAGGED), parquet.open_file(folder / FLAGGED) as file:
        _check_flagged(parquet.schema(file), columns)
        for batch in parquet.pieces(file, columns):
            if batch["violation"].null_count or batch["event_id"].null_count:
                raise InputError(f"{FLAGGED}: expected a violation and an event id in each row, found none in some")
            yield batch


def _check_flagged(schema: Any, columns: Sequence[str]) -> None:
    import pyarrow as pa

    if missing := sorted(set(columns) - set(schema.names)):
        raise InputError(f"{FLAGGED}: expected the columns {', '.join(columns)}, missing {missing}")
    kinds = {"class": pa.types.is_integer, "score": pa.types.is_floating, "time": pa.types.is_timestamp}
    if wrong := [name for name in columns if not kinds.get(name, pa.types.is_string)(schema.field(name).type)]:
        found = ", ".join(f"{name} {schema.field(name).type}" for name in wrong)
        raise InputError(f"{FLAGGED}: expected texts, whole classes, scores and times, found {found}")


def read_json(path: Path) -> Any:
    """Returns what a JSON file holds; NaN and Infinity are no JSON.

    Raises:
        InputError: There is no such file, it is too large, or no JSON.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise InputError(f"{path.name}: expected a file, found none")
        if path.stat().st_size > _LIMIT:
            raise InputError(f"{path.name}: expected at most {_LIMIT} bytes, found {path.stat().st_size}")
        return foreign_json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse)
    except OSError as error:
        raise InputError(f"{path.name}: expected a file, found {type(error).__name__}") from None
    except ValueError:
        raise InputError(f"{path.name}: expected JSON, found something else") from None


def _refuse(text: str) -> float:
    if math.isfinite(float(text)):
        return float(text)
    raise ValueError(text)
