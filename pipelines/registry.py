"""Finds the pipelines: modules of this package with a function under ``@dsl.pipeline``.

They are found by reading the source, not by importing it, so that listing them needs no kfp.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import PipelineError
from pipelines.targets import sdk

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Entry:
    """A pipeline: its IR name, the module and function it is written in, and its docstring's first line."""

    name: str
    module: str
    function: str
    summary: str

    def load(self) -> Any:
        """Imports the module (and with it kfp) and returns the pipeline."""
        return _loaded(self.module, self.function)


def entries(folder: Path = HERE, package: str = "pipelines") -> dict[str, Entry]:
    """Returns the pipelines of a package's own modules by name, sorted.

    Raises:
        PipelineError: Two pipelines have one name.
    """
    found: dict[str, Entry] = {}
    for path in sorted(folder.glob("*.py")):
        for entry in _in_module(path, f"{package}.{path.stem}"):
            if entry.name in found:
                other = found[entry.name].module
                raise PipelineError(
                    f"expected one pipeline called {entry.name}, found it in {other} and {entry.module}"
                )
            found[entry.name] = entry
    return dict(sorted(found.items()))


def find(name: str, known: Mapping[str, Entry]) -> Any:
    """Returns the pipeline called ``name`` (``_`` and ``-`` are the same), or the one at ``module:function``."""
    if ":" in name:
        module, _, function = name.partition(":")
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        return _loaded(module, function)
    entry = known.get(name.replace("_", "-"))
    if entry is None:
        raise PipelineError(
            f"expected a pipeline among {', '.join(known) or 'none'}, or module:function, found {name!r}"
        )
    return entry.load()


def _loaded(module: str, function: str) -> Any:
    sdk.ready()
    try:
        return getattr(importlib.import_module(module), function)
    except Exception as error:  # the module runs the author's code, and the SDK raises all kinds
        place = traceback.extract_tb(error.__traceback__)
        line = next((f" ({f.filename}, line {f.lineno})" for f in reversed(place) if f.name == function), "")
        found = f"{type(error).__name__}: {error}{line}"
        raise PipelineError(f"expected a pipeline at {module}:{function}, found {found}") from error


def _in_module(path: Path, module: str) -> list[Entry]:
    tree = ast.parse(path.read_bytes(), str(path))
    found = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(call) in ("dsl.pipeline", "kfp.dsl.pipeline"):
                name = _given_name(decorator) or node.name.strip("_").replace("_", "-")
                summary = (ast.get_docstring(node) or "").partition("\n")[0]
                found.append(Entry(name, module, node.name, summary))
    return found


def _given_name(decorator: ast.expr) -> str:
    for keyword in getattr(decorator, "keywords", []):
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    return ""
