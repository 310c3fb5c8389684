"""Precision over recall as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.report import wording
from components.report.markup import Markup, join, short, tag

_SIDE, _LEFT, _RIGHT, _TOP, _BOTTOM = 270, 50, 22, 12, 38


@dataclass(frozen=True)
class PrecisionRecall:
    """One class's curve, as it was measured: neither smoothed nor made monotonous.

    Attributes:
        title: The class.
        recall: ``(points,)`` in [0, 1], rising.
        precision: ``(points,)`` in [0, 1].
        note: What is known of the curve, in words.
    """

    title: str
    recall: Sequence[float]
    precision: Sequence[float]
    note: str

    def render(self) -> Markup:
        """Returns ``<figure>`` with the SVG.

        Raises:
            ValueError: The two are not of one length, or a value is no share.
        """
        shares = [*self.recall, *self.precision]
        if len(self.recall) != len(self.precision) or not all(math.isfinite(v) and 0 <= v <= 1 for v in shares):
            raise ValueError(f"expected as many shares as recall and precision, found {len(shares)} values")
        drawing = tag(
            "svg",
            tag("g", join([*_axis_x(), *_axis_y()]), class_="axes"),
            *self._line(),
            viewBox=f"0 0 {_SIDE} {_SIDE}",
            role="img",
            aria_label=f"{short(self.title)}, precision over recall: {short(self.note)}",
        )
        caption = tag("figcaption", tag("strong", short(self.title)), tag("span", short(self.note)))
        return tag("figure", caption, drawing, class_="chart")

    def _line(self) -> list[Markup]:
        if not self.recall:
            return []
        # The first detection stands for all lower recalls.
        points = [(0.0, self.precision[0]), *zip(self.recall, self.precision, strict=True)]
        path = "L".join(f"{_x(recall):.1f} {_y(precision):.1f}" for recall, precision in points)
        under = f"M{_x(0):.1f} {_y(0):.1f}L{path}L{_x(points[-1][0]):.1f} {_y(0):.1f}Z"
        return [tag("path", d=under, class_="band"), tag("path", d=f"M{path}", class_="line")]


def _x(share: float) -> float:
    return _LEFT + (_SIDE - _LEFT - _RIGHT) * share


def _y(share: float) -> float:
    return _TOP + (_SIDE - _TOP - _BOTTOM) * (1 - share)


def _axis_x() -> list[Markup]:
    y = _SIDE - _BOTTOM + 15
    marks = [tag("text", _percent(s), x=f"{_x(s):.1f}", y=y, text_anchor="middle") for s in (0, 0.5, 1)]
    return [*marks, tag("text", "recall", x=f"{_x(0.5):.1f}", y=_SIDE - 6, text_anchor="middle")]


def _axis_y() -> list[Markup]:
    drawn = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = f"{_y(share):.1f}"
        drawn.append(tag("line", x1=_x(0), x2=_x(1), y1=y, y2=y))
        shown = _percent(share)
        drawn.append(tag("text", shown, x=_LEFT - 7, y=y, text_anchor="end", dominant_baseline="middle"))
    return drawn


def _percent(share: float) -> str:
    return wording.percent(share, 0)
