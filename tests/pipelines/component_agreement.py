"""Compares a KFP component with the program it calls: flags, sides, kinds, types and defaults."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from kfp.dsl.base_component import BaseComponent

from components.artifacts import Declared, Stage
from pipelines.targets import ir, kfp
from pipelines.targets.local.values import to_text

PLACES = {
    "input": "{{{{$.inputs.artifacts['{}'].path}}}}",
    "output": "{{{{$.outputs.artifacts['{}'].path}}}}",
    "result": "{{{{$.outputs.parameters['{}'].output_file}}}}",
    "parameter": "{{{{$.inputs.parameters['{}']}}}}",
}
TYPES = {
    "text": ("STRING", "LIST", "STRUCT", "TASK_FINAL_STATUS"),
    "integer": ("NUMBER_INTEGER",),
    "number": ("NUMBER_DOUBLE",),
    "boolean": ("BOOLEAN",),
}


def components_in(module: ModuleType) -> Iterator[tuple[str, BaseComponent]]:
    """The components of a module."""
    for name, value in vars(module).items():
        if isinstance(value, BaseComponent):
            yield name, value


def stage_of(command: tuple[str, ...]) -> Stage:
    """The declaration of the program that ``python -m <package> [sub-command]`` starts."""
    if command[:2] != ("python", "-m"):
        raise AssertionError(f"expected python -m <package>, found {command}")
    program = importlib.import_module(f"{command[2]}.__main__")
    if len(command) > 3:
        stage, _ = program.STAGES[command[3]]
        return stage
    return program.stage


def disagreements(component: BaseComponent, stage: Stage | None = None) -> list[str]:
    """Everything in which a component and its program differ; nothing when they agree."""
    _, pipeline = kfp.checked(component)
    (spec,) = (one for one in pipeline.components.values() if isinstance(one.body, ir.Container))
    stage = stage or stage_of(spec.body.command)
    passed = _flags(spec.body.args)
    declared = {one.flag: one for one in stage.declared.values()}
    found = [
        f"{flag}: passed, but the program does not take it"
        for flag in passed
        if flag not in {*declared, "--executor-input"}
    ]
    # A component may leave out an artifact that its program can do without: a second one may pass it.
    needed = [flag for flag, one in declared.items() if not (one.role == "input" and one.optional)]
    found += [f"{flag}: taken by the program, but not passed" for flag in needed if flag not in passed]
    if passed.get("--executor-input") != "{{$}}":
        found.append("--executor-input: expected {{$}}")
    for flag, one in declared.items():
        if flag in passed:
            found += [f"{flag}: {what}" for what in _differences(one, passed[flag], spec, stage)]
    named = {one.name for one in declared.values()}
    for name in (*spec.inputs.parameters, *spec.inputs.artifacts, *spec.outputs.parameters, *spec.outputs.artifacts):
        if name not in named:
            found.append(f"{name}: in the component, but the program knows nothing of it")
    return found


def _flags(args: tuple[str, ...]) -> dict[str, str]:
    words = [word for arg in args for word in _words(arg)]
    passed: dict[str, str] = {}
    while words:
        flag, value = (words.pop(0), words.pop(0)) if len(words) > 1 else (words.pop(0), "")
        if not re.fullmatch(r"--[a-z][a-z0-9-]*", flag) or flag in passed:
            raise AssertionError(f"expected each flag once with its value, found {flag!r}")
        passed[flag] = value
    return passed


def _words(arg: str) -> list[str]:
    if not arg.startswith('{"IfPresent"'):
        return [arg]
    then = json.loads(arg)["IfPresent"]["Then"]
    return then if isinstance(then, list) else [then]


def _differences(one: Declared, value: str, spec: ir.Component, stage: Stage) -> Iterator[str]:
    wanted = PLACES[one.role].format(one.name)
    if value != wanted:
        yield f"expected {wanted}, found {value}"
        return
    if one.role in ("input", "output"):
        side = spec.inputs if one.role == "input" else spec.outputs
        kind = side.artifacts[one.name]
        if kind.schema["schemaTitle"] != f"system.{one.kind}":
            yield f"expected the kind {one.kind} of the program, found {kind.schema['schemaTitle']}"
        if kind.optional and not one.optional:  # the other way round the component only asks for more
            yield "expected no optional input, as in the program, found one"
    elif one.role == "parameter":
        parameter = spec.inputs.parameters[one.name]
        if parameter.kind not in TYPES[one.kind]:
            yield f"expected a {one.kind} as in the program, found {parameter.kind}"
        elif parameter.default is not ir.ABSENT:
            yield from _default(one, parameter.default, stage)
        elif one.optional and parameter.kind != "TASK_FINAL_STATUS":
            yield f"expected the program's default {_parsed(stage, one, None)!r}, found none"


def _default(one: Declared, default: Any, stage: Stage) -> Iterator[str]:
    if not one.optional:
        yield f"expected no default, as in the program, found {default!r}"
        return
    mine, theirs = _parsed(stage, one, to_text(default)), _parsed(stage, one, None)
    if mine != theirs:
        yield f"expected the program's default {theirs!r}, found {mine!r}"


def _parsed(stage: Stage, one: Declared, text: str | None) -> Any:
    """What the program makes of a text for one parameter, or of nothing."""
    argv = [] if text is None else [one.flag, text]
    for other in stage.declared.values():
        if other is not one and not other.optional:
            # A number is a text too, and this folder exists.
            filler = {"integer": "1", "number": "1", "boolean": "true"}.get(other.kind, str(Path.cwd()))
            argv += [other.flag, str(Path.cwd()) if other.role == "input" else filler]
    return getattr(stage.parser.parse_args(argv), one.name)
