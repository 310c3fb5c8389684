"""Numerals and the letters of STOP after DIN 1451, drawn as strokes along their middle lines.

DIN 1451 constructs its characters from straight lines and arcs with one stroke width, a seventh of
the height. So a glyph here is path data for that middle line in a box ``width`` × ``height``, and
the pen does the rest: Mittelschrift and Engschrift are the same glyphs in boxes of another width.
Only the characters that the 43 signs need are drawn.
"""

from __future__ import annotations

from collections.abc import Callable

from components.data.signs.drawing import BLACK, WHITE, line, place
from components.data.signs.drawing import number as n

Glyph = Callable[[float, float], str]


def _zero(w: float, h: float) -> str:
    r = w / 2
    return f"M0 {n(r)}A{n(r)} {n(r)} 0 0 1 {n(w)} {n(r)}V{n(h - r)}A{n(r)} {n(r)} 0 0 1 0 {n(h - r)}Z"


def _one(w: float, h: float) -> str:
    return f"M{n(0.72 * w)} {n(-h / 12)}V{n(h * 13 / 12)}M{n(-0.04 * w)} {n(0.25 * h)}L{n(0.75 * w)} {n(-0.012 * h)}"


def _two(w: float, h: float) -> str:
    r = w / 2
    return (
        f"M0 {n(r * 1.02)}A{n(r)} {n(r)} 0 0 1 {n(w)} {n(r)}"
        f"C{n(w)} {n(0.46 * h)} {n(0.86 * w)} {n(0.53 * h)} {n(0.7 * w)} {n(0.64 * h)}"
        f"L{n(0.05 * w)} {n(h)}H{n(w * 1.1)}"
    )


def _three(w: float, h: float) -> str:
    u, d = 0.235 * h, 0.265 * h
    return (
        f"M{n(0.02 * w)} {n(u * 0.92)}C{n(0.06 * w)} {n(0.02 * h)} {n(0.3 * w)} 0 {n(0.47 * w)} 0"
        f"C{n(0.8 * w)} 0 {n(0.95 * w)} {n(0.1 * h)} {n(0.95 * w)} {n(u)}"
        f"C{n(0.95 * w)} {n(0.39 * h)} {n(0.75 * w)} {n(2 * u)} {n(0.48 * w)} {n(2 * u)}H{n(0.3 * w)}"
        f"M{n(0.48 * w)} {n(2 * u)}C{n(0.8 * w)} {n(2 * u)} {n(w)} {n(h - 1.5 * d)} {n(w)} {n(h - d)}"
        f"C{n(w)} {n(h - 0.35 * d)} {n(0.8 * w)} {n(h)} {n(0.47 * w)} {n(h)}"
        f"C{n(0.25 * w)} {n(h)} {n(0.02 * w)} {n(h - 0.1 * h)} 0 {n(h - 0.9 * d)}"
    )


def _five(w: float, h: float) -> str:
    r, top = w / 2, 0.39 * h
    return (
        f"M{n(0.93 * w)} 0H{n(0.08 * w)}V{n(0.5 * h)}"
        f"C{n(0.16 * w)} {n(top + 0.02 * h)} {n(0.3 * w)} {n(top)} {n(0.5 * w)} {n(top)}"
        f"C{n(0.82 * w)} {n(top)} {n(w)} {n(top + 0.12 * h)} {n(w)} {n(top + r * 1.1)}V{n(h - r)}"
        f"A{n(r)} {n(r)} 0 0 1 0 {n(h - r * 1.02)}"
    )


def _six(w: float, h: float) -> str:
    r = w / 2
    top = h - 2 * r - 0.07 * h
    return (
        f"M{n(0.66 * w)} {n(-0.08 * h)}L{n(0.12 * w)} {n(0.43 * h)}"
        f"C{n(0.02 * w)} {n(0.53 * h)} 0 {n(0.6 * h)} 0 {n(h - r)}"
        f"A{n(r)} {n(r)} 0 0 0 {n(w)} {n(h - r)}V{n(top + r)}A{n(r)} {n(r)} 0 0 0 0 {n(top + r)}"
    )


def _seven(w: float, h: float) -> str:
    return f"M{n(-0.08 * w)} 0H{n(w)}L{n(0.3 * w)} {n(1.083 * h)}"


def _eight(w: float, h: float) -> str:
    m, i = 0.465 * h, 0.05 * w
    upper, lower = m / 2, (h - m) / 2
    x, ru, rl = w / 2, w / 2 - i, w / 2
    return (
        f"M{n(x)} 0C{n(x + ru * 0.7)} 0 {n(w - i)} {n(upper * 0.4)} {n(w - i)} {n(upper)}"
        f"S{n(x + ru * 0.7)} {n(m)} {n(x)} {n(m)}"
        f"S{n(i)} {n(upper * 1.6)} {n(i)} {n(upper)}S{n(x - ru * 0.7)} 0 {n(x)} 0Z"
        f"M{n(x)} {n(m)}C{n(x + rl * 0.75)} {n(m)} {n(w)} {n(m + lower * 0.45)} {n(w)} {n(m + lower)}"
        f"S{n(x + rl * 0.72)} {n(h)} {n(x)} {n(h)}"
        f"S0 {n(m + lower * 1.55)} 0 {n(m + lower)}S{n(x - rl * 0.75)} {n(m)} {n(x)} {n(m)}Z"
    )


def _s(w: float, h: float) -> str:
    m = 0.5 * h
    return (
        f"M{n(w)} {n(0.2 * h)}C{n(0.93 * w)} {n(0.05 * h)} {n(0.76 * w)} 0 {n(0.5 * w)} 0"
        f"C{n(0.2 * w)} 0 {n(0.02 * w)} {n(0.09 * h)} {n(0.02 * w)} {n(0.24 * h)}"
        f"C{n(0.02 * w)} {n(0.4 * h)} {n(0.2 * w)} {n(m - 0.03 * h)} {n(0.5 * w)} {n(m)}"
        f"C{n(0.82 * w)} {n(m + 0.03 * h)} {n(w)} {n(0.6 * h)} {n(w)} {n(0.75 * h)}"
        f"C{n(w)} {n(0.91 * h)} {n(0.8 * w)} {n(h)} {n(0.5 * w)} {n(h)}"
        f"C{n(0.22 * w)} {n(h)} {n(0.05 * w)} {n(0.94 * h)} {n(-0.02 * w)} {n(0.79 * h)}"
    )


def _t(w: float, h: float) -> str:
    return f"M{n(-0.13 * w)} 0H{n(1.13 * w)}M{n(w / 2)} 0V{n(1.083 * h)}"


def _p(w: float, h: float) -> str:
    r = 0.29 * h
    return f"M0 {n(1.083 * h)}V0H{n(w - r)}A{n(r)} {n(r)} 0 0 1 {n(w - r)} {n(2 * r)}H0"


_GLYPHS: dict[str, Glyph] = {
    "0": _zero, "1": _one, "2": _two, "3": _three, "5": _five, "6": _six, "7": _seven, "8": _eight,
    "S": _s, "T": _t, "O": _zero, "P": _p,
}  # fmt: skip


def text(characters: str, *, height: float, width: float, gap: float, pen: float, colour: str = BLACK) -> str:
    """Writes characters side by side, centred on ``(0, 0)``.

    Args:
        characters: Any of ``0123 5678 STOP``.
        height: Height of a character with its stroke.
        width: Width of a character with its stroke (``1`` takes two thirds of it).
        gap: Space between two characters.
        pen: Stroke width.
        colour: Stroke colour.
    """
    advances = [(0.66 if c == "1" else 1.0) * width for c in characters]
    x = -(sum(advances) + gap * (len(characters) - 1)) / 2
    glyphs = []
    for character, advance in zip(characters, advances, strict=True):
        stroke = line(_GLYPHS[character](advance - pen, height - pen), pen, colour)
        glyphs.append(place(stroke, x=x + pen / 2, y=(pen - height) / 2))
        x += advance + gap
    return "".join(glyphs)


def speed(limit: int, colour: str = BLACK) -> str:
    """The number of a speed-limit sign, in Mittelschrift (two digits) or Engschrift (three)."""
    digits = str(limit)
    if len(digits) == 3:
        return text(digits, height=72, width=36.5, gap=7, pen=12, colour=colour)
    return text(digits, height=80, width=48, gap=9.5, pen=14, colour=colour)


def stop_word() -> str:
    """The word STOP, white."""
    return text("STOP", height=66, width=36, gap=7.5, pen=11, colour=WHITE)
