"""Line charts as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.report import wording
from components.report.markup import Markup, join, short, tag

_WIDTH, _HEIGHT = 520, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 14, 38
_MOST = 2_000  # points that are drawn


@dataclass(frozen=True)
class LineChart:
    """One quantity over a count, such as the loss over the epochs.

    Attributes:
        title: What is drawn.
        values: ``(points,)``, finite; the first stands over ``start``.
        over: What they were taken at, in the singular: ``epoch``.
        start: The number of the first.
        percent: Whether the values are shares in [0, 1] and read as percentages.
        mark: ``min`` or ``max``, to mark the best one, or ``last``.
    """

    title: str
    values: Sequence[float]
    over: str = "epoch"
    start: int = 1
    percent: bool = False
    mark: str = "last"

    def render(self) -> Markup:
        """Returns ``<figure>`` with the SVG and, in words, its first, marked and last value.

        Raises:
            ValueError: There are no values, too many, or one that is not finite.
        """
        if not 1 <= len(self.values) <= _MOST or not all(math.isfinite(v) for v in self.values):
            raise ValueError(f"expected 1 to {_MOST} finite values, found {len(self.values)}")
        grid = join([*self._horizontal(), *self._vertical()])
        points = [(self._x(i), self._y(v)) for i, v in enumerate(self.values)]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        marked = points[self._marked]
        drawing = tag(
            "svg",
            tag("g", grid, class_="axes"),
            tag("path", d=path, class_="line") if len(points) > 1 else None,
            join(tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.6", class_="dot") for x, y in points[:100]),
            tag("circle", cx=f"{marked[0]:.1f}", cy=f"{marked[1]:.1f}", r="5.5", class_="marked"),
            viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
            role="img",
            aria_label=f"{short(self.title)}: {self._words()}",
        )
        caption = tag("figcaption", tag("strong", short(self.title)), tag("span", self._words()))
        return tag("figure", caption, drawing, class_="chart")

    @property
    def _marked(self) -> int:
        values = list(self.values)
        return {"min": lambda: values.index(min(values)), "max": lambda: values.index(max(values))}.get(
            self.mark, lambda: len(values) - 1
        )()

    def _words(self) -> str:
        best, name = self._marked, {"min": "lowest", "max": "highest"}.get(self.mark, "last")
        first, last = self._value(self.values[0]), self._value(self.values[-1])
        found = f"{name} {self._value(self.values[best])} in {self.over} {best + self.start}"
        return found if len(self.values) == 1 else f"from {first} to {last}; {found}"

    def _value(self, value: float) -> str:
        return wording.percent(value, 2) if self.percent else wording.number(float(value))

    @property
    def _ticks(self) -> list[float]:
        low, high = min(self.values), max(self.values)
        if self.percent and low == high:
            return ticks(0.0, 1.0)
        if low >= 0 and low < 0.6 * high:
            low = 0.0  # a quantity that shrinks is judged by what is left of it
        return ticks(low, high)

    def _x(self, i: float) -> float:
        last = len(self.values) - 1
        inner = _WIDTH - _LEFT - _RIGHT
        return _LEFT + (inner * i / last if last else inner / 2)

    def _y(self, value: float) -> float:
        low, high = self._ticks[0], self._ticks[-1]
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    def _horizontal(self) -> list[Markup]:
        found = self._ticks
        drawn = []
        for value in found:
            y, shown = f"{self._y(value):.1f}", _tick(value, found[1] - found[0], self.percent)
            drawn.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y))
            drawn.append(tag("text", shown, x=_LEFT - 8, y=y, text_anchor="end", dominant_baseline="middle"))
        return drawn

    def _vertical(self) -> list[Markup]:
        last, y = len(self.values) - 1, _HEIGHT - _BOTTOM + 16
        step = max(1, math.ceil(last / 10))
        at = [i for i in range(0, last + 1, step) if i == 0 or last - i >= step / 2 or i == last]
        marks = [tag("text", i + self.start, x=f"{self._x(i):.1f}", y=y, text_anchor="middle") for i in at]
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        return [*marks, tag("text", short(self.over), x=f"{middle:.0f}", y=_HEIGHT - 4, text_anchor="middle")]


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Returns round numbers at even distances, the first at most ``low`` and the last at least ``high``.

    The distance is 1, 2 or 5 times a power of ten; there are at least two numbers. Values that differ by less than a
    billionth of themselves are taken as equal and set into the middle.
    """
    span, largest = high - low, max(abs(low), abs(high))
    if span <= max(1e-9 * largest, 1e-200):
        span = largest if largest > 1e-200 else 1.0
        middle = low + (high - low) / 2
        low, high = middle - span / 2, middle + span / 2
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(m * power for m in (1, 2, 5, 10) if m * power * about >= span * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, last + 1)]


def _tick(value: float, step: float, percent: bool) -> str:
    """Writes a tick with as many digits as tell it from the next one."""
    if percent:
        value, step = 100 * value, 100 * step
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    shown = f"{value:.{digits}f}" if digits <= 6 and abs(value) < 1e7 else f"{value:.3g}"
    return f"{shown}{wording.PERCENT}" if percent else shown
