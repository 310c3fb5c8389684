"""People: the worker, the pedestrian and the children."""

from __future__ import annotations

from components.data.signs.drawing import disc, fill, limb, place, polygon


def worker() -> str:
    """A man who shovels a heap (sign 123)."""
    trunk = fill("M-1 -14C5 -16 11 -11 10 -5L-6 25C-9 31 -23 29 -23 21C-22 8 -12 -8 -1 -14Z")
    legs = limb("M-15 22L-3 35L-7 59", 10) + limb("M-18 22L-26 40L-37 59", 10) + limb("M-7 60H0M-37 60H-31", 6)
    arms = limb("M5 -7L10 12L22 22", 7.5) + limb("M3 -4L-2 13L8 20", 6.5)
    shovel = limb("M-8 9L30 37", 4) + fill("M25 37L31 29L43 40Q44 47 35 46Z")
    heap = fill("M16 63C21 56 25 55 29 49C33 43 42 42 46 49C50 55 54 55 59 63Z")
    return place(disc(10, -22, 8), trunk, legs, arms, shovel, heap, x=-3, y=1)


def pedestrian() -> str:
    """A walking man on the stripes of a crossing (sign 134)."""
    trunk = fill("M-6 -12C-2 -16 6 -15 8 -9L9 14C9 20 -5 20 -6 14Z")
    legs = limb("M-1 15L-8 30L-18 45", 8) + limb("M4 15L9 29L17 45", 8) + limb("M-18 45H-23M17 45L14 47", 5)
    arms = limb("M-3 -8L-13 4L-19 13", 5.5) + limb("M6 -8L14 4L17 14", 5.5)
    stripes = "".join(polygon([(x, 51), (x + 11, 51), (x + 9, 63), (x - 5, 63)]) for x in (-43, -21.5, 0, 21.5))
    return disc(-1, -23, 7) + trunk + legs + arms + stripes


def _boy() -> str:
    trunk = fill("M-7 -13C-3 -17 5 -16 6 -10L8 11C8 16 -6 16 -7 10Z")
    legs = limb("M-2 11L-13 23L-10 41M-10 41H-15", 7) + limb("M4 11L10 24L25 30M25 30L27 26", 7)
    arms = limb("M-4 -10L-15 -2L-23 -8", 5) + limb("M5 -10L15 0L22 4", 5)
    return disc(-2, -25, 7.5) + trunk + legs + arms


def _girl() -> str:
    dress = fill("M-5 -13C-1 -16 4 -15 5 -11L13 14Q0 19 -12 14Z")
    legs = limb("M-5 13L-13 24L-10 39M-10 39H-15", 6.5) + limb("M6 13L11 24L23 28M23 28L25 24", 6.5)
    arms = limb("M-3 -10L-13 -3L-21 -7", 4.5) + limb("M4 -10L14 -6L22 -13", 4.5)
    hair = fill("M-2 -31C6 -33 10 -25 8 -18L11 -13C5 -13 3 -17 2 -21Z")
    return disc(-1, -24, 7) + hair + dress + legs + arms


def children() -> str:
    """A girl and a boy who run hand in hand (sign 136)."""
    return place(_girl(), x=-23, y=30.5, scale=0.8) + place(_boy(), x=14, y=21, scale=0.98)
