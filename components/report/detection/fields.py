"""JSON that another stage wrote, field by field: each is what it should be, or an error says where it is not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.errors import InputError
from components.report.markup import short

_LARGEST = 1e12
"""No number of ours is over it; what no float can hold is none of ours either."""


@dataclass(frozen=True)
class Fields:
    """An object out of a JSON file.

    Every reader raises InputError, "expected …, found …", where the field is missing or something else.

    Attributes:
        found: Its fields.
        where: What it is called in messages.
    """

    found: Mapping[str, Any]
    where: str

    @classmethod
    def of(cls, found: object, where: str) -> Fields:
        """Takes a value that is to be an object."""
        if not isinstance(found, dict):
            raise InputError(f"{where}: expected a JSON object, found {_told(found)}")
        return cls(found, where)

    def inner(self, name: str) -> Fields:
        """Returns an object inside of it."""
        return Fields.of(self.found.get(name), f"{self.where}: {name}")

    def several(self, name: str, most: int) -> Iterator[Fields]:
        """Yields the objects of a list of at most ``most``."""
        for i, one in enumerate(self._list(name, most)):
            yield Fields.of(one, f"{self.where}: {name}[{i}]")

    def text(self, name: str, most: int = 4096) -> str:
        """Returns a text of at most ``most`` characters."""
        found = self.found.get(name)
        if not isinstance(found, str) or len(found) > most:
            raise self._expected(name, f"a text of at most {most} characters")
        return found

    def flag(self, name: str) -> bool:
        """Returns true or false."""
        found = self.found.get(name)
        if not isinstance(found, bool):
            raise self._expected(name, "true or false")
        return found

    def whole(self, name: str, low: int = 0, high: int = 10**12) -> int:
        """Returns a whole number between ``low`` and ``high``, both included."""
        found = self.found.get(name)
        if type(found) is not int or not low <= found <= high:
            raise self._expected(name, f"a whole number from {low} to {high}")
        return found

    def number(self, name: str, low: float = -_LARGEST, high: float = _LARGEST) -> float:
        """Returns a finite number between ``low`` and ``high``, both included."""
        found = self.found.get(name)
        if not _within(found, low, high):
            raise self._expected(name, f"a number from {low:g} to {high:g}")
        return float(found)  # type: ignore[arg-type]

    def share(self, name: str) -> float:
        """Returns a number in [0, 1]."""
        return self.number(name, 0.0, 1.0)

    def known(self, name: str) -> bool:
        """Says whether the field is there and not null."""
        return self.found.get(name) is not None

    def numbers(
        self, name: str, count: int | None = None, low: float = -_LARGEST, high: float = _LARGEST, most: int = 100_000
    ) -> tuple[float, ...]:
        """Returns a list of numbers, as many as ``count`` or at most ``most``."""
        found = self._list(name, most)
        if (count is not None and len(found) != count) or not all(_within(one, low, high) for one in found):
            many = f"{count}" if count is not None else f"at most {most}"
            raise self._expected(name, f"a list of {many} numbers from {low:g} to {high:g}")
        return tuple(map(float, found))

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """Returns a list of at most ``most`` texts."""
        found = self._list(name, most)
        if not all(isinstance(one, str) for one in found):
            raise self._expected(name, "a list of texts")
        return tuple(found)

    def _list(self, name: str, most: int) -> list[Any]:
        found = self.found.get(name)
        if not isinstance(found, list) or len(found) > most:
            raise self._expected(name, f"a list of at most {most}")
        return found

    def _expected(self, name: str, what: str) -> InputError:
        there = _told(self.found[name]) if name in self.found else "none of that name"
        return InputError(f"{self.where}: {name}: expected {what}, found {there}")


def _within(found: object, low: float, high: float) -> bool:
    """Says whether a value is a number in bounds; the comparison refuses NaN, and whole numbers beyond any float."""
    return type(found) in (int, float) and low <= found <= high and math.isfinite(found)  # type: ignore[operator,arg-type]


def _told(value: object) -> str:
    if isinstance(value, list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__} {short(repr(value), 60)}"
