"""The check's numbers for machines: Prometheus (text and push), CloudWatch's file, the flat metrics of the KFP UI."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from components.errors import InputError
from components.monitor.grids import CLASS
from components.monitor.schema import stamp
from components.monitor.statistics import Statistics
from components.report.verdicts import NOT_ENOUGH_DATA, OK, VIOLATED, Finding, Results

JOB = "roadworthy_monitor"
_MOST = 1_000  # classes that become a time series of their own
_SECONDS = 10.0

Labels = dict[str, str]
Sample = tuple[Labels, float]


def prometheus(results: Results) -> str:
    """Returns the metrics in Prometheus' text format 0.0.4; the same results give the same bytes."""
    lines: list[str] = []
    window = {name: results.window[name] or "" for name in ("endpoint", "variant")}
    for name, help, samples in _families(results):
        full = f"{JOB}_{name}"
        lines += [f"# HELP {full} {help}", f"# TYPE {full} gauge"]
        lines += [f"{full}{_labels({**window, **labels})} {_number(value)}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _families(results: Results) -> Iterator[tuple[str, str, list[Sample]]]:
    rules = results.rules
    yield "violations", "Violated rules.", [({}, sum(rule.violated for rule in rules))]
    yield "records", "Distinct records, by what they were.", [({"kind": k}, n) for k, n in results.counts.items()]
    read = {name: results.reading[name] for name in ("outside", "duplicates", "files")}
    yield "read", "What the reading met beside the window's records.", [({"kind": k}, n) for k, n in read.items()]
    verdicts = [({"rule": r.rule, "verdict": v}, float(r.verdict == v)) for r in rules for v in _VERDICTS]
    yield "verdict", "1 for the verdict of the rule.", verdicts
    measured = [rule for rule in rules if rule.value is not None]
    yield "value", "What the rule measured.", [({"rule": r.rule}, r.value or 0.0) for r in measured]
    yield "threshold", "What the value is compared with.", [({"rule": r.rule}, r.threshold) for r in rules]
    ends = [({"rule": r.rule, "end": e}, r.interval[i]) for r in rules if r.interval for i, e in enumerate(_ENDS)]
    yield "interval", "Where the measured quantity lies.", ends
    tested = [({"rule": r.rule}, r.adjusted_p) for r in rules if r.adjusted_p is not None]
    yield "p_value", "Of the rule's test, corrected for the number of tests.", tested
    total = max(1, results.counts["predictions"])
    shares = [({"class": c.name, "label": c.label or ""}, c.count / total) for c in results.class_counts[:_MOST]]
    yield "class_share", "Share of the predictions.", shares


_VERDICTS = (OK, VIOLATED, NOT_ENOUGH_DATA)
_ENDS = ("low", "high")


def _labels(labels: Labels) -> str:
    escaped = {k: v.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"") for k, v in labels.items()}
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"expected a finite metric, found {value}")
    return repr(value)


def address(gateway: str) -> str:
    """Returns the address of a push gateway without a slash behind it.

    Raises:
        InputError: It is no http or https address.
    """
    if not gateway.startswith(("http://", "https://")):
        raise InputError(f"gateway: expected an address with http:// or https://, found {gateway[:80]!r}")
    return gateway.rstrip("/")


def group(results: Results) -> str:
    """Returns the path that the metrics are put to: a push gateway replaces what it holds there."""
    path = [("job", JOB), *((name, results.window[name] or "") for name in ("endpoint", "variant"))]
    return "/metrics" + "".join(f"/{name}/{quote(value, safe='')}" for name, value in path if value)


def push(gateway: str, results: Results) -> str | None:
    """Puts the metrics to a Prometheus push gateway; returns what went wrong, or None.

    A gateway that is down must not hide what the check found, so this does not raise.
    """
    import urllib3

    url = address(gateway) + group(results)
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    with urllib3.PoolManager(timeout=_SECONDS, retries=urllib3.Retry(3, backoff_factor=0.2, redirect=0)) as pool:
        try:
            answer = pool.request("PUT", url, body=prometheus(results).encode(), headers=headers)
        except urllib3.exceptions.HTTPError as error:
            return f"expected the gateway to take the metrics, found {type(error).__name__}"
    return None if answer.status < 300 else f"expected status 200 of the gateway, found {answer.status}"


def cloudwatch(statistics: Statistics, rules: tuple[Finding, ...], endpoint: str, schedule: str) -> str:
    """Returns ``cloudwatch_metrics.jsonl`` as SageMaker's containers write it.

    ``feature_data_{feature}`` holds the values, ``feature_non_null_{feature}`` how many there are, and
    ``feature_baseline_drift_{feature}`` the distance from the baseline. A class's number is a name, so there is no
    ``feature_data_PredictedClass``: the classes' counts are in ``metrics.prom``.
    """
    time = stamp(statistics.end if statistics.end is not None else statistics.last) or "1970-01-01T00:00:00Z"
    dimensions = [{"Name": "Endpoint", "Value": endpoint}, {"Name": "MonitoringSchedule", "Value": schedule}]
    lines: list[dict[str, Any]] = []

    def add(name: str, **values: Any) -> None:
        lines.append({"MetricName": name, "Timestamp": time, "Dimensions": dimensions, **values})

    add(f"feature_non_null_{CLASS}", Value=statistics.records - statistics.unreadable)
    for feature, found in statistics.histograms.items():
        if found.total:
            summed = {"Maximum": found.high, "Minimum": found.low, "SampleCount": found.total}
            add(f"feature_data_{feature}", StatisticValues={**summed, "Sum": found.mean * found.total})
        add(f"feature_non_null_{feature}", Value=found.total)
    for rule in rules:
        if rule.value is not None and "feature" in rule.details and rule.rule != "class_mix_chi_squared":
            add(f"feature_baseline_drift_{rule.details['feature']}", Value=rule.value)
    return "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)


def flat(results: Results) -> dict[str, float | int]:
    """Returns the Metrics of the KFP UI."""
    counts: dict[str, float | int] = dict(results.counts)
    values = {f"{rule.rule}": round(rule.value, 6) for rule in results.rules if rule.value is not None}
    verdicts = {f"rules_{verdict}": sum(rule.verdict == verdict for rule in results.rules) for verdict in _VERDICTS}
    return {**counts, **verdicts, **values}
