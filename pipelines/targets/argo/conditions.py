"""The conditions of ``dsl.If``, ``Elif`` and ``Else`` as Argo expressions.

They come in the subset of CEL that ``targets.local.conditions`` reads. Argo's parameters are all text, CEL's have
types: here every operand's type is known when the pipeline is compiled, so that each comparison is written for it, and
one between unlike types, which CEL calls unequal, is decided at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from components.errors import UnsupportedError
from pipelines.targets.argo.values import TRUE, Value, quoted
from pipelines.targets.local import conditions
from pipelines.targets.local.values import number_text

_NUMBERS = ("NUMBER_INTEGER", "NUMBER_DOUBLE")
_ORDERS = ("<", "<=", ">", ">=")


@dataclass(frozen=True)
class _Typed:
    """An expression and its type: text, whole, number or bool; ``raw``: the text of a cast's operand."""

    expression: str
    kind: str
    raw: str = ""

    @property
    def family(self) -> str:
        return "number" if self.kind == "whole" else self.kind


def when(text: str, parameters: Mapping[str, Value]) -> str:
    """Returns the ``when`` of a task.

    Args:
        text: The condition as the compiler wrote it.
        parameters: What the task's input parameters are given.

    Raises:
        UnsupportedError: The condition has no counterpart.
    """
    conditions.check(text)
    reader = _Reader(text, parameters)
    found = reader.either()
    reader.want(found, "bool")
    return "{{=" + found.expression + "}}"


class _Reader:
    """Recursive descent over the same grammar as ``targets.local.conditions``, which has checked it already."""

    def __init__(self, text: str, parameters: Mapping[str, Value]) -> None:
        self.text, self.parameters, self.position = text, parameters, 0
        self.tokens = conditions.tokens(text)

    def either(self) -> _Typed:
        return self._joined("||", self.both)

    def both(self) -> _Typed:
        return self._joined("&&", self.negated)

    def _joined(self, sign: str, member: Callable[[], _Typed]) -> _Typed:
        value = member()
        while self.accept(sign):
            other = member()
            self.want(value, "bool")
            self.want(other, "bool")
            value = _Typed(f"({value.expression} {sign} {other.expression})", "bool")
        return value

    def negated(self) -> _Typed:
        if self.accept("!"):
            value = self.negated()
            self.want(value, "bool")
            return _Typed(f"!({value.expression})", "bool")
        return self.comparison()

    def comparison(self) -> _Typed:
        left = self.operand()
        for sign in ("==", "!=", *_ORDERS):
            if self.accept(sign):
                return self.compare(sign, left, self.operand())
        return left

    def compare(self, sign: str, left: _Typed, right: _Typed) -> _Typed:
        if left.family != right.family and sign in ("==", "!="):
            return _Typed("true" if sign == "!=" else "false", "bool")
        if left.family != right.family or (sign in _ORDERS and left.family == "bool"):
            raise self.unsupported(f"values of {left.family} and {right.family} cannot be compared by {sign}")
        if right.expression in ("true", "false"):
            return left if (sign == "==") == (right.expression == "true") else _Typed(f"!{left.expression}", "bool")
        return _Typed(f"{left.expression} {sign} {right.expression}", "bool")

    def operand(self) -> _Typed:
        kind, word = self.tokens[self.position]
        self.position += 1
        if kind == "sign":
            value = self.either()
            self.accept(")")
            return _Typed(f"({value.expression})", value.kind, value.raw)
        if kind == "text":
            return _Typed(quoted(conditions.unescaped(word[1:-1])), "text")
        if kind == "number":
            return _Typed(number_text(float(word)), "number" if set(word) & set(".eE") else "whole")
        if kind == "input":
            return self.parameter(word)
        if word in ("true", "false"):
            return _Typed(word, "bool")
        self.accept("(")
        value = self.either()
        self.accept(")")
        return self.cast(word, value)

    def parameter(self, name: str) -> _Typed:
        if name not in self.parameters:
            raise self.unsupported(f"nothing gives {name!r} a value")
        value = self.parameters[name]
        text = value.expression
        if value.kind in _NUMBERS:
            return _Typed(f"asFloat({text})", "whole" if value.kind == "NUMBER_INTEGER" else "number", text)
        if value.kind == "BOOLEAN":
            return _Typed(f"({text} in {TRUE})", "bool", text)
        if value.kind == "STRING":
            return _Typed(text, "text", text)
        raise self.unsupported(f"{name!r} is of type {value.kind}")

    def cast(self, to: str, value: _Typed) -> _Typed:
        if to == "int" and value.kind == "whole":
            return value
        if to == "double" and value.family == "number":
            return _Typed(value.expression, "number", value.raw)
        if (to, value.kind) in (("string", "text"), ("bool", "bool")):
            return value
        if to == "double" and value.kind == "text" and value.raw:
            return _Typed(f"asFloat({value.raw})", "number", value.raw)
        raise self.unsupported(f"{to}() of {value.kind}")

    def want(self, value: _Typed, kind: str) -> None:
        if value.kind != kind:
            raise self.unsupported(f"{value.kind} where true or false is wanted")

    def accept(self, sign: str) -> bool:
        found = self.position < len(self.tokens) and self.tokens[self.position] == ("sign", sign)
        self.position += found
        return found

    def unsupported(self, found: str) -> UnsupportedError:
        return UnsupportedError(f"expected a condition that Argo can decide, found {self.text!r}: {found}")
