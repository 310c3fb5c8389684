"""Vehicles: cars and lorries from behind and from the side, a bicycle."""

from __future__ import annotations

from components.data.signs.drawing import BLACK, RED, WHITE, box, disc, fill, limb, line, place, ring

_CAR = (
    "M-25 -39H25Q32 -39 34.5 -32L42 -9Q49 -6 49 3V24Q49 27 46 27H45V35Q45 39 41 39H33Q29 39 29 35V27"
    "H-29V35Q-29 39 -33 39H-41Q-45 39 -45 35V27H-46Q-49 27 -49 24V3Q-49 -6 -42 -9L-34.5 -32Q-32 -39 -25 -39Z"
    "M-23 -31Q-26 -31 -27 -28L-32 -11H32L27 -28Q26 -31 23 -31Z"
)


def car(colour: str = BLACK) -> str:
    """A car from behind, 98 wide and 78 high."""
    lights = box(-43, 1, 15, 9, WHITE, radius=3) + box(28, 1, 15, 9, WHITE, radius=3)
    return fill(_CAR, colour) + lights + box(-14, 9, 28, 8, WHITE, radius=1)


def lorry(colour: str = BLACK) -> str:
    """A lorry from behind, 92 wide and 130 high."""
    body = box(-44, -68, 88, 92, colour, radius=5)
    seam = box(-1.5, -60, 3, 76, WHITE)
    frame = box(-46, 28, 92, 14, colour, radius=3)
    lights = box(-41, 31, 16, 7, WHITE, radius=2) + box(25, 31, 16, 7, WHITE, radius=2)
    wheels = box(-42, 40, 20, 22, colour, radius=4) + box(22, 40, 20, 22, colour, radius=4)
    return body + seam + wheels + frame + lights


def two_cars() -> str:
    """A red car that passes a black one (signs 276, 280)."""
    return place(car(RED), x=-34, y=3, scale=0.66) + place(car(), x=34, y=3, scale=0.66)


def lorry_and_car() -> str:
    """A red lorry that passes a black car (signs 277, 281)."""
    return place(lorry(RED), x=-30, y=-3, scale=0.66) + place(car(), x=35, y=13, scale=0.6)


def lorry_side() -> str:
    """A lorry from the side, driving to the left (sign 253)."""
    cargo = box(-17, -36, 77, 52, BLACK, radius=2)
    cab = fill("M-21 -20H-43Q-47 -20 -49 -16L-58 4Q-60 8 -60 12V24H-21ZM-27 -13H-41L-48 3H-27Z", BLACK)
    chassis = box(-60, 18, 120, 8, BLACK, radius=2)
    wheels = "".join(disc(x, 28, 14.5, WHITE) + disc(x, 28, 11.5) + disc(x, 28, 4, WHITE) for x in (-40, 16, 43))
    return cargo + cab + chassis + wheels


def skidding_car() -> str:
    """A tilted car above two crossing skid marks (sign 114)."""
    marks = (
        "M-13 63C-25 56 -6 50 -13 41C-17 36 -19 34 -16 27",
        "M19 63C7 56 26 50 19 41C15 36 11 34 13 25",
    )
    return place(car(), x=1, y=3, scale=0.54, turn=-10) + "".join(limb(mark, 5.5) for mark in marks)


def bicycle() -> str:
    """A bicycle, riding to the left (sign 138)."""
    wheels = ring(-25, 41, 17, 4.5) + ring(25, 41, 17, 4.5)
    frame = limb("M25 41L11 18L-14 18L2 41ZM2 41L11 18L8 9M-25 41L-12 6H-19", 4.5)
    saddle = line("M1 8H16", 6, cap="round")
    return wheels + frame + saddle + limb("M2 41L-3 49M-7 49H1", 3.5) + disc(2, 41, 5)
