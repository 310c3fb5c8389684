"""The remaining warnings: traffic lights, frost, game, and danger as such."""

from __future__ import annotations

from components.data.signs.drawing import GREEN, RED, YELLOW, box, disc, fill, limb, place, polar
from components.data.signs.drawing import number as n


def exclamation_mark() -> str:
    """Tapering bar over a dot (sign 101)."""
    return fill("M-9.5 -20C-9.5 -33 9.5 -33 9.5 -20L5 33H-5Z") + disc(0, 50, 9)


def traffic_light() -> str:
    """Housing with red, yellow and green lamps (sign 131)."""
    housing = box(-14, -22, 28, 84, radius=8)
    return housing + disc(0, -6, 9.5, RED) + disc(0, 20, 9.5, YELLOW) + disc(0, 46, 9.5, GREEN)


def snowflake() -> str:
    """Six-armed crystal (sign 101-51)."""
    centre, parts = (0.0, 28.0), []
    for angle in range(-90, 270, 60):
        tip, parting = polar(36, angle, centre), polar(21, angle, centre)
        parts.append(f"M{n(centre[0])} {n(centre[1])}L{n(tip[0])} {n(tip[1])}")
        for side in (-45, 45):
            twig = polar(14, angle + side, parting)
            parts.append(f"M{n(parting[0])} {n(parting[1])}L{n(twig[0])} {n(twig[1])}")
    return limb("".join(parts), 5)


def deer() -> str:
    """A leaping stag (sign 142)."""
    body = fill(
        "M-33 1C-31 -4 -25 -9 -20 -10C-15 -11 -12 -8 -11 -4C-9 4 -4 10 4 13C14 15 26 16 33 22"
        "C37 24 39 28 38 33L37 31C36 35 34 39 30 41C24 40 14 36 6 37C-2 37 -9 35 -13 28"
        "C-17 20 -18 10 -21 5C-25 5 -29 7 -33 6Z"
    )
    ear = fill("M-15 -7L-5 -9L-10 -2Z")
    antlers = limb(
        "M-17 -9C-17 -18 -7 -22 -7 -34M-14 -20L-21 -27M-9 -27L-15 -34M-12 -9C-8 -15 2 -17 5 -27M-1 -18L-3 -26", 3
    )
    fore = limb("M-10 30L-27 33L-37 46", 5) + limb("M-6 33L-20 41L-25 54", 5)
    hind = limb("M31 36L35 46L47 56L52 64", 5) + limb("M26 37L28 49L38 57L42 65", 5)
    return place(body, ear, antlers, fore, hind, x=2, y=7, scale=0.86)
