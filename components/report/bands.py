"""A chart of shares with their intervals against a quantity, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.report import wording
from components.report.charts import ticks
from components.report.markup import Markup, join, short, tag

_WIDTH, _HEIGHT = 520, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 20, 16, 46
_MOST = 200


@dataclass(frozen=True)
class BandChart:
    """Shares over a quantity, each with the interval in which it lies.

    Attributes:
        title: What is drawn.
        points: Of each the place, the share, and the ends of its interval, all finite, shares in [0, 1].
        over: The quantity in words, with its unit.
        words: What the chart says, for those who cannot see it too.
    """

    title: str
    points: Sequence[tuple[float, float, float, float]]
    over: str
    words: str

    def render(self) -> Markup:
        """Returns ``<figure>`` with the SVG.

        Raises:
            ValueError: There are no points, too many, or one that is no share.
        """
        found = sorted(self.points)
        if not 1 <= len(found) <= _MOST or not all(_sound(point) for point in found):
            raise ValueError(f"expected 1 to {_MOST} shares in [0, 1] with their intervals, found {len(found)} points")
        xs, lows, highs = ([self._x(p[0]) for p in found], [_y(p[2]) for p in found], [_y(p[3]) for p in found])
        middle = [f"{x:.1f} {_y(p[1]):.1f}" for x, p in zip(xs, found, strict=True)]
        edge = [f"{x:.1f} {y:.1f}" for x, y in zip(xs, highs, strict=True)]
        edge += reversed([f"{x:.1f} {y:.1f}" for x, y in zip(xs, lows, strict=True)])
        drawing = tag(
            "svg",
            tag("g", join([*_horizontal(), *self._vertical()]), class_="axes"),
            tag("path", d="M" + "L".join(edge) + "Z", class_="band") if len(found) > 1 else None,
            tag("path", d="M" + "L".join(middle), class_="line") if len(found) > 1 else None,
            join(self._whisker(point) for point in found),
            viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
            role="img",
            aria_label=f"{short(self.title)}: {short(self.words, 400)}",
        )
        caption = tag("figcaption", tag("strong", short(self.title)), tag("span", short(self.words, 400)))
        return tag("figure", caption, drawing, class_="chart")

    def _ticks(self) -> list[float]:
        return ticks(0.0, max(point[0] for point in self.points) or 1.0, about=8)

    def _x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / self._ticks()[-1]

    def _vertical(self) -> list[Markup]:
        y = _HEIGHT - _BOTTOM + 18
        marks = [tag("text", f"{v:g}", x=f"{self._x(v):.1f}", y=y, text_anchor="middle") for v in self._ticks()]
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        return [*marks, tag("text", short(self.over), x=f"{middle:.0f}", y=_HEIGHT - 6, text_anchor="middle")]

    def _whisker(self, point: tuple[float, float, float, float]) -> Markup:
        x, low, high = f"{self._x(point[0]):.1f}", _y(point[2]), _y(point[3])
        told = f"{point[0]:g}: {wording.percent(point[1])}, {wording.percent(point[2])} to {wording.percent(point[3])}"
        return tag(
            "g",
            tag("title", told),
            tag("path", d=f"M{x} {low:.1f}V{high:.1f}m-5 0h10M{x} {low:.1f}m-5 0h10", class_="whisker"),
            tag("circle", cx=x, cy=f"{_y(point[1]):.1f}", r="4", class_="dot"),
        )


def _sound(point: tuple[float, float, float, float]) -> bool:
    place, share, low, high = point
    return math.isfinite(place) and place >= 0 and all(0 <= value <= 1 for value in (share, low, high))


def _y(share: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share)


def _horizontal() -> list[Markup]:
    drawn = []
    for percent in (0, 25, 50, 75, 100):
        y, shown = f"{_y(percent / 100):.1f}", f"{percent}{wording.PERCENT}"
        drawn.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y))
        drawn.append(tag("text", shown, x=_LEFT - 8, y=y, text_anchor="end", dominant_baseline="middle"))
    return drawn
