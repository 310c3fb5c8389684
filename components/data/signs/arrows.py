"""Arrows and road layouts: what the blue discs and the bend warnings show."""

from __future__ import annotations

from components.data.signs.drawing import BLACK, WHITE, Point, fill, line, mirrored, place, polar, polygon
from components.data.signs.drawing import number as n


def head(tip: Point, degrees: float, length: float, width: float, colour: str) -> str:
    """A triangular arrow head with its tip at a point, pointing at an angle (0 right, −90 up)."""
    base = polar(-length, degrees, tip)
    return polygon([tip, polar(width / 2, degrees + 90, base), polar(-width / 2, degrees + 90, base)], colour)


def _up(x: float, bottom: float, top: float, *, pen: float, length: float, width: float) -> str:
    shaft = line(f"M{n(x)} {n(bottom)}V{n(top + length - 1)}", pen, WHITE)
    return shaft + head((x, top), -90, length, width, WHITE)


def straight() -> str:
    """White arrow upwards (sign 209-30)."""
    return _up(0, 68, -74, pen=25, length=52, width=82)


def turn_right() -> str:
    """White arrow that comes from below and turns right (sign 209-20)."""
    shaft = line("M-30 64V10Q-30 -20 0 -20H26", 25, WHITE)
    return shaft + head((74, -20), 0, 50, 80, WHITE)


def turn_left() -> str:
    """Mirror image of :func:`turn_right` (sign 209-10)."""
    return mirrored(turn_right())


def straight_or_right() -> str:
    """White arrows upwards and to the right (sign 214)."""
    branch = line("M-24 58V40Q-24 16 0 16H30", 20, WHITE)
    return _up(-24, 70, -70, pen=20, length=42, width=62) + branch + head((70, 16), 0, 42, 62, WHITE)


def straight_or_left() -> str:
    """Mirror image of :func:`straight_or_right` (sign 214-10)."""
    return mirrored(straight_or_right())


def keep_right() -> str:
    """White arrow down to the right (sign 222)."""
    return place(straight(), turn=135)


def keep_left() -> str:
    """Mirror image of :func:`keep_right` (sign 222-10)."""
    return mirrored(keep_right())


def roundabout() -> str:
    """Three white arrows that chase each other counterclockwise (sign 215)."""
    radius, parts = 47.0, []
    for start in (84.0, 204.0, 324.0):
        end = start - 72
        (x1, y1), (x2, y2) = polar(radius, start), polar(radius, end)
        parts.append(line(f"M{n(x1)} {n(y1)}A{n(radius)} {n(radius)} 0 0 0 {n(x2)} {n(y2)}", 18, WHITE))
        parts.append(head(polar(radius - 1, end - 36), end - 108, 34, 50, WHITE))
    return "".join(parts)


def bend_right() -> str:
    """Black arrow that bends right (sign 103-20)."""
    return line("M-15 62V38Q-15 20 2 12L9 9", 15) + head((31, -2), -25, 28, 38, BLACK)


def bend_left() -> str:
    """Mirror image of :func:`bend_right` (sign 103-10)."""
    return mirrored(bend_right())


def double_bend() -> str:
    """Black arrow that bends left, then right (sign 105-10)."""
    return line("M17 62V56C17 38 -13 42 -13 26C-13 12 4 12 7 -4", 13) + head((9, -26), -82, 25, 31, BLACK)


def right_of_way() -> str:
    """Broad black arrow upwards across a narrow bar (sign 301)."""
    shaft = polygon([(-9, 61), (9, 61), (8, -6), (-8, -6)])
    return shaft + head((0, -35), -90, 31, 38, BLACK) + polygon([(-38, 26), (38, 26), (38, 37), (-38, 37)])


def narrows_right() -> str:
    """Two road edges of which the right one closes in (sign 121-10)."""
    return line("M-18 62V-8", 10) + line("M25 62V46Q25 40 21 35L13 25Q9 20 9 13V-20", 10)


def bumps() -> str:
    """Two humps on the road (sign 112)."""
    return fill("M-53 60V51H-46C-36 51 -36 25 -21 25C-8 25 -9 43 0 43C9 43 8 25 21 25C36 25 36 51 46 51H53V60Z", BLACK)
