"""One check of the monitor, read for a page: its verdicts, and the records behind the violation that leads."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from components.errors import InputError
from components.report import verdicts
from components.report.verdicts import NOT_ENOUGH_DATA, ClassCount, Finding, Flagged, Results, Violation

OVER_PREDICTED = "over_predicted_class"
_MOST = 1_000_000  # flagged rows that are looked at
_KEPT = 1_000  # of each violation


@dataclass(frozen=True)
class Window:
    """A check.

    Attributes:
        results: Its verdicts.
        violations: In SageMaker's words.
        flagged: Rows of ``flagged.parquet``, by rule.
        leading: The rule whose records are shown: the over-predicted class, or the first with records.
        records: The first thousand of those, in the file's order, which is a random one.
        events: The ids of the records that are flagged, by any rule; None where there are too many to look at.
        digest: Of ``verdicts.json``.
    """

    results: Results
    violations: tuple[Violation, ...]
    flagged: Counter[str]
    leading: str
    records: tuple[Flagged, ...]
    events: frozenset[str] | None
    digest: str

    @property
    def predictions(self) -> int:
        """Predictions that were counted, over all classes."""
        return sum(one.count for one in self.results.class_counts)

    @property
    def violated(self) -> list[Finding]:
        """The violated rules."""
        return [rule for rule in self.results.rules if rule.violated]

    @property
    def unsure(self) -> list[Finding]:
        """The rules without enough data."""
        return [rule for rule in self.results.rules if rule.verdict == NOT_ENOUGH_DATA]

    def rule(self, name: str) -> Finding | None:
        """Returns what a rule found."""
        return next((rule for rule in self.results.rules if rule.rule == name), None)

    def count(self, name: str) -> int:
        """Returns how often a class was predicted."""
        return next((one.count for one in self.results.class_counts if one.name == name), 0)

    def shown(self, name: str) -> str:
        """Returns a class as people read it."""
        label = next((one.label for one in self.results.class_counts if one.name == name), None)
        return f"{name} {label}" if label and label != name else name

    @property
    def most(self) -> dict[str, Any] | None:
        """The class that was predicted too often, as the monitor's rule tells it; None where none was."""
        rule = self.rule(OVER_PREDICTED)
        told = rule.details.get("classes") if rule is not None and rule.violated else None
        first = told[0] if isinstance(told, list) and told else None
        good = isinstance(first, dict) and isinstance(first.get("class"), str) and type(first.get("count")) is int
        return first if good else None


def read(folder: Path) -> Window:
    """Reads the folder that ``monitor check`` wrote.

    Raises:
        InputError: It is something else.
    """
    results = verdicts.read(folder)
    if not all(map(_sound, results.rules)) or not all(_counted(one) for one in results.class_counts):
        raise InputError(f"{verdicts.VERDICTS}: expected rules of numbers and classes of counts, found others")
    flagged: Counter[str] = Counter()
    kept: dict[str, list[Flagged]] = {}
    events: set[str] = set()
    for row in islice(verdicts.read_flagged(folder), _MOST):
        flagged[row.violation] += 1
        events.add(row.event_id)
        if flagged[row.violation] <= _KEPT:
            kept.setdefault(row.violation, []).append(row)
    leading = OVER_PREDICTED if OVER_PREDICTED in flagged else next(iter(flagged), "")
    return Window(
        results,
        tuple(verdicts.read_violations(folder)),
        flagged,
        leading,
        tuple(kept.get(leading, ())),
        frozenset(events) if flagged.total() < _MOST else None,
        "sha256:" + hashlib.sha256((folder / verdicts.VERDICTS).read_bytes()).hexdigest(),
    )


def _sound(rule: Finding) -> bool:
    numbers = (rule.threshold, rule.confidence, *(n for n in (rule.value, rule.adjusted_p) if n is not None))
    if type(rule.sample_size) is not int or not all(type(n) in (int, float) for n in numbers):
        return False
    return 0 < rule.confidence < 1 and isinstance(rule.rule, str) and isinstance(rule.description, str)


def _counted(one: ClassCount) -> bool:
    named = isinstance(one.name, str) and isinstance(one.label, str | None)
    return named and all(type(n) is int and n >= 0 for n in (one.count, one.baseline))


@dataclass(frozen=True)
class Baseline:
    """What the monitor compares with.

    Attributes:
        records: How many.
        classes: How often each class was predicted, by its name.
        digest: Of ``statistics.json``.
    """

    records: int
    classes: Mapping[str, int]
    digest: str

    @property
    def predictions(self) -> int:
        """Predictions of all classes."""
        return sum(self.classes.values())


def read_baseline(folder: Path) -> Baseline:
    """Reads ``statistics.json``, in SageMaker's schema, of the folder that ``monitor baseline`` wrote.

    Raises:
        InputError: It is something else.
    """
    path = folder / verdicts.STATISTICS
    found = verdicts.read_json(path)
    try:
        records = int(found["dataset"]["item_count"])
        told = [one["string_statistics"] for one in found["features"] if "string_statistics" in one]
        buckets = [bucket for one in told for bucket in one["distribution"]["categorical"]["buckets"]]
        classes = {str(bucket["value"]): int(bucket["count"]) for bucket in buckets}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path.name}: expected SageMaker's statistics, found {type(error).__name__}") from None
    return Baseline(records, classes, "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest())
