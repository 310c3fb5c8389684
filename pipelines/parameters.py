"""A run's parameters: read from the command line, checked against the pipeline, all errors at once."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.errors import InputError, ParameterError
from pipelines.targets import ir
from pipelines.targets.local.values import described, from_text, to_text, typed


def resolve(given: Sequence[str], pipeline: ir.Pipeline) -> dict[str, Any]:
    """Returns every parameter's value: as given, else its default; an optional one without either is left out.

    Args:
        given: ``name=value`` each; lists and objects as JSON.
        pipeline: Says which parameters there are.

    Raises:
        ParameterError: Names all that is wrong and what was expected.
    """
    declared = pipeline.root.inputs.parameters
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for item in given:
        name, sign, text = item.partition("=")
        if not sign:
            wrong.append(f"{item}: expected name=value, found no '='")
        elif name not in declared:
            wrong.append(f"{name}: {_unknown(name, declared)}")
        elif name in values:
            wrong.append(f"{name}: expected once, found twice")
        else:
            values[name] = ir.ABSENT
            try:
                values[name] = _chosen(from_text(text, declared[name].kind), declared[name])
            except InputError as error:
                wrong.append(f"{name}: {error}")
    for name, parameter in declared.items():
        if name in values or (parameter.optional and parameter.default is ir.ABSENT):
            continue
        if parameter.default is ir.ABSENT:
            wrong.append(f"{name}: expected {described(parameter.kind)}, found nothing: --param {name}=…")
        else:
            values[name] = typed(parameter.default, parameter.kind)
    if pipeline.root.inputs.artifacts:
        wrong.append(f"{', '.join(pipeline.root.inputs.artifacts)}: expected no artifacts as the pipeline's own inputs")
    if wrong:
        raise ParameterError("\n".join([f"{pipeline.name}: {len(wrong)} wrong parameters", *(f"  {w}" for w in wrong)]))
    return values


def described_all(pipeline: ir.Pipeline) -> list[str]:
    """Returns one line for each parameter: its name, what it takes, its default."""
    lines = []
    for name, parameter in pipeline.root.inputs.parameters.items():
        default = "" if parameter.default is ir.ABSENT else f" (default: {to_text(parameter.default)})"
        lines.append(f"{name}: {described(parameter.kind)}{default}")
    return lines


def _chosen(value: Any, parameter: ir.Parameter) -> Any:
    if parameter.choices and value not in parameter.choices:
        raise InputError(f"expected one of {json.dumps(list(parameter.choices))}, found {value!r}")
    return value


def _unknown(name: str, declared: Mapping[str, ir.Parameter]) -> str:
    close = difflib.get_close_matches(name, declared, 1)
    meant = f" (did you mean {close[0]}?)" if close else ""
    return f"expected a parameter among {', '.join(declared) or 'none'}, found {name!r}{meant}"
