"""The confusion matrix: a heat map as inline SVG, legible for the 43 classes of GTSRB, and its errors as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from components.report import wording
from components.report.blocks import Table, scrolling
from components.report.markup import Markup, join, short, tag

SHOWN = 60
"""Classes that are drawn; of more, those with the most errors."""

_LABELS, _HEAD, _SIDE, _NAME = 268, 34, 62, 46


class Confusion(NamedTuple):
    """Images of the class ``true`` taken for ``predicted``: how often, and of how many ``images`` of that class."""

    true: int
    predicted: int
    times: int
    images: int


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix.

    Attributes:
        labels: One a class, ``(classes,)``.
        counts: ``(classes, classes)``; rows are true classes, columns predicted ones.
    """

    labels: Sequence[str]
    counts: Sequence[Sequence[int]]

    @property
    def total(self) -> int:
        """How many images were judged."""
        return sum(map(sum, self.counts))

    @property
    def right(self) -> int:
        """How many of them were given their own class: the trace."""
        return sum(row[i] for i, row in enumerate(self.counts))

    def confusions(self) -> list[Confusion]:
        """Returns every kind of error that occurred, the most frequent first."""
        found = [
            Confusion(true, predicted, count, sum(row))
            for true, row in enumerate(self.counts)
            for predicted, count in enumerate(row)
            if count and true != predicted
        ]
        return sorted(found, key=lambda c: (-c.times, -c.times / c.images, c.true, c.predicted))

    def render(self) -> Markup:
        """Returns ``<figure>`` with the heat map; blue is right, red is wrong, both by their share of the row."""
        drawn = self._drawn()
        cell = max(18, min(56, 774 // max(1, len(drawn))))
        width, height = _LABELS + cell * len(drawn) + _SIDE, _HEAD + cell * len(drawn) + 6
        svg = tag(
            "svg",
            self._axes(drawn, cell),
            join(self._row(y, drawn, cell) for y in range(len(drawn))),
            viewBox=f"0 0 {width} {height}",
            style=f"min-width: {0.9 * width:.0f}px; max-width: {1.2 * width:.0f}px",
            role="img",
            aria_label=self._words(),
        )
        caption = tag("figcaption", tag("span", self._words()))
        return tag("figure", scrolling(svg, "Confusion matrix"), caption, class_="matrix")

    def table(self, most: int = 12) -> Table:
        """Returns the most frequent confusions."""
        found = self.confusions()
        rows = [
            (self._label(c.true), self._label(c.predicted), c.times, wording.of(c.times, c.images))
            for c in found[:most]
        ]
        caption = f"The most frequent confusions, {len(rows)} of {wording.count(len(found))} kinds"
        heads = ("true class", "taken for", "images", "of the class")
        return Table(heads, rows, caption, numeric=frozenset({2, 3}))

    def classes(self) -> Table:
        """Returns recall and precision of every class, the worst recall first."""
        columns = [sum(column) for column in zip(*self.counts, strict=True)]
        order = sorted(range(len(self.labels)), key=lambda i: (self._recall(i), i))
        rows = [
            (
                self._label(i),
                sum(self.counts[i]),
                self.counts[i][i],
                wording.of(self.counts[i][i], sum(self.counts[i])),
                wording.of(self.counts[i][i], columns[i]),
            )
            for i in order
        ]
        heads = ("class", "images", "right", "recall", "precision")
        caption = f"Every class ({len(rows)}), the worst first"
        return Table(heads, rows, caption, numeric=frozenset({1, 2, 3, 4}), folded=True)

    def _recall(self, i: int) -> float:
        images = sum(self.counts[i])
        return self.counts[i][i] / images if images else 2.0  # a class without images is no bad one

    def _label(self, i: int) -> str:
        return f"{i} {self.labels[i]}"

    def _words(self) -> str:
        kinds, hidden = len(self.confusions()), len(self.labels) - SHOWN
        told = f"{wording.count(self.right)} of {wording.count(self.total)} images on the diagonal, "
        told += f"{wording.count(self.total - self.right)} errors of {wording.count(kinds)} kinds"
        return told + (f"; {wording.count(hidden)} classes with fewer errors are not drawn" if hidden > 0 else "")

    def _drawn(self) -> list[int]:
        if len(self.labels) <= SHOWN:
            return list(range(len(self.labels)))
        errors = [0] * len(self.labels)
        for true, predicted, count, _ in self.confusions():
            errors[true] += count
            errors[predicted] += count
        return sorted(sorted(range(len(errors)), key=lambda i: (-errors[i], i))[:SHOWN])

    def _axes(self, drawn: Sequence[int], cell: int) -> Markup:
        side, right = cell * len(drawn), _LABELS + cell * len(drawn)
        heads = [
            tag("text", i, x=_LABELS + cell * x + cell / 2, y=_HEAD - 7, text_anchor="middle")
            for x, i in enumerate(drawn)
        ]
        lines = [
            tag("path", d=f"M{_LABELS} {_HEAD + cell * k}h{side}M{_LABELS + cell * k} {_HEAD}v{side}")
            for k in range(len(drawn) + 1)
        ]
        titles = [
            tag(
                "text", "true class ↓   predicted class →", x=_LABELS - 8, y=_HEAD - 7, text_anchor="end", class_="axis"
            ),
            tag("text", "recall", x=right + _SIDE, y=_HEAD - 7, text_anchor="end", class_="axis"),
        ]
        return join([tag("g", join(lines), class_="lines"), *heads, *titles])

    def _row(self, y: int, drawn: Sequence[int], cell: int) -> Markup:
        true = drawn[y]
        images, middle = sum(self.counts[true]), _HEAD + cell * y + cell / 2
        text = {"y": f"{middle + 3.5:.1f}", "text_anchor": "end"}
        recall = wording.of(self.counts[true][true], images)
        name = self.labels[true] if len(self.labels[true]) <= _NAME else self.labels[true][: _NAME - 1] + "…"
        return tag(
            "g",
            tag("text", f"{short(name)} ", tag("tspan", true, class_="id"), x=_LABELS - 8, **text),
            join(self._cells(y, drawn, cell, images)),
            tag("text", recall, x=_LABELS + cell * len(drawn) + _SIDE, **text),
        )

    def _cells(self, y: int, drawn: Sequence[int], cell: int, images: int) -> Iterator[Markup]:
        true = drawn[y]
        for x, predicted in enumerate(drawn):
            count = self.counts[true][predicted]
            if not count:
                continue
            left, top, share = _LABELS + cell * x, _HEAD + cell * y, count / images
            # One error among hundreds must be seen, and told from two.
            strength = share if true == predicted else min(1.0, 0.3 + 1.4 * share)
            place = {"x": left + 0.5, "y": top + 0.5, "width": cell - 1, "height": cell - 1}
            told = f"{short(self._label(true))} → {short(self._label(predicted))}: {wording.count(count)}"
            yield tag(
                "g",
                tag("title", told),
                tag("rect", **place, rx=2, fill_opacity=f"{max(0.12, strength):.2f}"),
                tag("text", compact(count), x=left + cell / 2, y=top + cell / 2 + 3, text_anchor="middle"),
                class_=("hit" if true == predicted else "miss") + (" strong" if strength > 0.55 else ""),
            )


def compact(n: int) -> str:
    """Returns a count in at most four characters: ``999``, ``1.2k``, ``12k``, ``3M``."""
    for unit, name in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if n >= unit:
            return f"{n / unit:.1f}{name}" if n < 9.95 * unit else f"{n / unit:.0f}{name}"
    return str(n)
