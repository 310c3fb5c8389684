"""The rules of the house that a program can check: floors, kfp's place, forbidden calls, room sizes, exceptions."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import errors
from tests.longest import LONGEST

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*ROOT.glob("components/**/*.py"), *ROOT.glob("pipelines/**/*.py")])
LOCKS = sorted(
    [
        *ROOT.glob("*.txt"),
        *ROOT.glob("images/*/requirements*.txt"),
        ROOT / "images" / "uv.txt",
        *ROOT.glob("tests/**/requirements*.txt"),
    ]
)

# From the ground up; a room may import its own floor only within its own folder.
FLOORS = (
    {"errors", "intervals", "boxes", "background", "parquet", "foreign_json", "whole"},
    {"storage", "artifacts"},
    {"images"},
    {"data", "package", "capture", "report"},
    {"fine_tune", "serve", "monitor", "adversarial", "fullgrad"},
    {"clarify"},
)
FORBIDDEN = {
    "pickle loading": r"allow_pickle\s*=\s*True|torch\.load\(|import pickle|cloudpickle|joblib",
    "unsafe YAML": r"yaml\.(unsafe_)?load\(|UnsafeLoader|FullLoader",
    "a shell": r"shell\s*=\s*True|os\.system\(",
    "unchecked extraction": r"\.extractall\(",
    "unverified TLS": r"verify\s*=\s*False",
}


def floor(name: str) -> int:
    return next(i for i, names in enumerate(FLOORS) if name in names)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[1].removesuffix(".py") if relative.parts[0] == "components" else "pipelines"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
class TestEachFile:
    def test_imports_point_down(self, path: Path) -> None:
        own = room(path)
        for name in imports(path):
            if not name.startswith(("components.", "pipelines.")):
                continue
            top, other = name.split(".")[:2]
            if own == "pipelines" or own == "__init__":
                continue
            assert top == "components", f"{own} imports {name}: nothing imports pipelines"
            if other in (own, "errors"):
                continue
            assert floor(other) < floor(own) or (floor(other), floor(own)) == (3, 3), f"{own} imports {name}"

    def test_kfp_is_imported_by_component_files_and_pipelines_only(self, path: Path) -> None:
        if path.name != "component.py" and room(path) != "pipelines":
            assert not [name for name in imports(path) if name.split(".")[0] == "kfp"]

    def test_says_nothing_that_the_house_forbids(self, path: Path) -> None:
        text = path.read_text()
        assert [what for what, pattern in FORBIDDEN.items() if re.search(pattern, text)] == []

    def test_is_a_room_and_not_a_hall(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) <= 350

    def test_begins_by_saying_what_it_is(self, path: Path) -> None:
        assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_drawn_exception_tree_is_the_real_one() -> None:
    drawn = re.findall(r"^ {4}(?:[│├└─ ]*)(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]
    assert sorted(drawn) == sorted(c.__name__ for c in classes)
    assert all(issubclass(c, errors.RoadworthyError) and c.__doc__ for c in classes)


def test_tracked_files_name_no_registry_and_no_path_of_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: expected the list of tracked files, found no repository")
    pattern = re.compile(rb"https?://[^ \"]*(/simple|/packages/|registry\.)|--(extra-)?index-url https?://")
    names = [n for n in listed.stdout.decode().split("\0") if n and (ROOT / n).is_file()]
    assert [n for n in names if pattern.search((ROOT / n).read_bytes()) and not n.startswith("tests/house")] == []


def test_the_files_that_are_begun_first_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_locked_package_has_a_version_and_a_hash(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert entries
    assert [e for e in entries if not re.match(r"[\w.-]+==\S+", e) or "--hash=sha256:" not in e] == []
