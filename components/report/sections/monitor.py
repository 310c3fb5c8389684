"""What the monitor found: every rule of both windows, the classes before and during, and what it would have seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from components.report import wording
from components.report.blocks import Badge, Block, Cell, Columns, Figure, Figures, Panel, Step, Story, Table, Text
from components.report.lineage import Link
from components.report.page import Section
from components.report.tables import Lines, Shown
from components.report.verdicts import NOT_ENOUGH_DATA, OK, VIOLATED, Finding
from components.report.windows import Baseline, Window

_SHARES = {
    *("over_predicted_class", "low_confidence", "unrelated_top_three"),
    *("completeness", "score_completeness", "unknown_class", "other_model"),
}
_WORDS = {OK: ("ok", "good"), VIOLATED: ("violated", "bad"), NOT_ENOUGH_DATA: ("not enough data", "unsure")}
_RANK = {VIOLATED: 0, NOT_ENOUGH_DATA: 1, OK: 2}
_LEAST = 1e-4


def windows(clean: Window | None, attacked: Window | None) -> list[tuple[str, Window]]:
    """Returns the windows that are given, in their order, with their names: alone, nobody knows of an attack."""
    second = "Checked window" if clean is None else "Attacked window"
    return [(name, window) for name, window in (("Clean window", clean), (second, attacked)) if window]


def section(clean: Window | None, attacked: Window | None) -> Section:
    """Returns the section on the rules of the windows that are given."""
    given = windows(clean, attacked)
    blocks: list[Block] = [Columns([_panel(name, window) for name, window in given])]
    for name, window in given:
        if window.violated:
            told = [Step(rule.rule.replace("_", " "), f"{rule.description}.", _proof(rule)) for rule in window.violated]
            blocks.append(Panel(f"{name}: what is violated", [Story(told)]))
    blocks.append(_rules(given))
    blocks.append(
        Text(
            "A comparison with the baseline is violated if it is above its limit and more than chance explains; p is "
            "corrected for the number of tests. Not enough data is not the same as fine.",
            quiet=True,
        )
    )
    return Section("What the monitor found", blocks)


def verdict(window: Window) -> Badge:
    """Returns the verdict on a window."""
    if window.violated:
        count = len(window.violated)
        return Badge(f"{count} rule{'s' if count > 1 else ''} violated", "bad")
    if not window.predictions:
        return Badge("no predictions", "unsure")
    return Badge("no violation", "good")


def value(rule: Finding, number: float | None) -> str:
    """Returns a rule's number: a share as a percentage, a distance as it is."""
    if number is None:
        return wording.NONE
    return wording.percent(number) if rule.rule in _SHARES else f"{number:.3f}"


def interval(rule: Finding) -> str:
    """Returns a rule's interval."""
    return "" if rule.interval is None else " – ".join(value(rule, end) for end in rule.interval)


def probability(p: float) -> str:
    """Returns a p-value, never 0."""
    return f"<\u00a0{_LEAST:g}" if p < _LEAST else f"{p:.2g}"


def power(clean: Window | None, attacked: Window | None) -> Section | None:
    """Returns the section on the smallest change that each rule would have seen; None where none is stated."""
    given = windows(clean, attacked)
    stated = [{str(one.get("rule")): one for one in window.results.power} for _, window in given]
    rules = list(dict.fromkeys(rule for one in stated for rule in one))
    if not rules:
        return None
    rows: list[list[Shown]] = []
    for rule in rules:
        measure = next(str(one[rule].get("measure", "")) for one in stated if rule in one)
        rows.append([rule.replace("_", " "), measure, *(_smallest(one.get(rule)) for one in stated)])
    sure = next((p for one in stated for told in one.values() if isinstance(p := told.get("power"), float)), 0.8)
    heads = ("rule", "measure", *(f"{name.lower()}" for name, _ in given))
    table = Table(heads, rows, "The smallest change that is reported", numeric=frozenset({2, 3}), phone="cards")
    lead = f"The smallest true change that each rule reports with {wording.percent(sure, 0)} probability at this size."
    note = "A dash: at this size no change is reported as surely. Requests are taken as independent of one another."
    return Section("What the monitor can see", [table, Text(note, quiet=True)], lead)


def baseline_link(baseline: Baseline) -> Link:
    """Returns the baseline's place in the lineage."""
    note = f"{wording.count(baseline.predictions)} predictions of {len(baseline.classes)} classes"
    return Link("Baseline", "statistics.json", baseline.digest, note)


def link(name: str, window: Window) -> Link:
    """Returns a window's place in the lineage."""
    return Link(name, "verdicts.json", window.digest, f"{wording.count(window.predictions)} predictions")


def _panel(name: str, window: Window) -> Panel:
    counts, reading = window.results.counts, window.results.reading
    start, end = (_moment(window.results.window.get(key)) for key in ("start", "end"))
    left_out = f"left out: {_number(reading.get('duplicates'))} duplicates, {_number(reading.get('outside'))} outside"
    unread = f"{_number(counts.get('unreadable'))} unreadable, {_number(counts.get('broken'))} broken lines"
    figures = [
        Figure("Records", _number(counts.get("records")), proof=left_out),
        Figure("Predictions", wording.count(window.predictions), proof=unread),
        Figure("Rules", wording.count(len(window.results.rules)), proof=f"{len(window.unsure)} without enough data"),
    ]
    return Panel(name, [Text(f"{start} to {end}", quiet=True), Figures(figures)], verdict(window))


def _moment(text: object) -> str:
    """Returns a time as people read it; a text that is none stays as it is."""
    if not isinstance(text, str) or not text:
        return "open"
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError):
        return text


def _proof(rule: Finding) -> str:
    between = interval(rule)
    told = [f"{value(rule, rule.value)} where the limit is {value(rule, rule.threshold)}"]
    told += [f"{between} with {wording.percent(rule.confidence, 0)} confidence"] if between else []
    told += [f"{wording.count(rule.sample_size)} in the sample"]
    told += [] if rule.adjusted_p is None else [f"p\u00a0{_equal(rule.adjusted_p)}"]
    return "; ".join(told) + "."


def _equal(p: float) -> str:
    text = probability(p)
    return text if text.startswith("<") else f"=\u00a0{text}"


def _rules(given: Sequence[tuple[str, Window]]) -> Table:
    names = list(dict.fromkeys(rule.rule for _, window in given for rule in window.results.rules))
    rows: list[tuple[tuple[int, ...], list[Shown]]] = []
    for name in names:
        found = [window.rule(name) for _, window in reversed(given)]
        first = next(rule for rule in found if rule is not None)
        limit = Cell(value(first, first.threshold), first.threshold)
        cells: list[Shown] = [name.replace("_", " "), limit]
        for one in reversed(found):
            cells += _cells(one)
        rows.append((tuple(_RANK[rule.verdict] if rule else 3 for rule in found), cells))
    ordered = [cells for _, cells in sorted(rows, key=lambda row: row[0])]
    heads = [head for name, _ in given for head in (name.lower(), "value, interval", "sample, p")]
    numeric = frozenset({1, *(2 + 3 * i + k for i in range(len(given)) for k in (1, 2))})
    return Table(
        ("rule", "limit", *heads),
        ordered,
        "Every rule, violations first",
        numeric=numeric,
        phone="cards sides" if len(given) == 2 else "cards",
    )


def _cells(rule: Finding | None) -> list[Shown]:
    if rule is None:
        return [Cell(wording.NONE)] * 3
    word, kind = _WORDS[rule.verdict]
    p = "" if rule.adjusted_p is None else f"p\u00a0{_equal(rule.adjusted_p)}"
    shown, sample = Lines(value(rule, rule.value), interval(rule)), Lines(wording.count(rule.sample_size), p)
    return [Cell(Badge(word, kind), _RANK[rule.verdict]), Cell(shown, rule.value), Cell(sample, rule.sample_size)]


def _smallest(one: object) -> Shown:
    found = one.get("smallest") if isinstance(one, dict) else None
    if not isinstance(found, int | float):
        return Cell(wording.NONE)
    return Cell(Lines(f"{found:.3f}", f"of {_number(one.get('sample_size'))}" if isinstance(one, dict) else ""), found)


def _number(found: object) -> str:
    return wording.count(found) if isinstance(found, int) else wording.NONE
