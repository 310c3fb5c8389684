"""The few strokes every sign is drawn with: SVG text from numbers.

All art lives in one frame: the sign's centre is ``(0, 0)``, x grows to the right, y downwards, and
the plate fills −100 … 100 along its longer side. Each function returns SVG markup (or path data);
nothing here knows what a sign looks like.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]

# Signal colours as they look in daylight, near RAL 3020, 5017, 1023, 9016, 9017, 6024 and 7042.
RED = "#c4161f"
BLUE = "#0a55a4"
YELLOW = "#fac90f"
WHITE = "#f7f8f6"
BLACK = "#17181a"
GREEN = "#0a8f4c"
GREY = "#8d9295"

_CAPS = 'stroke-linecap="{cap}" stroke-linejoin="{join}"'


def number(value: float) -> str:
    """Writes a coordinate with at most two decimals, so that the SVG text is short and stable."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def fill(data: str, colour: str = BLACK) -> str:
    """A filled path; holes by the even-odd rule."""
    return f'<path d="{data}" fill="{colour}" fill-rule="evenodd"/>'


def line(data: str, width: float, colour: str = BLACK, *, cap: str = "butt", join: str = "miter") -> str:
    """A stroked path of the given width."""
    ends = _CAPS.format(cap=cap, join=join)
    return f'<path d="{data}" fill="none" stroke="{colour}" stroke-width="{number(width)}" {ends}/>'


def limb(data: str, width: float, colour: str = BLACK) -> str:
    """A stroked path with round ends and joints: arms, legs, branches."""
    return line(data, width, colour, cap="round", join="round")


def disc(x: float, y: float, radius: float, colour: str = BLACK) -> str:
    """A filled circle."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{colour}"/>'


def ring(x: float, y: float, radius: float, width: float, colour: str = BLACK) -> str:
    """A circle's outline; ``radius`` is that of its middle line."""
    stroke = f'stroke="{colour}" stroke-width="{number(width)}"'
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="none" {stroke}/>'


def box(x: float, y: float, width: float, height: float, colour: str = BLACK, *, radius: float = 0.0) -> str:
    """A filled rectangle from its upper left corner, with rounded corners if asked."""
    size = f'width="{number(width)}" height="{number(height)}" rx="{number(radius)}"'
    return f'<rect x="{number(x)}" y="{number(y)}" {size} fill="{colour}"/>'


def polygon(points: Sequence[Point], colour: str = BLACK) -> str:
    """A filled polygon."""
    return fill("M" + "L".join(f"{number(x)} {number(y)}" for x, y in points) + "Z", colour)


def rounded(points: Sequence[Point], radius: float) -> str:
    """Path data of a convex polygon whose corners are arcs of the given radius.

    Each corner is cut where a circle of that radius touches its two sides.
    """
    parts = []
    for index, corner in enumerate(points):
        before, after = points[index - 1], points[(index + 1) % len(points)]
        to_before, to_after = _unit(corner, before), _unit(corner, after)
        cosine = to_before[0] * to_after[0] + to_before[1] * to_after[1]
        cut = radius / math.tan(math.acos(cosine) / 2)
        start = (corner[0] + cut * to_before[0], corner[1] + cut * to_before[1])
        end = (corner[0] + cut * to_after[0], corner[1] + cut * to_after[1])
        r = number(radius)
        parts.append(f"{number(start[0])} {number(start[1])}A{r} {r} 0 0 1 {number(end[0])} {number(end[1])}")
    return "M" + "L".join(parts) + "Z"


def _unit(start: Point, end: Point) -> Point:
    length = math.dist(start, end)
    return (end[0] - start[0]) / length, (end[1] - start[1]) / length


def polar(radius: float, degrees: float, centre: Point = (0.0, 0.0)) -> Point:
    """The point at an angle, counted clockwise from the right as SVG does."""
    angle = math.radians(degrees)
    return centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def place(
    *items: str, x: float = 0.0, y: float = 0.0, scale: float = 1.0, turn: float = 0.0, mirror: bool = False
) -> str:
    """Moves, scales, turns (degrees, clockwise) and mirrors what was drawn round its own ``(0, 0)``."""
    flip = " scale(-1 1)" if mirror else ""
    moves = f"translate({number(x)} {number(y)}) rotate({number(turn)}) scale({number(scale)}){flip}"
    return f'<g transform="{moves}">{"".join(items)}</g>'


def mirrored(*items: str) -> str:
    """What was drawn, left and right exchanged."""
    return f'<g transform="scale(-1 1)">{"".join(items)}</g>'
