"""The plates: shape, border and ground colour of the German sign families (StVO, annexes 1 to 3).

Measures are taken relative to the plate (600 mm discs, 900 mm triangles). Every plate has the thin
white rim that real signs have, so that it stands out from any background.
"""

from __future__ import annotations

from components.data.signs.drawing import (
    BLACK,
    BLUE,
    GREY,
    RED,
    WHITE,
    YELLOW,
    Point,
    box,
    disc,
    fill,
    line,
    polar,
    ring,
    rounded,
)

TRIANGLE_HEIGHT = 173.2
WARNING_CENTRE: Point = (0.0, 24.0)


def _triangle(inset: float, radius: float, *, points_down: bool = False) -> str:
    """A triangle whose sides lie ``inset`` inside those of the plate's own (side 200) triangle."""
    top, base = -TRIANGLE_HEIGHT / 2 + 2 * inset, TRIANGLE_HEIGHT / 2 - inset
    half = 100 - inset * 3**0.5
    if points_down:
        return rounded([(-half, -base), (half, -base), (0, -top)], radius)
    return rounded([(half, base), (-half, base), (0, top)], radius)


def prohibition(*content: str) -> str:
    """White disc with a red ring (signs 250 to 277)."""
    return disc(0, 0, 100, WHITE) + disc(0, 0, 97.5, RED) + disc(0, 0, 76.5, WHITE) + "".join(content)


def ending(*content: str) -> str:
    """White disc with five thin black stripes over grey content (signs 278 to 282)."""
    stripes = []
    for offset in (-20, -10, 0, 10, 20):
        reach = (95.0**2 - offset**2) ** 0.5
        stripes.append(f"M{-reach:.2f} {offset}L{reach:.2f} {offset}")
    band = f'<g transform="rotate(-45)">{line("".join(stripes), 4.6, BLACK)}</g>'
    return disc(0, 0, 100, WHITE) + ring(0, 0, 95.6, 3.2, BLACK) + "".join(content) + band


def mandatory(*content: str) -> str:
    """Blue disc with white content (signs 209 to 222)."""
    return disc(0, 0, 100, WHITE) + disc(0, 0, 97, BLUE) + "".join(content)


def warning(*content: str) -> str:
    """White triangle with a red border, point up (signs 101 to 142, 301)."""
    return (
        fill(_triangle(0, 11), WHITE) + fill(_triangle(2, 10), RED) + fill(_triangle(18, 3), WHITE) + "".join(content)
    )


def give_way() -> str:
    """White triangle with a red border, point down (sign 205)."""
    return (
        fill(_triangle(0, 11, points_down=True), WHITE)
        + fill(_triangle(2, 10, points_down=True), RED)
        + fill(_triangle(20, 3, points_down=True), WHITE)
    )


def stop(*content: str) -> str:
    """Red octagon with a white border (sign 206)."""
    octagon = [polar(108.24, 22.5 + 45 * corner) for corner in range(8)]
    border = [(0.93 * x, 0.93 * y) for x, y in octagon]
    outer = fill(rounded(octagon, 4), RED)
    return outer + line(rounded(border, 3), 4.5, WHITE) + "".join(content)


def no_entry() -> str:
    """Red disc with a white bar (sign 267)."""
    return disc(0, 0, 100, WHITE) + disc(0, 0, 97, RED) + box(-74, -17, 148, 34, WHITE)


def priority_road() -> str:
    """Yellow diamond in a white one with a thin black edge (sign 306)."""

    def diamond(reach: float, radius: float) -> str:
        return rounded([(0, -reach), (reach, 0), (0, reach), (-reach, 0)], radius)

    return (
        fill(diamond(104.5, 11), BLACK)
        + fill(diamond(101.5, 10), WHITE)
        + line(diamond(73.5, 4), 4, BLACK)
        + fill(diamond(72, 3), YELLOW)
    )


def grey(*content: str) -> str:
    """Content that an end-of-restriction sign takes back: all black turned grey."""
    return "".join(content).replace(BLACK, GREY).replace(RED, GREY)
