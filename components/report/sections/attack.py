"""The attack: how often it succeeded, how large its changes are, and what accuracy is left at each radius."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

from components.data.attacked import Attacked
from components.intervals import wilson
from components.report import metrics as flat
from components.report import wording
from components.report.attacks import LEVELS, Attack, Robustness
from components.report.bands import BandChart
from components.report.blocks import Block, Cell, Columns, Figure, Figures, Heading, Table, Text
from components.report.changes import Change
from components.report.lineage import Link
from components.report.page import Section
from components.report.tables import Shown

_MOST = 500  # images in the table


def section(attack: Attack | None, metrics: flat.Metrics | None) -> Section:
    """Returns the section on an attack, on its metrics, or on both."""
    if attack is None:
        return Section("The attack", [Figures(flat.figures(metrics or {}, {}))])
    blocks: list[Block] = [Figures(_figures(attack))]
    if attack.confidence is not None:
        blocks += [Heading("What became of the confidence"), Text(confidence(attack.confidence, attack.done))]
    if attack.robustness is not None and attack.robustness.points:
        blocks.append(Heading("Accuracy under attack"))
        blocks.append(Columns([chart(attack.robustness), _radii(attack.robustness)]))
        blocks.append(Text(_about(attack.robustness), quiet=True))
    blocks.append(_images(attack))
    lead = "Each image was judged as the server does: rounded to 8 bits, written as PNG, read back and preprocessed."
    return Section("The attack", blocks, lead)


def link(attack: Attack) -> Link:
    """Returns the attack's place in the lineage."""
    note = f"{wording.count(len(attack.tried))} attacked images, made from dataset and archive"
    return Link("Attack", attack.dataset.name, attack.dataset.digest, note)


def goal(attack: Attack) -> str:
    """Returns what the attack wanted, in words."""
    wanted = sorted(attack.targets)
    if wanted == [-1]:
        return "any other class than their own"
    if len(wanted) == 1:
        return f"class {attack.name(wanted[0])}"
    return f"{len(wanted)} target classes"


def success(attack: Attack) -> tuple[str, str]:
    """Returns the share of successes, and its interval at 95 %."""
    done, tried = len(attack.done), len(attack.tried)
    low, high = wilson(done, tried)
    return wording.of(done, tried), f"{wording.percent(low)} – {wording.percent(high)}"


def confidence(found: Change, done: Sequence[Attacked]) -> str:
    """Says which way the scores went, from the numbers alone."""
    before, after = f"{found.before:.2f}", f"{found.after:.2f}"
    below = sum(row.score_after < 0.5 for row in done)
    low, high = wording.change(found.low), wording.change(found.high)
    between = f"{wording.change(found.change)}, {low} to {high} with 95{wording.PERCENT} confidence"
    unsure = f"{wording.count(below)} of {wording.count(len(done))} attacked images get a score below 0.5"
    if found.went == "down":
        return (
            f"Confidence went down: the mean score of the answer fell from {before} to {after} ({between}). {unsure}."
        )
    if found.went == "up":
        text = f"Confidence went up: the mean score of the answer rose from {before} to {after} ({between}). {unsure}."
        return f"{text} Whoever looks for low confidence alone does not see this attack."
    text = f"Confidence did not move measurably: the mean score is {before} before and {after} after ({between})."
    return f"{text} {unsure}."


def chart(found: Robustness) -> BandChart:
    """Returns accuracy under attack against the radius."""
    points = [(point.epsilon, point.accuracy, point.low, point.high) for point in found.points]
    first, last = min(found.points), max(found.points)
    words = (
        f"{wording.percent(first.accuracy)} right at radius {first.epsilon:g}, {wording.percent(last.accuracy)} at "
        f"{last.epsilon:g}; {wording.count(last.images)} images, intervals at 95{wording.PERCENT}"
    )
    return BandChart("Images that are still right", points, f"radius in 255ths ({_norm(found.norm)})", words)


def _figures(attack: Attack) -> list[Figure]:
    share, between = success(attack)
    done = attack.done or attack.tried
    l2, linf = [row.l2 for row in done], [LEVELS * row.linf for row in done]
    what = "successes" if attack.done else "images"
    skipped = len(attack.rows) - len(attack.tried)
    proof = f"{wording.count(len(attack.done))} of {wording.count(len(attack.tried))} images"
    return [
        Figure("Succeeded", share, between, proof),
        Figure("Skipped", wording.count(skipped), proof="wanted nothing done"),
        Figure("Length L2, median", f"{median(l2):.2f}", f"up to {max(l2):.2f}", f"of the {what}, pixels of [0, 1]"),
        Figure("Largest change, median", f"{median(linf):.0f}/255", f"up to {max(linf):.0f}/255", f"L∞ of the {what}"),
        Figure("Gradients an image", f"{fmean(row.steps for row in attack.tried):.1f}", proof="mean"),
    ]


def _radii(found: Robustness) -> Table:
    rows: list[list[Shown]] = [
        [
            Cell(f"{point.epsilon:g}/255", point.epsilon),
            Cell(wording.percent(point.accuracy), point.accuracy),
            f"{wording.percent(point.low)} – {wording.percent(point.high)}",
            point.right,
            point.images,
        ]
        for point in sorted(found.points)
    ]
    heads = ("radius", "accuracy", "interval", "right", "images")
    return Table(heads, rows, "Accuracy under attack at each radius", numeric=frozenset({1, 2, 3, 4}))


def _about(found: Robustness) -> str:
    attack, norm = found.attack.upper().replace("_", "-"), _norm(found.norm)
    return (
        f"By {attack}, untargeted, in {norm}. A stronger attack may leave less: these shares are upper bounds of what "
        "stays right under every change of that size."
    )


def _norm(name: str) -> str:
    return {"l2": "L2", "linf": "L∞"}.get(name, name)


def _images(attack: Attack) -> Table:
    shown = attack.tried[:_MOST]
    rows: list[list[Shown]] = [
        [
            row.path,
            Cell(attack.name(row.predicted_before), row.predicted_before),
            Cell(f"{row.score_before:.3f}", row.score_before),
            Cell(attack.name(row.predicted_after), row.predicted_after),
            Cell(f"{row.score_after:.3f}", row.score_after),
            Cell(f"{row.l2:.2f}", row.l2),
            Cell(f"{LEVELS * row.linf:.0f}/255", row.linf),
            row.steps,
            "yes" if row.success else "no",
        ]
        for row in shown
    ]
    heads = ("image", "before", "score", "after", "score", "L2", "L∞", "steps", "success")
    caption = (
        f"Every attacked image ({len(attack.tried)})"
        if len(shown) == len(attack.tried)
        else f"The first {_MOST} of {len(attack.tried)} attacked images"
    )
    return Table(heads, rows, caption, numeric=frozenset({2, 4, 5, 6, 7}), code=frozenset({0}), folded=True)
