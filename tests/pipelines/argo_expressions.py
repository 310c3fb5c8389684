"""Argo's templates as its controller fills them: simple tags, expression tags, several passes, and the traps of each.

Written from expr-lang's language definition, Argo's docs/variables.md and util/template/expression_template.go; it
shares nothing with the compiler under test. Only what the compiler emits is read; anything else raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Scope = Mapping[str, Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<text>'(?:[^'\\]|\\.)*')
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>==|!=|<=|>=|&&|\|\||[-+<>!?:.,(){}\[\]]))""",
    re.VERBOSE,
)
_MISSING = object()


class UnresolvedError(Exception):
    """A variable that is not known (yet); Argo leaves the tag as it is, and fails where none may be left."""


def evaluate(source: str, scope: Scope) -> Any:
    """The value of an expression of expr-lang."""
    parser = _Parser(source)
    run = parser.ternary()
    parser.end()
    return run(scope)


def fill(text: str, scope: Scope) -> str:
    """One pass over a text; tags with unknown variables stay."""
    found, at = "", 0
    while (start := text.find("{{", at)) >= 0 and (end := text.find("}}", start)) >= 0:
        inner = text[start + 2 : end]
        found += text[at:start]
        try:
            found += _shown(_expression(inner[1:], scope)) if inner.startswith("=") else _simple(inner, scope)
        except UnresolvedError:
            found += text[start : end + 2]
        at = end + 2
    return found + text[at:]


def _simple(inner: str, scope: Scope) -> str:
    value: Any = scope
    for name in inner.strip().split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise UnresolvedError(inner)
        value = value[name]
    return _shown(value)


def _expression(source: str, scope: Scope) -> Any:
    if "?" in source and ":" in source and len(source) >= 5:
        condition, rest = source.split("?", 1)
        source = f"{_shown(evaluate(condition, scope))}?{rest}"
    value = evaluate(source, scope)
    if value is None:
        raise UnresolvedError(source)
    return value


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise ValueError(f"an expression's result that is no text: {value!r}")


class _Parser:
    def __init__(self, source: str) -> None:
        self.source, self.tokens, at = source, list[tuple[str, str]](), 0
        while at < len(source.rstrip()):
            found = _TOKEN.match(source, at)
            if not found:
                raise ValueError(f"{source!r} cannot be read at {at}")
            self.tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()
        self.at = 0

    def end(self) -> None:
        if self.at != len(self.tokens):
            raise ValueError(f"{self.source!r}: {self.tokens[self.at]} is left")

    def take(self, *signs: str) -> str:
        if self.at < len(self.tokens) and self.tokens[self.at][0] in ("sign", "name"):
            word = self.tokens[self.at][1]
            if word in signs:
                self.at += 1
                return word
        return ""

    def want(self, sign: str) -> None:
        if not self.take(sign):
            raise ValueError(f"{self.source!r}: {sign} is missing")

    def ternary(self) -> Callable[[Scope], Any]:
        condition = self.binary(0)
        if not self.take("?"):
            return condition
        yes = self.ternary()
        self.want(":")
        no = self.ternary()
        return lambda scope: yes(scope) if _bool(condition(scope)) else no(scope)

    LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+",))

    def binary(self, level: int) -> Callable[[Scope], Any]:
        if level == len(self.LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while sign := self.take(*self.LEVELS[level]):
            left = _joined(sign, left, self.binary(level + 1))
        return left

    def unary(self) -> Callable[[Scope], Any]:
        if self.take("!"):
            value = self.unary()
            return lambda scope: not _bool(value(scope))
        if self.take("-"):
            value = self.unary()
            return lambda scope: -value(scope)
        return self.postfix(self.primary())

    def primary(self) -> Callable[[Scope], Any]:
        if self.take("("):
            value = self.ternary()
            self.want(")")
            return value
        if self.take("["):
            items = self.items("]", self.ternary)
            return lambda scope: [item(scope) for item in items]
        if self.take("{"):
            pairs = self.items("}", self.pair)
            return lambda scope: {key: value(scope) for key, value in pairs}
        if self.at == len(self.tokens):
            raise ValueError(f"{self.source!r}: a value is missing at the end")
        kind, word = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return lambda scope: float(word)
        if kind == "text":
            text = _text(word)
            return lambda scope: text
        if word in ("true", "false"):
            return lambda scope: word == "true"
        if word in _FUNCTIONS and self.tokens[self.at : self.at + 1] == [("sign", "(")]:
            return lambda scope: _FUNCTIONS[word]
        if word == "sprig":
            self.want(".")
            self.at += 1
            name = f"sprig.{self.tokens[self.at - 1][1]}"
            return lambda scope: _FUNCTIONS[name]
        if kind != "name":
            raise ValueError(f"{self.source!r}: {word} where a value is wanted")
        return lambda scope: _member(scope, word)

    def postfix(self, value: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
        while sign := self.take(".", "[", "("):
            if sign == ".":
                self.at += 1
                value = _indexed(value, lambda scope, name=self.tokens[self.at - 1][1]: name)
            elif sign == "[":
                value = _indexed(value, self.ternary())
                self.want("]")
            else:
                value = _called(value, self.items(")", self.ternary))
        return value

    def pair(self) -> tuple[str, Callable[[Scope], Any]]:
        self.at += 1
        key = _text(self.tokens[self.at - 1][1])
        self.want(":")
        return key, self.ternary()

    def items(self, end: str, one: Callable[[], Any]) -> list[Any]:
        found: list[Any] = []
        while not self.take(end):
            found.append(one())
            if not self.take(","):
                self.want(end)
                break
        return found


def _text(word: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), word[1:-1])


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} where true or false is wanted")
    return value


def _member(value: Any, name: Any) -> Any:
    if not isinstance(value, Mapping):
        raise UnresolvedError(f"{name} of {value!r}")
    found = value.get(name, _MISSING)
    if found is _MISSING:
        raise UnresolvedError(str(name))
    return found


def _indexed(value: Callable[[Scope], Any], index: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
    return lambda scope: _member(value(scope), index(scope))


def _called(function: Callable[[Scope], Any], arguments: list[Callable[[Scope], Any]]) -> Callable[[Scope], Any]:
    return lambda scope: function(scope)(*[argument(scope) for argument in arguments])


def _joined(sign: str, left: Callable[[Scope], Any], right: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
    def run(scope: Scope) -> Any:
        if sign == "||":
            return _bool(left(scope)) or _bool(right(scope))
        if sign == "&&":
            return _bool(left(scope)) and _bool(right(scope))
        one, other = left(scope), right(scope)
        if sign == "+":
            if not (isinstance(one, str) and isinstance(other, str)):
                raise ValueError(f"{one!r} + {other!r}")
            return one + other
        if sign == "in":
            return one in other
        if sign in ("==", "!="):
            return (type(one) is type(other) and one == other) == (sign == "==")
        if type(one) is not type(other) or isinstance(one, bool):
            raise ValueError(f"{one!r} {sign} {other!r}")
        return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[sign]

    return run


def _json(value: Any) -> str:
    def plain(item: Any) -> Any:
        if isinstance(item, float) and item.is_integer():
            return int(item)
        if isinstance(item, dict):
            return {key: plain(one) for key, one in item.items()}
        return [plain(one) for one in item] if isinstance(item, list) else item

    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _jsonpath(text: str, path: str) -> Any:
    found = json.loads(text)
    if path == "$[*][*]":
        return [item for items in found for item in items]
    if not path.startswith("$.") or path[2:] not in found:
        raise ValueError(f"jsonpath {path} in {text}")
    return found[path[2:]]


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "asFloat": float,
    "toJson": _json,
    "jsonpath": _jsonpath,
    "sprig.replace": lambda old, new, text: text.replace(old, new),
}
