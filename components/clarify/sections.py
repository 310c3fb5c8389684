"""Sections of a configuration that check themselves, from JSON or as Python objects, and report every mistake at once.

A section is a frozen dataclass whose fields carry a check. A check takes a value, its path and the reading, and returns
the value as it is kept (an integer as float, a list as tuple), or reports what it expected.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Self

from components.errors import InputError
from components.package.strict import short


@dataclass
class Reading:
    """What a reading has found out.

    Attributes:
        problems: What is wrong, each with its path.
        ignored: Paths of keys that are AWS's and mean nothing here.
    """

    problems: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def expected(self, path: str, what: str, value: object) -> None:
        """Reports that a value is not what it should be."""
        self.problems.append(f"{path}: expected {what}, found {short(value)}")

    def finish(self) -> None:
        """Raises InputError with every problem, when there is one."""
        if self.problems:
            raise InputError("analysis config: " + "; ".join(self.problems))


Check = Callable[[Any, str, Reading], Any]


def checked(check: Check, key: str | None = None) -> Mapping[str, Any]:
    """Returns the metadata of a dataclass field that is checked; None as its default is taken without.

    Args:
        check: Of its value.
        key: Its name in JSON, where that is another than the field's.
    """
    return {"check": check, "key": key}


@dataclass(frozen=True)
class Section:
    """A part of the configuration; it cannot exist with a value that its checks refuse."""

    IGNORED: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        reading = Reading()
        for name, (attribute, check) in self._keys().items():
            value = getattr(self, attribute)
            if value is not None or self._default(attribute) is not None:
                object.__setattr__(self, attribute, check(value, name, reading))
        reading.finish()

    @classmethod
    def read(cls, raw: object, path: str, reading: Reading) -> Self | None:
        """Reads it from a JSON object; what is wrong is reported, and then there is none.

        A null stands for the default, as if the key were not there.
        """
        if not isinstance(raw, Mapping):
            reading.expected(path or "document", "an object", raw)
            return None
        known, before, values = cls._keys(), len(reading.problems), {}
        for key, value in raw.items():
            where = f"{path}.{key}" if path else str(key)
            if key in known:
                attribute, check = known[key]
                if value is not None:
                    values[attribute] = check(value, where, reading)
            elif key in cls.IGNORED:
                reading.ignored.append(where)
            else:
                near = difflib.get_close_matches(str(key), [*known, *cls.IGNORED], 1)
                hint = f"{near[0]!r}" if near else "one of " + ", ".join(known)
                reading.expected(where, hint, key)
        for name, (attribute, _) in known.items():
            if attribute not in values and cls._default(attribute) is MISSING:
                reading.problems.append(f"{path}.{name}: expected a value, found none" if path else f"{name}: required")
        return cls(**values) if len(reading.problems) == before else None

    def write(self) -> dict[str, Any]:
        """Returns it as JSON values; what is None is left out."""
        found = {name: _plain(getattr(self, attribute)) for name, (attribute, _) in self._keys().items()}
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def _keys(cls) -> dict[str, tuple[str, Check]]:
        """Returns the attribute and the check of each name in JSON."""
        checked = [f for f in fields(cls) if "check" in f.metadata]
        return {f.metadata["key"] or f.name: (f.name, f.metadata["check"]) for f in checked}

    @classmethod
    def _default(cls, attribute: str) -> Any:
        return next(f.default for f in fields(cls) if f.name == attribute)


def section(kind: type[Section]) -> Check:
    """Checks for such a section, as itself or as a JSON object."""

    def check(value: Any, path: str, reading: Reading) -> Any:
        return value if isinstance(value, kind) else kind.read(value, path, reading)

    return check


def whole(least: int, most: int = 2**63 - 1) -> Check:
    """Checks for a whole number within bounds, written without a point."""

    def check(value: Any, path: str, reading: Reading) -> Any:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            bounds = f"from {least}" if most == 2**63 - 1 else f"from {least} to {most}"
            reading.expected(path, f"a whole number {bounds}", value)
        return value

    return check


def number(least: float, most: float = math.inf, above: bool = False) -> Check:
    """Checks for a finite number within bounds; ``above`` leaves the lower one out. An integer becomes a float."""

    def check(value: Any, path: str, reading: Reading) -> Any:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not least <= value <= most
            or not abs(value) <= 1e300  # also what no float can hold
            or (above and value == least)
        ):
            bounds = f"over {least:g}" if above else f"from {least:g}"
            reading.expected(path, f"a number {bounds}" + ("" if math.isinf(most) else f" to {most:g}"), value)
            return value
        return float(value)

    return check


def flag(value: Any, path: str, reading: Reading) -> Any:
    """Checks for true or false."""
    if not isinstance(value, bool):
        reading.expected(path, "true or false", value)
    return value


def text(value: Any, path: str, reading: Reading) -> Any:
    """Checks for a text of 1 to 4096 characters, each of which can be written to a file."""
    try:
        if not isinstance(value, str) or not 1 <= len(value.encode()) <= 4096 or "\0" in value:
            reading.expected(path, "a text of 1 to 4096 bytes", value)
    except UnicodeEncodeError:
        reading.expected(path, "a text without halves of surrogate pairs", value)
    return value


def one_of(*choices: str) -> Check:
    """Checks for one of some texts."""

    def check(value: Any, path: str, reading: Reading) -> Any:
        if not isinstance(value, str) or value not in choices:
            reading.expected(path, " or ".join(choices), value)
        return value

    return check


def several(each: Check) -> Check:
    """Checks for a list of different values, each of which passes a check; it becomes a tuple."""

    def check(value: Any, path: str, reading: Reading) -> Any:
        if not isinstance(value, list | tuple):
            reading.expected(path, "a list", value)
            return value
        before = len(reading.problems)
        kept = tuple(each(item, f"{path}[{i}]", reading) for i, item in enumerate(value))
        if len(reading.problems) == before and len(set(kept)) < len(kept):
            reading.expected(path, "no value twice", value)
        return kept

    return check


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.write()
    return list(value) if isinstance(value, tuple) else value
