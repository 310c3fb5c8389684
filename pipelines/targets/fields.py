"""An object of the IR whose every key must be accounted for."""

from __future__ import annotations

from typing import Any

from components.errors import UnsupportedError


class Fields:
    """Hands out an object's fields, typed, and complains about those that nobody asked for.

    A field that is skipped in silence would be a pipeline that runs otherwise than it was written.

    Args:
        value: The object; None stands for an empty one.
        where: How to call it in errors, as ``step 'train'``.
    """

    def __init__(self, value: object, where: str) -> None:
        self.where = where
        if not isinstance(value, dict | None):
            raise self._wrong("an object", value)
        self._left: dict[str, Any] = dict(value or {})

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str, default: Any = None) -> Any:
        """Returns a field of any type."""
        return self._left.pop(key, default)

    def text(self, key: str, default: str = "") -> str:
        """Returns a field that holds text."""
        return self._typed(key, str, "text", default)

    def flag(self, key: str) -> bool:
        """Returns a field that is true or false (where absent)."""
        return self._typed(key, bool, "true or false", False)

    def whole(self, key: str, default: int = 0) -> int:
        """Returns a whole number; protobuf writes 64-bit ones as text."""
        value = self.take(key, default)
        try:
            if isinstance(value, bool) or int(value) != float(value):
                raise ValueError
            return int(value)
        except (TypeError, ValueError, OverflowError):
            raise self._wrong(f"a whole number as {key}", value) from None

    def number(self, key: str, default: float) -> float:
        """Returns a number."""
        value = self.take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(f"a number as {key}", value)
        return float(value)

    def seconds(self, key: str, default: float) -> float:
        """Returns a duration as protobuf writes it, ``"10s"``, in seconds."""
        value = self.take(key)
        if value is None:
            return default
        try:
            return float(str(value).removesuffix("s"))
        except ValueError:
            raise self._wrong(f"a duration as {key}", value) from None

    def texts(self, key: str) -> tuple[str, ...]:
        """Returns a list of texts."""
        value = self._typed(key, list, "a list", [])
        if not all(isinstance(item, str) for item in value):
            raise self._wrong(f"a list of texts as {key}", value)
        return tuple(value)

    def objects(self, key: str) -> list[Fields]:
        """Returns a list of objects."""
        return [Fields(item, self.where) for item in self._typed(key, list, "a list", [])]

    def part(self, key: str, where: str = "") -> Fields:
        """Returns an object, empty where it is absent."""
        return Fields(self.take(key), where or self.where)

    def named(self, key: str, called: str = "") -> dict[str, Fields]:
        """Returns an object of objects; each is called ``called`` and its name in errors."""
        group = Fields(self.take(key), self.where)
        called = called or f"{self.where}, {key}"
        return {name: Fields(item, f"{called} '{name}'") for name, item in group._left.items()}

    def ignore(self, *keys: str) -> None:
        """Drops fields that mean nothing to a reader of this kind; say why where you call it."""
        for key in keys:
            self._left.pop(key, None)

    def end(self) -> None:
        """Raises if a field is left that nobody asked for."""
        if self._left:
            found = ", ".join(f"{key}: {value!r}"[:60] for key, value in sorted(self._left.items()))
            raise UnsupportedError(f"{self.where}: expected only fields that can be run faithfully, found {found}")

    def _typed(self, key: str, kind: type, called: str, default: Any) -> Any:
        value = self.take(key, default)
        if not isinstance(value, kind):
            raise self._wrong(f"{called} as {key}", value)
        return value

    def _wrong(self, expected: str, found: object) -> UnsupportedError:
        return UnsupportedError(f"{self.where}: expected {expected}, found {str(found)[:60]!r}")
