"""Precision over recall as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.report import wording
from components.report.markup import Markup, join, short, tag

_WIDTH, _HEIGHT = 280, 236
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 10, 36
_MOST = 10_000  # points that are drawn


@dataclass(frozen=True)
class PrecisionRecall:
    """One class's curve, as it was measured: neither smoothed nor made monotonous.

    Attributes:
        title: The class.
        recall: ``(points,)`` in [0, 1], never falling.
        precision: ``(points,)`` in [0, 1].
        note: What is known of the curve, in words.
        mark: The point to mark, by its place; None marks none.
        marked: What it is, in words.
    """

    title: str
    recall: Sequence[float]
    precision: Sequence[float]
    note: str
    mark: int | None = None
    marked: str = ""

    def render(self) -> Markup:
        """Returns ``<figure>`` with the SVG.

        Raises:
            ValueError: The two are not of one length, too long, or hold what is no share; or there is no such point.
        """
        points = list(zip(self.recall, self.precision, strict=False))
        shares = all(math.isfinite(v) and 0 <= v <= 1 for point in points for v in point)
        if len(self.recall) != len(self.precision) or len(points) > _MOST or not shares:
            told = f"{len(self.recall)} and {len(self.precision)} values"
            raise ValueError(f"expected as many recalls as precisions, at most {_MOST} shares in [0, 1], found {told}")
        if self.mark is not None and not 0 <= self.mark < len(points):
            raise ValueError(f"expected the place of one of {len(points)} points to mark, found {self.mark}")
        marked = [] if self.mark is None else [self._mark(*points[self.mark])]
        words = ", ".join(text for text in (short(self.note, 200), short(self.marked)) if text)
        drawing = tag(
            "svg",
            tag("g", join([*_horizontal(), *_vertical()]), class_="axes"),
            *_line(points),
            *marked,
            viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
            role="img",
            aria_label=f"{short(self.title)}, precision over recall: {words}",
        )
        below = tag("span", short(self.marked)) if self.marked else None
        caption = tag("figcaption", tag("strong", short(self.title)), tag("span", short(self.note, 200)), below)
        return tag("figure", caption, drawing, class_="chart recall")

    def _mark(self, recall: float, precision: float) -> Markup:
        title = tag("title", short(self.marked))
        return tag("circle", title, cx=f"{_x(recall):.1f}", cy=f"{_y(precision):.1f}", r="5.5", class_="marked")


def _line(points: list[tuple[float, float]]) -> list[Markup]:
    if not points:
        return []
    # The first detection stands for all lower recalls.
    path = "L".join(f"{_x(recall):.1f} {_y(precision):.1f}" for recall, precision in [(0.0, points[0][1]), *points])
    under = f"M{_x(0):.1f} {_y(0):.1f}L{path}L{_x(points[-1][0]):.1f} {_y(0):.1f}Z"
    return [tag("path", d=under, class_="band"), tag("path", d=f"M{path}", class_="line")]


def _x(share: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * share


def _y(share: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share)


def _horizontal() -> list[Markup]:
    drawn = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y, shown = f"{_y(share):.1f}", wording.percent(share, 0)
        drawn.append(tag("line", x1=_x(0), x2=_x(1), y1=y, y2=y))
        drawn.append(tag("text", shown, x=_LEFT - 8, y=y, text_anchor="end", dominant_baseline="middle"))
    return drawn


def _vertical() -> list[Markup]:
    y = _HEIGHT - _BOTTOM + 16
    ends = ((0, "start"), (0.5, "middle"), (1, "end"))
    marks = [tag("text", wording.percent(s, 0), x=f"{_x(s):.0f}", y=y, text_anchor=anchor) for s, anchor in ends]
    return [*marks, tag("text", "recall", x=f"{_x(0.5):.0f}", y=_HEIGHT - 5, text_anchor="middle")]
