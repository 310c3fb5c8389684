"""The conditions that ``dsl.If``, ``Elif`` and ``Else`` compile to: a small subset of CEL, read by hand.

::

    condition  = and { "||" and }
    and        = not { "&&" not }
    not        = "!" not | comparison
    comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand ]
    operand    = "(" condition ")" | cast "(" condition ")" | text | number | "true" | "false"
               | "inputs.parameter_values['" name "']"
    cast       = "int" | "double" | "string" | "bool"

Values keep CEL's types: ``true == 1`` is false, numbers compare by value whatever their kind, and ``<`` between unlike
kinds is an error (cel-spec, langdef.md).
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from components.errors import InputError, UnsupportedError
from pipelines.targets.local.values import number_text

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<input>inputs\.parameter_values\[(?:'(?P<single>[^'\\]*)'|"(?P<double>[^"\\]*)")\])
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<sign>&&|\|\||==|!=|<=|>=|[<>!()])
    )""",
    re.VERBOSE,
)
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t", "`": "`", "?": "?"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CASTS = ("int", "double", "string", "bool")


def evaluate(text: str, parameters: Mapping[str, Any]) -> bool:
    """Returns whether the condition holds.

    Args:
        text: As the compiler wrote it.
        parameters: The task's input parameters.

    Raises:
        UnsupportedError: The text is outside the subset above.
        InputError: A parameter is missing, or two values cannot be compared or cast.
    """
    reader = _Reader(text, parameters)
    value = reader.either(True)
    if reader.position != len(reader.tokens):
        raise reader.unsupported()
    return reader.truth(value)


def check(text: str) -> None:
    """Raises UnsupportedError if ``evaluate`` could not read the condition."""
    reader = _Reader(text, {})
    reader.either(False)
    if reader.position != len(reader.tokens):
        raise reader.unsupported()


def tokens(text: str) -> list[tuple[str, str]]:
    """Returns a condition's tokens, each with its kind: input (and its name), text, number, word or sign.

    Raises:
        UnsupportedError: There is something else in it.
    """
    return _Reader(text, {}).tokens


def unescaped(text: str) -> str:
    """Returns what the inside of a quoted text stands for; raises UnsupportedError for an unknown escape."""

    def one(found: re.Match[str]) -> str:
        if found[1] not in _ESCAPES:
            raise UnsupportedError(f"expected a condition of comparisons, found an unknown escape in {text!r}")
        return _ESCAPES[found[1]]

    return re.sub(r"\\(.)", one, text, flags=re.DOTALL)


class _Reader:
    """One pass over the tokens; where ``live`` is false the text is read but not evaluated (short circuit)."""

    def __init__(self, text: str, parameters: Mapping[str, Any]) -> None:
        self.text, self.parameters, self.position = text, parameters, 0
        self.tokens: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if not found:
                raise self.unsupported()
            kind = found.lastgroup if found.lastgroup not in ("single", "double") else "input"
            name = found["single"] if found["single"] is not None else found["double"]
            self.tokens.append((str(kind), name if kind == "input" else found[str(kind)]))
            at = found.end()

    def unsupported(self) -> UnsupportedError:
        return UnsupportedError(f"expected a condition of comparisons, found {self.text!r}")

    def either(self, live: bool) -> Any:
        value = self.both(live)
        while self.accept("||"):
            left = live and self.truth(value)
            right = self.both(live and not left)
            value = left or (live and self.truth(right))
        return value

    def both(self, live: bool) -> Any:
        value = self.negated(live)
        while self.accept("&&"):
            left = live and self.truth(value)
            right = self.negated(live and left)
            value = left and self.truth(right)
        return value

    def negated(self, live: bool) -> Any:
        if self.accept("!"):
            value = self.negated(live)
            return live and not self.truth(value)
        return self.comparison(live)

    def comparison(self, live: bool) -> Any:
        left = self.operand(live)
        for sign in ("==", "!=", "<=", ">=", "<", ">"):
            if self.accept(sign):
                right = self.operand(live)
                return live and self.compare(sign, left, right)
        return left

    def operand(self, live: bool) -> Any:
        kind, word = self.tokens[self.position] if self.position < len(self.tokens) else ("", "")
        self.position += 1
        if kind == "sign" and word == "(":
            value = self.either(live)
            self.expect(")")
            return value
        if kind == "word" and word in _CASTS:
            self.expect("(")
            value = self.either(live)
            self.expect(")")
            return self.cast(word, value) if live else value
        if kind == "word" and word in ("true", "false"):
            return word == "true"
        if kind == "text":
            return unescaped(word[1:-1])
        if kind == "number":
            return float(word) if set(word) & set(".eE") else int(word)
        if kind == "input":
            return self.parameter(word) if live else False
        raise self.unsupported()

    def accept(self, sign: str) -> bool:
        found = self.position < len(self.tokens) and self.tokens[self.position] == ("sign", sign)
        self.position += found
        return found

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            raise self.unsupported()

    def parameter(self, name: str) -> Any:
        if self.parameters.get(name) is None:
            raise InputError(f"expected a value for the condition's {name!r}, found none")
        return self.parameters[name]

    def truth(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise InputError(f"expected true or false in the condition {self.text!r}, found {value!r}")
        return value

    def compare(self, sign: str, left: Any, right: Any) -> bool:
        alike = _kind(left) == _kind(right)
        if sign in ("==", "!="):
            return (alike and left == right) == (sign == "==")
        if not alike or _kind(left) not in ("number", "text", "bool"):
            raise InputError(f"expected values that can be compared in {self.text!r}, found {left!r} and {right!r}")
        return _COMPARE[sign](left, right)

    def cast(self, to: str, value: Any) -> Any:
        try:
            return _cast(to, value)
        except (ValueError, OverflowError, KeyError):
            raise InputError(f"expected a value that {to}() takes in {self.text!r}, found {value!r}") from None


def _cast(to: str, value: Any) -> Any:
    kind = _kind(value)
    if to == "string":
        return number_text(value) if kind == "number" else str(value).lower() if kind == "bool" else str(value)
    if to == "bool":
        return value if kind == "bool" else {"true": True, "false": False}[value]
    if kind == "number":
        return math.trunc(value) if to == "int" else float(value)
    if kind == "text":
        return int(value) if to == "int" else float(value)
    raise ValueError(to)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__
