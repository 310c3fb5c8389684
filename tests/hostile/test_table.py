"""The table in README.md tells the truth: each test that it names exists, and no group is without one."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parent
GROUPS = 79
OPEN = 1  # at most; each with its reason

_ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


class Case(NamedTuple):
    """A row of the table."""

    group: int
    case: str
    source: str
    verdict: str
    held: tuple[str, ...]

    @property
    def open(self) -> bool:
        """Whether nothing holds it yet."""
        return self.held[0].startswith("open: ")


def cases() -> list[Case]:
    found = []
    for number, case, source, verdict, held in _ROW.findall((HERE / "README.md").read_text()):
        found.append(Case(int(number), case, source, verdict, tuple(one.strip("`") for one in held.split("<br>"))))
    return found


@cache
def names_in(name: str) -> frozenset[str]:
    """The names of a file's tests, those of its classes too."""
    nodes = ast.walk(ast.parse((TESTS / name).read_text()))
    return frozenset(n.name for n in nodes if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))


@pytest.mark.parametrize("group", range(1, GROUPS + 1))
def test_a_group_has_cases_and_each_is_held_by_tests_that_exist(group: int) -> None:
    rows = [one for one in cases() if one.group == group]
    assert rows
    for one in rows:
        assert one.case
        assert one.verdict
        for held in () if one.open else one.held:
            name, _, test = held.partition("::")
            assert (TESTS / name).is_file(), held
            assert test in names_in(name), held


def test_there_is_no_80th_group_and_no_case_twice() -> None:
    assert {one.group for one in cases()} == set(range(1, GROUPS + 1))
    twice = [key for key, count in Counter((one.group, one.case) for one in cases()).items() if count > 1]
    assert twice == []


def test_few_cases_are_open_and_each_says_why() -> None:
    left = [one for one in cases() if one.open]
    assert len(left) <= OPEN
    assert all(len(one.held) == 1 and len(one.held[0]) > 30 for one in left)
    # A group whose every case is open is held by nobody.
    closed = {one.group for one in cases() if not one.open}
    assert closed == set(range(1, GROUPS + 1))


def test_every_test_of_this_folder_stands_in_the_table_or_holds_it_together() -> None:
    named = {held for one in cases() for held in one.held}
    mentioned = (HERE / "README.md").read_text()
    for path in HERE.glob("test_*.py"):
        if path.name != "test_table.py":
            assert path.name in mentioned or any(held.startswith(f"hostile/{path.name}") for held in named), path.name
