"""Which of the project's files decide what a step does, found without running it.

A change to the report's code must not train a model again. So a step's cache key holds not the whole source tree but
the files that ``python -m components.<stage>`` can import: its own package, and, over every import statement in it
(also those within functions), the packages and modules of the project that those name, and so on.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

_NO_CODE = ("component.py", "README.md")
"""Files of a stage that its program never reads: the spec over it (in the key by itself) and the words about it."""

_DEPTH = 2
"""Parts of a name that decide which files it stands for: ``components.<stage>``."""


def of_command(command: Sequence[str], root: Path) -> list[Path]:
    """Returns the project's files that a command may read as code, sorted.

    Args:
        command: A command line; ``-m <module>`` and files of the project count.
        root: The project; modules are looked up below it, and what is not found there belongs to the packages.
    """
    found: set[Path] = set()
    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word == "-m":
            found |= closure(following, root)
        elif word.endswith(".py") and (root / word).is_file() and (root / word).resolve().is_relative_to(root):
            found.add((root / word).resolve())
    return sorted(found)


def closure(module: str, root: Path) -> set[Path]:
    """Returns the files of a module or package and of all that it imports from the project."""
    found: set[Path] = set()
    waiting = [module]
    seen: set[str] = set()
    while waiting:
        # Below the top a package counts whole, by whichever of its modules it is named: looked for once.
        name = ".".join(waiting.pop().split(".")[:_DEPTH])
        if name in seen:
            continue
        seen.add(name)
        for path in _files(name, root):
            found.add(path)
            if path.suffix == ".py":
                waiting += _imports(path, path.stat().st_mtime_ns)
    return found


def digest(files: Iterable[Path], more: Iterable[Path] = ()) -> str:
    """Returns a SHA-256 over names and contents; folders above the files do not count."""
    total = hashlib.sha256()
    for path in (*files, *more):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{'/'.join(path.parts[-3:])}\0{content}\n".encode())
    return total.hexdigest()


def _files(module: str, root: Path) -> Iterator[Path]:
    """The module's file and the ``__init__`` of each package above it; of a package below the top, its whole folder."""
    parts = module.split(".")
    for depth in range(1, min(len(parts), _DEPTH) + 1):
        folder = root.joinpath(*parts[:depth])
        if not (folder / "__init__.py").is_file():
            source = folder.with_suffix(".py")
            if source.is_file():
                yield source
            return
        if depth == 1:
            yield folder / "__init__.py"
        else:
            yield from _package(folder)
            return


def _package(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in _NO_CODE and "__pycache__" not in path.parts:
            yield path


@cache
def _imports(path: Path, changed: int) -> tuple[str, ...]:
    """The modules that a file names in import statements; ``from a import b`` may mean ``a.b``."""
    del changed  # only part of the cache's key
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)
