"""Which classes are related: what "the top three are unrelated" means.

The seed of this rule: "If the top three predictions correspond to unrelated classes, each with confidence score below
50 % (for example, Stop sign as the first prediction, Turn left as the second, and Speed limit 180 km/h as the third),
you may not want to trust those predictions" (AWS machine learning blog, on detecting and analysing incorrect model
predictions with Model Monitor and Debugger). Here two classes are related if some group holds both, and three are
unrelated if no two of them are related.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components import foreign_json
from components.errors import InputError

NONE = "none"
_TABLES = Path(__file__).parent / "related.json"
_MOST = 1_000  # classes of a group: its pairs are held
_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Related:
    """A table of related classes.

    Attributes:
        pairs: Both ways round, and each class with itself.
        known: The classes of the table; of others it says nothing.
    """

    pairs: frozenset[tuple[int, int]]
    known: frozenset[int]

    def knows(self, classes: Iterable[int]) -> bool:
        """Whether all of the classes are in the table."""
        return self.known.issuperset(classes)

    def unrelated(self, classes: Iterable[int]) -> bool:
        """Whether no two of the classes are related."""
        found = list(classes)
        return not any((a, b) in self.pairs for i, a in enumerate(found) for b in found[i + 1 :])


def read(text: str) -> Related | None:
    """Returns the table that a parameter names; None for ``none``.

    Args:
        text: ``gtsrb``, ``none``, the path of a JSON file, or JSON: ``{"speed limits": [0, 1, 2], …}``.

    Raises:
        InputError: It is none of these, or a group holds something else than two or more classes.
    """
    if text == NONE:
        return None
    known = json.loads(_TABLES.read_text(encoding="utf-8"))
    if text in known:
        return _table(known[text])
    try:
        return _table(foreign_json.loads(text if text.lstrip().startswith("{") else _content(Path(text))))
    except OSError as error:
        wanted = ", ".join([*known, NONE])
        raise InputError(
            f"related: expected {wanted}, JSON or a file, found {text[:80]!r} ({error.strerror})"
        ) from None
    except ValueError:
        raise InputError(f"related: expected JSON, found {text[:80]!r}") from None


def _content(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "no plain file")
    with path.open(encoding="utf-8") as file:
        return file.read(_BYTES)


def _table(found: Any) -> Related:
    if not isinstance(found, Mapping) or not found:
        raise InputError('related: expected {"name of a group": [classes, …], …}, found something else')
    pairs = set()
    for name, group in found.items():
        whole = isinstance(group, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in group)
        if not whole or not 2 <= len(group) <= _MOST:
            raise InputError(
                f"related: expected two or more classes in the group {name[:40]!r}, at most {_MOST}, "
                f"found {str(group)[:80]}"
            )
        pairs |= {(a, b) for a in group for b in group}
    return Related(frozenset(pairs), frozenset(a for a, _ in pairs))
