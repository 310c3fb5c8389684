"""The 43 signs in GTSRB's order, each as SVG.

Classes are numbered as in Stallkamp et al., "The German Traffic Sign Recognition Benchmark" (2011), and named in
:mod:`components.data.classes`; sign numbers are those of the German road traffic order (StVO).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from components.data.signs import arrows, lettering, nature, people, plates, vehicles
from components.data.signs.drawing import GREY
from components.data.signs.randomness import checked


class Sign(NamedTuple):
    """One class: its sign's number in the StVO, and what draws it."""

    stvo: str
    draw: Callable[[], str]


def _limit(value: int) -> Sign:
    return Sign(f"274-{value}", lambda: plates.prohibition(lettering.speed(value)))


def _prohibition(stvo: str, content: Callable[[], str] = str) -> Sign:
    return Sign(stvo, lambda: plates.prohibition(content()))


def _ending(stvo: str, content: Callable[[], str] = str) -> Sign:
    return Sign(stvo, lambda: plates.ending(plates.grey(content())))


def _warning(stvo: str, content: Callable[[], str]) -> Sign:
    return Sign(stvo, lambda: plates.warning(content()))


def _mandatory(stvo: str, content: Callable[[], str]) -> Sign:
    return Sign(stvo, lambda: plates.mandatory(content()))


SIGNS: tuple[Sign, ...] = (
    _limit(20),
    _limit(30),
    _limit(50),
    _limit(60),
    _limit(70),
    _limit(80),
    Sign("278-80", lambda: plates.ending(lettering.speed(80, GREY))),
    _limit(100),
    _limit(120),
    _prohibition("276", vehicles.two_cars),
    _prohibition("277", vehicles.lorry_and_car),
    _warning("301", arrows.right_of_way),
    Sign("306", plates.priority_road),
    Sign("205", plates.give_way),
    Sign("206", lambda: plates.stop(lettering.stop_word())),
    _prohibition("250"),
    _prohibition("253", vehicles.lorry_side),
    Sign("267", plates.no_entry),
    _warning("101", nature.exclamation_mark),
    _warning("103-10", arrows.bend_left),
    _warning("103-20", arrows.bend_right),
    _warning("105-10", arrows.double_bend),
    _warning("112", arrows.bumps),
    _warning("114", vehicles.skidding_car),
    _warning("121-10", arrows.narrows_right),
    _warning("123", people.worker),
    _warning("131", nature.traffic_light),
    _warning("134", people.pedestrian),
    _warning("136", people.children),
    _warning("138", vehicles.bicycle),
    _warning("101-51", nature.snowflake),
    _warning("142", nature.deer),
    _ending("282"),
    _mandatory("209-20", arrows.turn_right),
    _mandatory("209-10", arrows.turn_left),
    _mandatory("209-30", arrows.straight),
    _mandatory("214", arrows.straight_or_right),
    _mandatory("214-10", arrows.straight_or_left),
    _mandatory("222", arrows.keep_right),
    _mandatory("222-10", arrows.keep_left),
    _mandatory("215", arrows.roundabout),
    _ending("280", vehicles.two_cars),
    _ending("281", vehicles.lorry_and_car),
)

CLASSES = len(SIGNS)


def sign_svg(class_id: int) -> str:
    """The clean sign as an SVG document on a transparent square, −104 … 104 both ways.

    Raises:
        InputError: There is no such class.
    """
    content = SIGNS[checked("sign class", class_id, 0, CLASSES - 1)].draw()
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-104 -104 208 208">{content}</svg>'
