"""Texts with Argo's variables in them: how a value is referred to, quoted, and kept from being read as a template.

Argo fills ``{{inputs.parameters.x}}`` and evaluates ``{{=…}}`` in several passes over the same text, so a *value* that
holds ``{{`` would be filled again. Nothing can quote it; so constants and defaults with ``{{`` are refused here, by the
step's name, and ``refused`` is what a submitter must ask of every argument.

Three traps of ``{{=…}}`` (argo-workflows, util/template/expression_template.go) decide how expressions look here: the
first ``}}`` ends it; where a ``?`` and a ``:`` occur, also within quotes, what stands before the first ``?`` is
evaluated on its own; and ``a ?? b`` counts as resolved before ``a`` is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components.errors import UnsupportedError
from pipelines.targets import ir
from pipelines.targets.local.values import to_text, typed

Object = dict[str, Any]
"""A part of a Kubernetes object."""

LIMIT = 256 << 10
"""Bytes that Argo lets a parameter have."""

TRUE = "['1', 't', 'T', 'TRUE', 'true', 'True']"
"""An expression: what KFP's launcher takes for true in an output's file."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_UNQUOTABLE = re.compile(r"[^ -~]|[\\'\"`{}?:]")


@dataclass(frozen=True)
class Value:
    """Something known in a run only: an Argo expression that yields text, and the KFP type that the text is of.

    ``tag`` is how it stands in other text.
    """

    expression: str
    kind: str
    tag: str


Part = str | Value


def variable(*path: str, kind: str = "STRING") -> Value:
    """Returns a variable of Argo's: ``variable("inputs", "parameters", "epochs")``."""
    first, *rest = path
    # Dots read better, but a hyphen would be a minus.
    steps = [f".{one}" if one.isidentifier() else f"['{one}']" for one in rest]
    return Value(first + "".join(steps), kind, "{{" + ".".join(path) + "}}")


def parameter(*path: str, kind: str) -> Value:
    """Returns a named parameter; the last of ``path`` is its name, always indexed."""
    *group, name = path
    return Value(f"{variable(*group).expression}['{checked(name)}']", kind, "{{" + ".".join(path) + "}}")


def computed(expression: str, kind: str) -> Value:
    """Returns what an expression yields; it must yield text."""
    return Value(expression, kind, "{{=" + expression + "}}")


def quoted(text: str) -> str:
    """Returns a text as a literal of an expression: no character in it ends the tag or splits a ternary."""
    return "'" + _UNQUOTABLE.sub(lambda found: _escaped(found[0]), text) + "'"


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be")
    if len(units) > 2:  # expr's \u takes four digits, so what is beyond them stands for itself
        return character
    return f"\\u{int.from_bytes(units):04x}"


def checked(name: str) -> str:
    """Returns the name of a parameter or artifact that Argo takes; raises UnsupportedError for another."""
    if not _NAME.fullmatch(name):
        raise UnsupportedError(f"expected a name of letters, digits, _ and -, found {name!r}")
    return name


def refused(text: str) -> None:
    """Raises UnsupportedError for a text that Argo would read as a template, or not take for its size."""
    if len(text.encode()) > LIMIT:
        raise UnsupportedError(f"expected at most {LIMIT} bytes as a parameter, found {len(text.encode())}")
    if "{{" in text:
        raise UnsupportedError(f"expected text without {{{{, which Argo would fill or evaluate, found {text[:60]!r}")


def constant(value: object, kind: str) -> str:
    """Returns a constant as the text that a step gets, refused if Argo would read it as a template."""
    known = value if kind not in ir.KINDS or (kind == "STRING" and not isinstance(value, str)) else typed(value, kind)
    text = to_text(known)
    refused(text)
    return text


def text(parts: Sequence[Part]) -> str:
    """Returns texts and values as one text with tags.

    Raises:
        UnsupportedError: One of the texts would itself be read as a template.
    """
    joined, risky = "", False
    for part in parts:
        if isinstance(part, str):
            refused(joined[-1:] + part)
            joined += part
        else:
            # `{` and a tag beside it would be read as one `{{` and a variable whose name begins with `{`.
            risky |= joined.endswith("{")
            joined += part.tag
    if not risky:
        return joined
    return "{{=" + expression(parts) + "}}"


def expression(parts: Sequence[Part]) -> str:
    """Returns texts and values as one expression."""
    return " + ".join(part.expression if isinstance(part, Value) else quoted(part) for part in parts) or "''"


def shielded(value: Value) -> Value:
    """Returns the value for a container's command or environment, where Kubernetes would expand ``$(NAME)``.

    There ``$$`` is a dollar, so each is doubled: else ``$(AWS_SECRET_ACCESS_KEY)`` as a run's parameter would put the
    secret on a command line.
    """
    return computed(f"sprig.replace('$', '$$', {value.expression})", value.kind)


def shielded_text(text: str) -> str:
    """The same for text that is known now: only dollars that Kubernetes could read are doubled.

    What follows the last one may be a value, which may begin with a bracket.
    """
    return re.sub(r"\$(?=[$(]|\Z)", "$$", text)
