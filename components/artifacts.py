"""The stage contract: arguments in, artifacts out, ``executor_output.json``.

A stage declares what it takes and gives, once; the declaration is its command line::

    stage = Stage("package", "Packs a trained model into one deterministic archive.")
    stage.input("model", "folder that fine_tune wrote")
    stage.output("archive", "Model", "model.tar.gz with its manifest")

    def work(args: argparse.Namespace, outputs: Outputs) -> None:
        with outputs.file("archive") as path:
            pack(args.model, path)
        outputs.describe("archive", framework="torch")

    if __name__ == "__main__":
        sys.exit(stage.main(work))

What holds for every stage:

* It exits with 0, or with 1 and one line that says what was expected and what was found (2 for a
  wrong command line).
* No half-written output: outputs are written beside their place and renamed when they are whole.
* With ``--executor-input`` (KFP's ``{{$}}``) it lists *all* its output artifacts with their metadata
  in ``executor_output.json``: the KFP launcher would find them without, but takes the metadata that
  the UI shows (metrics, confusion matrix) from nowhere else.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from components import foreign_json
from components.errors import InputError, RoadworthyError
from components.whole import replacing

Work = Callable[[argparse.Namespace, "Outputs"], None]

VERSION = "0.1.0"

KINDS = ("Artifact", "Dataset", "Model", "Metrics", "ClassificationMetrics", "HTML")


def image(name: str) -> str:
    """Returns the container image of a folder under ``images/``: ``roadworthy/torch:0.1.0`` for ``torch``."""
    return f"roadworthy/{name}:{VERSION}"


@dataclass(frozen=True)
class Declared:
    """One argument of a stage: its ``role`` is input, output, result or parameter."""

    name: str
    role: str
    kind: str
    optional: bool = False

    @property
    def flag(self) -> str:
        """The argument on the command line, ``--tracks-per-class`` for ``tracks_per_class``."""
        return "--" + self.name.replace("_", "-")


class Stage:
    """What a stage takes and gives; ``main`` is its program.

    Args:
        name: As in ``python -m components.<name>``, with a sub-command behind a blank where there are several.
        summary: One sentence for ``--help``.
    """

    def __init__(self, name: str, summary: str) -> None:
        self.name = name
        self.declared: dict[str, Declared] = {}
        self.parser = _Parser(prog=f"python -m components.{name}", description=summary, allow_abbrev=False)
        self.parser.add_argument(
            "--executor-input", metavar="JSON", help="KFP's {{$}}: where the outputs' metadata is to be written"
        )

    def input(self, name: str, help: str, *, kind: str = "Artifact", optional: bool = False) -> None:
        """Declares an input artifact: a path that must exist."""
        self._declare(Declared(name, "input", kind, optional), help, type=_existing, metavar="PATH")

    def output(self, name: str, kind: str, help: str) -> None:
        """Declares an output artifact of one of KFP's kinds (``KINDS``): a path to write to."""
        if kind not in KINDS:
            raise ValueError(f"expected a kind among {', '.join(KINDS)}, found {kind!r}")
        self._declare(Declared(name, "output", kind), help, type=Path, metavar="PATH")

    def result(self, name: str, help: str) -> None:
        """Declares an output parameter: a path to write one small value to, as text."""
        self._declare(Declared(name, "result", "text"), help, type=Path, metavar="PATH")

    def parameter(
        self,
        name: str,
        help: str,
        *,
        type: Callable[[str], Any] = str,
        default: Any = None,
        choices: Sequence[str] | None = None,
    ) -> None:
        """Declares a parameter; one without a default must be given."""
        kind = {int: "integer", float: "number", boolean: "boolean"}.get(type, getattr(type, "kind", "text"))
        shown = f"{help} (default: {default})" if default not in (None, "") else help
        self._declare(
            Declared(name, "parameter", kind, default is not None), shown, type=type, default=default, choices=choices
        )

    def _declare(self, declared: Declared, help: str, **options: Any) -> None:
        self.declared[declared.name] = declared
        # A "%" in a help text is a format to argparse.
        self.parser.add_argument(declared.flag, required=not declared.optional, help=help.replace("%", "%%"), **options)

    def main(self, work: Work, argv: Sequence[str] | None = None) -> int:
        """Parses the arguments, does the work and returns the exit status."""
        args = self.parser.parse_args(argv)
        previous = signal.signal(signal.SIGTERM, _terminated)
        try:
            outputs = Outputs(self.declared, args)
            work(args, outputs)
            outputs.finish()
        except (RoadworthyError, OSError) as error:
            print(f"{self.name}: {_one_line(error)}", file=sys.stderr)
            return 1
        finally:
            signal.signal(signal.SIGTERM, previous)
        return 0


class _Parser(argparse.ArgumentParser):
    """argparse without its way with ``--flag=--``, which it takes for no value at all, unread and unchecked."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses; a flag with the value ``--`` is a wrong command line."""
        for one in sys.argv[1:] if args is None else args:
            if one.startswith("--") and one.endswith("=--"):
                self.error(f"argument {one.removesuffix('=--')}: expected a value, found '--'")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Ends the program as a wrong command line does."""
        super().error(_masked(message))


class Outputs:
    """Where a stage's work puts what it made; each output appears whole or not at all."""

    def __init__(self, declared: Mapping[str, Declared], args: argparse.Namespace) -> None:
        self._declared = {n: d for n, d in declared.items() if d.role in ("output", "result")}
        self._paths: dict[str, Path] = {n: getattr(args, n) for n in self._declared}
        self._metadata: dict[str, dict[str, Any]] = {}
        self._values: dict[str, str] = {}
        self._executor = _executor_input(args.executor_input)

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """Yields a path to write the output ``name`` to; it takes its place when the block ends well."""
        with replacing(self._paths[name]) as partial:
            yield partial

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """Yields an empty folder to fill; it takes the place of the output ``name`` when the block ends well."""
        with replacing(self._paths[name]) as partial:
            partial.mkdir()
            yield partial

    def describe(self, name: str, /, **metadata: Any) -> None:
        """Adds metadata (JSON values) to the output artifact ``name``; the KFP UI shows it beside it."""
        self._metadata.setdefault(name, {}).update(metadata)

    def metrics(self, name: str, values: Mapping[str, float | int]) -> None:
        """Writes a Metrics artifact: flat names and numbers, as a JSON file and as metadata for the KFP UI."""
        wrong = {n: v for n, v in values.items() if isinstance(v, bool) or not isinstance(v, (int, float))}
        if wrong:  # the launcher fails the step: "metric value must be a number"
            raise ValueError(f"expected numbers as metrics, found {wrong}")
        self._json(name, dict(values))
        self.describe(name, **values)

    def confusion_matrix(self, name: str, labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> None:
        """Writes a ClassificationMetrics artifact.

        Args:
            name: The output's name.
            labels: One a class.
            matrix: Counts ``(classes, classes)``; rows are true classes, columns predicted ones.
        """
        rows = [[int(n) for n in row] for row in matrix]
        if len(rows) != len(labels) or any(len(row) != len(labels) for row in rows):
            raise ValueError(f"expected a {len(labels)} × {len(labels)} matrix, found {[len(r) for r in rows]}")
        # The keys are those of kfp's ClassificationMetrics.log_confusion_matrix.
        shown = {
            "annotationSpecs": [{"displayName": label} for label in labels],
            "rows": [{"row": row} for row in rows],
        }
        self._json(name, {"labels": list(labels), "matrix": rows})
        self.describe(name, confusionMatrix=shown)

    def value(self, name: str, value: str | float | int | bool) -> None:
        """Writes the output parameter ``name``."""
        text = value if isinstance(value, str) else json.dumps(value)
        with self.file(name) as path:
            path.write_text(text, encoding="utf-8")
        self._values[name] = text

    def finish(self) -> None:
        """Checks that every declared output is there, and writes ``executor_output.json``."""
        missing = sorted(n for n, path in self._paths.items() if not path.exists())
        if missing:
            raise InputError(f"expected the outputs {', '.join(missing)} to be written, found none at their paths")
        outputs = self._executor.get("outputs", {})
        if "outputFile" not in outputs:
            return
        listed = {
            name: {"artifacts": [self._listed(name, given["artifacts"][0])]}
            for name, given in outputs.get("artifacts", {}).items()
            if name in self._paths
        }
        with replacing(Path(outputs["outputFile"])) as path:
            path.write_text(json.dumps({"artifacts": listed}, sort_keys=True), encoding="utf-8")

    def _listed(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        return {**given, "metadata": {**given.get("metadata", {}), **self._metadata.get(name, {})}}

    def _json(self, name: str, content: Any) -> None:
        with self.file(name) as path:
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def boolean(text: str) -> bool:
    """Reads ``true`` or ``false``, as KFP's launcher writes them."""
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"expected true or false, found {text!r}") from None


def number(kind: type[int] | type[float], low: float, high: float = float("inf")) -> Callable[[str], Any]:
    """Returns a parameter type that takes an ``int`` or ``float`` between ``low`` and ``high``, both included.

    Without ``high``, a whole number fits into 64 bits and another is finite: what is beyond that was not meant.
    """
    high = min(high, 2**63 - 1 if kind is int else sys.float_info.max)

    def parse(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected {_article(kind)}, found {text[:80]!r}") from None
        if not low <= value <= high:  # also refuses nan
            raise argparse.ArgumentTypeError(f"expected {_article(kind)} from {low:g} to {high:g}, found {text[:80]!r}")
        return value

    parse.kind = "integer" if kind is int else "number"  # type: ignore[attr-defined]
    return parse


def dispatch(stages: Mapping[str, tuple[Stage, Work]], argv: Sequence[str] | None = None) -> int:
    """Runs one of a program's several stages by its sub-command, the first argument."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv and argv[0] in stages:
        stage, work = stages[argv[0]]
        return stage.main(work, argv[1:])
    wanted = ", ".join(stages)
    if argv[:1] in (["-h"], ["--help"]):
        print(f"expected one of: {wanted}; each has its own --help")
        return 0
    print(f"expected one of: {wanted}; found {argv[0] if argv else 'nothing'!r}", file=sys.stderr)
    return 2


def _article(kind: type) -> str:
    return "a whole number" if kind is int else "a number"


def _existing(text: str) -> Path:
    path = Path(text)
    try:
        if path.is_file() or path.is_dir():
            return path
        if path.exists():  # a pipe would be waited for, a device has no end
            raise argparse.ArgumentTypeError(f"expected a file or folder, found a pipe or device at {text[:200]!r}")
    except OSError as error:  # a name that is too long, a folder that may not be entered
        found = f"{error.strerror} at {text[:80]!r}"
        raise argparse.ArgumentTypeError(f"expected a file or folder, found {found}") from None
    raise argparse.ArgumentTypeError(f"expected a file or folder, found nothing at {text[:200]!r}")


def _executor_input(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        parsed = foreign_json.loads(text)
    except ValueError as error:
        raise InputError(f"--executor-input: expected KFP's JSON, found {text[:40]!r}… ({error})") from None
    if not isinstance(parsed, dict):
        raise InputError(f"--executor-input: expected a JSON object, found {text[:40]!r}…")
    return parsed


def _one_line(error: Exception) -> str:
    text = _masked(" ".join(str(error).split()))
    return text if isinstance(error, RoadworthyError) else f"{type(error).__name__}: {text}"


def _masked(text: str) -> str:
    """Returns a message without what stands before the host of a URI, which may hold a password, and without keys."""
    return re.sub(r"-----BEGIN .*", "…", re.sub(r"//[^/@\s'\"]*@", "//…@", text), flags=re.DOTALL)


def _terminated(signum: int, frame: object) -> NoReturn:
    # As an exception, so that half-written outputs are removed on the way out.
    raise SystemExit(128 + signum)
