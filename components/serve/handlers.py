"""Code that travels inside an archive, ``code/inference.py``, as SageMaker's inference toolkit calls it.

It offers ``model_fn(model_dir)`` and either

* ``transform_fn(model, body, content_type, accept)``, or
* ``input_fn(body, content_type)``, ``predict_fn(data, model)`` and ``output_fn(prediction, accept)``,

not both; each may take one more argument, a ``Context``. An answer is ``str``, ``bytes``, or ``(body, content_type)``.
To refuse a request a handler raises ``components.errors.RequestError``.

Such code can do whatever the server can. So it runs only where the operator allowed it, and what runs is the very
bytes whose digest was verified.
Source: sagemaker-inference-toolkit, ``transformer.py``; its defaults for missing functions unpickle, and are left out.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from components.errors import InputError

CODE = "code/inference.py"

STEPS = {"input_fn": 2, "predict_fn": 2, "output_fn": 2}
REQUIRED = {"model_fn": 1, "transform_fn": 4, **STEPS}
"""The arguments that each function must take; it may take a context behind them."""


@dataclass(frozen=True)
class Context:
    """What a handler may know beside its arguments.

    Attributes:
        model_dir: Folder of the unpacked archive.
        event_id: Of the request; empty while the model is loaded.
        headers: The request's, names in lower case.
    """

    model_dir: str
    event_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One request as a handler sees it."""

    body: bytes
    content_type: str
    accept: str
    event_id: str
    headers: Mapping[str, str]


class Handler:
    """A model loaded by its archive's own code.

    Args:
        folder: The unpacked archive.
        source: The verified content of ``code/inference.py``.

    Raises:
        InputError: A function is missing, takes the wrong number of arguments, or both forms are there.
    """

    def __init__(self, folder: Path, source: bytes) -> None:
        module = _execute(folder / CODE, source)
        self._folder = str(folder)
        self._functions = _functions(module)
        self.model = self._call("model_fn", Context(self._folder), self._folder)

    def answer(self, call: Call) -> tuple[bytes, str]:
        """Returns the answer's body and Content-Type; whatever the handler raises goes through."""
        context = Context(self._folder, call.event_id, call.headers)
        if "transform_fn" in self._functions:
            answer = self._call("transform_fn", context, self.model, call.body, call.content_type, call.accept)
        else:
            data = self._call("input_fn", context, call.body, call.content_type)
            prediction = self._call("predict_fn", context, data, self.model)
            answer = self._call("output_fn", context, prediction, call.accept)
        return _answer(answer, call.accept)

    def _call(self, name: str, context: Context, *arguments: Any) -> Any:
        function, takes_context = self._functions[name]
        return function(*arguments, context) if takes_context else function(*arguments)


def _execute(path: Path, source: bytes) -> ModuleType:
    module = ModuleType("inference")
    module.__file__ = str(path)
    sys.modules["inference"] = module
    sys.path.insert(0, str(path.parent))
    sys.dont_write_bytecode = True  # a __pycache__ in the package would be a file that its manifest does not know
    exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - allowed by the operator, and verified
    return module


def _functions(module: ModuleType) -> dict[str, tuple[Callable[..., Any], bool]]:
    there = [name for name in REQUIRED if callable(getattr(module, name, None))]
    steps = [name for name in there if name in STEPS]
    whole = "transform_fn" in there
    if "model_fn" not in there or whole == bool(steps) or (steps and len(steps) < len(STEPS)):
        raise InputError(
            f"{CODE}: expected model_fn with either transform_fn or all of {', '.join(STEPS)}, "
            f"found {', '.join(there) or 'none of them'}"
        )
    return {name: (getattr(module, name), _takes_context(getattr(module, name), name)) for name in there}


def _takes_context(function: Callable[..., Any], name: str) -> bool:
    wanted = REQUIRED[name]
    for count in (wanted, wanted + 1):
        try:
            inspect.signature(function).bind(*range(count))
        except TypeError:
            continue
        return count > wanted
    raise InputError(
        f"{CODE}: expected {name} to take {wanted} arguments, or {wanted + 1} with a context, "
        f"found {inspect.signature(function)}"
    )


def _answer(answer: Any, accept: str) -> tuple[bytes, str]:
    body, content_type = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, accept)
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, (bytes, bytearray)) or not isinstance(content_type, str):
        raise TypeError(f"{CODE}: expected a text, bytes, or (body, content_type), found {type(answer).__name__}")
    return bytes(body), content_type
