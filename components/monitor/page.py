"""A check as a page: what happened, each rule with its interval, the classes, and what the check could not see."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from components.monitor.drift import FEATURES
from components.monitor.histogram import Histogram
from components.monitor.statistics import Statistics
from components.report import wording
from components.report.blocks import Block, Figure, Figures, Heading, Text
from components.report.page import Page, Section
from components.report.tables import Badge, Cell, Share, Table
from components.report.verdicts import NOT_ENOUGH_DATA, OK, VIOLATED, Finding, Results

_MOST = 50  # classes that are shown
_BARS = 12  # of a histogram
_VERDICTS = {OK: ("ok", "good"), VIOLATED: ("violated", "bad"), NOT_ENOUGH_DATA: ("not enough data", "unsure")}
_PERCENT = {
    *("over_predicted_class", "low_confidence", "unrelated_top_three"),
    *("completeness", "score_completeness", "unknown_class", "other_model"),
}


def page(title: str, results: Results, window: Statistics, baseline: Statistics) -> Page:
    """Returns the report of one check."""
    sections = [_happened(results), _rules(results)]
    if results.class_counts:
        sections.append(_classes(results))
    if violated := [rule for rule in results.rules if rule.violated and rule.rule in FEATURES]:
        sections.append(_distributions(violated, window, baseline))
    sections.append(_power(results))
    return Page(title, sections, [Figures(list(_figures(results)))], lead=_window(results))


def _window(results: Results) -> str:
    window = results.window
    whose = " / ".join(name for name in (window["endpoint"], window["variant"]) if name) or "all endpoints"
    return f"{whose}, from {window['start'] or 'the first record'} to before {window['end'] or 'the end'}"


def _figures(results: Results) -> Iterator[Figure]:
    violated = sum(rule.violated for rule in results.rules)
    unsure = sum(rule.verdict == NOT_ENOUGH_DATA for rule in results.rules)
    yield Figure(
        "Violations", wording.count(violated), proof=f"of {len(results.rules)} rules; {unsure} without enough data"
    )
    records, read = results.counts["records"], results.reading
    yield Figure(
        "Records in the window",
        wording.count(records),
        proof=f"{wording.count(results.counts['predictions'])} predictions; left out: "
        f"{wording.count(read['duplicates'])} duplicates, {wording.count(read['outside'])} records of other times",
    )
    unreadable, broken = results.counts["unreadable"], results.counts["broken"]
    yield Figure(
        "Not readable",
        wording.count(unreadable + broken),
        proof=f"{wording.count(unreadable)} answers without a prediction, {wording.count(broken)} broken lines",
    )
    yield Figure("Baseline", wording.count(results.baseline["records"]), proof="records")


def _happened(results: Results) -> Section:
    violated = [rule for rule in results.rules if rule.violated]
    if not results.counts["records"]:
        text = "No record lies in this window, so nothing can be said about it."
    elif violated:
        text = f"{len(violated)} of {len(results.rules)} rules are violated:"
    else:
        text = "No rule is violated."
    blocks: list[Block] = [Text(text)]
    blocks += [Text(f"{wording.words(rule.rule)}. {rule.description}.") for rule in violated]
    if unsure := [rule for rule in results.rules if rule.verdict == NOT_ENOUGH_DATA]:
        names = ", ".join(rule.rule for rule in unsure)
        blocks.append(Text(f"Without enough data to say: {names}. That is not the same as fine.", quiet=True))
    return Section("What the check found", blocks, results.message.partition(":")[0])


def _rules(results: Results) -> Section:
    rows = [
        (
            rule.rule,
            Badge(*_VERDICTS[rule.verdict]),
            Cell(_value(rule, rule.value), rule.value),
            _interval(rule),
            Cell(_value(rule, rule.threshold), rule.threshold),
            rule.sample_size,
            Cell(wording.NONE if rule.adjusted_p is None else wording.number(rule.adjusted_p), rule.adjusted_p),
        )
        for rule in results.rules
    ]
    heads = ("rule", "verdict", "value", "interval", "threshold", "sample", "p, corrected")
    table = Table(heads, rows, "Each rule with what it measured", numeric=frozenset({2, 3, 4, 5, 6}))
    words = Table(
        ("rule", "in words"), [(rule.rule, Text(rule.description)) for rule in results.rules], "In words", folded=True
    )
    lead = "A comparison with the baseline is violated if it is above its threshold and more than chance explains."
    return Section("The rules", [table, words], lead)


def _value(rule: Finding, value: float | None) -> str:
    if value is None:
        return wording.NONE
    return wording.percent(value, 2) if rule.rule in _PERCENT else f"{value:.3f}"


def _interval(rule: Finding) -> str:
    if rule.interval is None:
        return wording.NONE
    return " to ".join(_value(rule, end) for end in rule.interval)


def _classes(results: Results) -> Section:
    now = sum(one.count for one in results.class_counts)
    before = sum(one.baseline for one in results.class_counts)
    rows = [
        (
            " ".join(part for part in (one.name, one.label) if part),
            _share(one.count, now, "during"),
            _share(one.baseline, before, "before"),
        )
        for one in results.class_counts[:_MOST]
    ]
    caption = f"{wording.count(now)} predictions in this window, {wording.count(before)} in the baseline"
    blocks: list[Block] = [Table(("class", "in this window", "in the baseline"), rows, caption)]
    if len(results.class_counts) > _MOST:
        blocks.append(Text(f"{len(results.class_counts) - _MOST:,} more classes are in verdicts.json.", quiet=True))
    return Section("Predicted classes, before and during", blocks)


def _share(count: int, total: int, kind: str) -> Cell:
    return Cell(Share(count / max(1, total), f"{wording.count(count)} · {wording.of(count, total)}", kind), count)


def _distributions(violated: list[Finding], window: Statistics, baseline: Statistics) -> Section:
    blocks: list[Block] = []
    for rule in violated:
        feature = FEATURES[rule.rule]
        blocks.append(Heading(f"{feature}, {wording.percent(rule.value or 0.0)} apart"))
        blocks.append(_histograms(feature, window.histograms[feature], baseline.histograms[feature]))
    return Section("Distributions that moved", blocks)


def _histograms(feature: str, first: Histogram, second: Histogram) -> Table:
    filled = np.flatnonzero(first.counts + second.counts)
    cuts = np.unique(np.linspace(filled[0], filled[-1] + 1, _BARS + 1).round().astype(int)).tolist()
    edges, rows = first.grid.edges, []
    for a, b in pairwise(cuts):
        now, before = (int(found.counts[a:b].sum()) for found in (first, second))
        shares = (_share(now, first.total, "during"), _share(before, second.total, "before"))
        rows.append((f"{edges[a]:.4g} to {edges[b]:.4g}", *shares))
    caption = f"{wording.count(first.total)} values in this window, {wording.count(second.total)} in the baseline"
    return Table((feature, "in this window", "in the baseline"), rows, caption)


def _power(results: Results) -> Section:
    rows = [
        (
            one["rule"],
            one["measure"],
            wording.NONE if one["smallest"] is None else f"{one['smallest']:.3f}",
            one["sample_size"],
        )
        for one in results.power
    ]
    power = results.power[0]["power"] if results.power else 0.8
    lead = f"The smallest true change that each rule reports with {wording.percent(power, 0)} probability at this size."
    table = Table(
        ("rule", "measure", "smallest change", "sample"), rows, "Power of each rule", numeric=frozenset({2, 3})
    )
    note = "A dash: at this size no change is reported as surely. Requests are taken as independent of one another."
    return Section("What the check would have seen", [table, Text(note, quiet=True)], lead)
