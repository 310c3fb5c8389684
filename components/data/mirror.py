"""What lies at a place that holds GTSRB: loose files and the official zip files, as one list, sorted out.

A mirror often holds the same images twice, packed and unpacked (torchvision leaves the zip files beside what it
unpacked), or both of the published training sets. What is taken is told by its folder's name, in this order:

1. ``…/Final_Training/Images`` before ``…/Training`` (the smaller set of the 2011 online competition),
2. unpacked before packed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

from components.data.archives import SafeZip
from components.errors import DatasetError
from components.storage import Place, place

ZIPS = (
    "GTSRB_Final_Training_Images.zip",
    "GTSRB-Training_fixed.zip",
    "GTSRB_Final_Test_Images.zip",
    "GTSRB_Final_Test_GT.zip",
)

TRAINING = ("Final_Training/Images", "Training")
TEST = "Final_Test/Images"
TEST_TABLE = "GT-final_test.csv"

# Four times what the largest official file has.
_MAX_ZIP = 1024**3

_CLASS = re.compile(r"\d{5}", re.ASCII)


@dataclass(frozen=True)
class Member:
    """A file of the mirror.

    Attributes:
        name: As the mirror's reader sees it, for messages; a zip's members have its name before theirs.
        path: By which it is sorted out, including the folders above the mirror.
        packed: Whether it lies in a zip file.
        read: Returns its bytes; takes the most bytes to take.
    """

    name: str
    path: PurePosixPath
    packed: bool
    read: Callable[[int], bytes]


@dataclass
class TrainingFolder:
    """One class of a training set: the table ``GT-<class>.csv`` and the images, by file name."""

    tables: dict[str, Member] = field(default_factory=dict)
    images: dict[str, Member] = field(default_factory=dict)


@dataclass
class Layout:
    """What was found.

    Attributes:
        training_root: Where the training set lies, for people.
        training: Its folders by class number.
        test_root: Where the test set lies; empty when there is none.
        test: Its images by file name.
        test_table: The table with its classes.
    """

    training_root: str
    training: dict[int, TrainingFolder]
    test_root: str = ""
    test: dict[str, Member] = field(default_factory=dict)
    test_table: Member | None = None


@contextmanager
def opened(uri: str) -> Iterator[list[Member]]:
    """Yields every file at a place and in the official zip files among them; other zip files stay shut.

    Raises:
        StorageError: The place cannot be read.
        DatasetError: It holds no files, or an official zip file is no zip.
        ArchiveError: A zip file has members that nobody should read.
    """
    base = place(uri)
    with ExitStack() as stack:
        members: list[Member] = []
        for name, file in _files(base):
            if file.name in ZIPS:
                members += _packed(name, _open_zip(name, file, stack))
            else:
                path = PurePosixPath(base.local.as_posix() if base.local else base.uri) / name
                members.append(Member(name, path, False, file.read_bytes))
        if not members:
            raise DatasetError(f"{base}: expected GTSRB's folders or zip files, found no files")
        yield members


def sort_out(members: Sequence[Member]) -> Layout:
    """Finds the training set, the test set and its table.

    Raises:
        DatasetError: There is no training set, or more than one of equal rank, or a test set without a table.
    """
    roots: dict[str, list[Member]] = {}
    tests: dict[str, list[Member]] = {}
    for member in members:
        folder = member.path.parent
        if _CLASS.fullmatch(folder.name) and _rank(folder.parent) < len(TRAINING):
            roots.setdefault(_root(member, 2), []).append(member)
        elif member.path.suffix == ".ppm" and _ends(folder, TEST):
            tests.setdefault(_root(member, 1), []).append(member)
    if not roots:
        wanted = " or ".join(f"…/{folder}/00000" for folder in TRAINING)
        raise DatasetError(f"expected GTSRB's training folders, {wanted}, found {_some(members)}")
    root = _choose(roots, "training set", lambda found: (_rank(found.path.parent.parent), found.packed))
    layout = Layout(root, _folders(roots[root]))
    if tests:
        layout.test_root = _choose(tests, "test set", lambda found: (found.packed,))
        layout.test = {member.path.name: member for member in tests[layout.test_root]}
        layout.test_table = _test_table(members, layout.test_root)
    return layout


def _files(base: Place) -> Iterator[tuple[str, Place]]:
    if base.name in ZIPS and base.exists():
        yield base.name, base
        return
    for entry in base.files(recursive=True):
        if base.local and entry.place.local:
            yield entry.place.local.relative_to(base.local).as_posix(), entry.place
        else:
            yield entry.place.uri.removeprefix(base.uri + "/"), entry.place


def _open_zip(name: str, file: Place, stack: ExitStack) -> SafeZip:
    source = str(file.local) if file.local else io.BytesIO(file.read_bytes(limit=_MAX_ZIP))
    archive = SafeZip(source, name)
    stack.callback(archive.close)
    return archive


def _packed(name: str, archive: SafeZip) -> list[Member]:
    return [
        Member(f"{name}/{member}", PurePosixPath(member), True, partial(archive.read, member))
        for member in archive.names()
    ]


def _folders(members: Sequence[Member]) -> dict[int, TrainingFolder]:
    folders: dict[int, TrainingFolder] = {}
    for member in members:
        if member.path.suffix in (".ppm", ".csv"):
            folder = folders.setdefault(int(member.path.parent.name), TrainingFolder())
            kind = folder.images if member.path.suffix == ".ppm" else folder.tables
            kind[member.path.name] = member
    return dict(sorted(folders.items()))


def _test_table(members: Sequence[Member], test_root: str) -> Member:
    found = {member.name: [member] for member in members if member.path.name == TEST_TABLE}
    if not found:
        raise DatasetError(
            f"{test_root}: expected the test images' classes, {TEST_TABLE} (in {ZIPS[3]}), found none at the place"
        )
    return found[_choose(found, TEST_TABLE, lambda member: (member.packed,))][0]


def _choose(found: dict[str, list[Member]], what: str, rank: Callable[[Member], tuple[int, ...]]) -> str:
    ranks = {name: rank(members[0]) for name, members in found.items()}
    best = sorted(name for name in found if ranks[name] == min(ranks.values()))
    if len(best) > 1:
        raise DatasetError(f"expected one {what}, found {len(best)}: {', '.join(best[:5])}")
    return best[0]


def _rank(folder: PurePosixPath) -> int:
    return next((i for i, name in enumerate(TRAINING) if _ends(folder, name)), len(TRAINING))


def _ends(folder: PurePosixPath, name: str) -> bool:
    wanted = PurePosixPath(name).parts
    return folder.parts[-len(wanted) :] == wanted


def _root(member: Member, up: int) -> str:
    """Returns the folder ``up`` steps above a file, as people see it."""
    above = PurePosixPath(member.name).parents
    return above[min(up, len(above)) - 1].as_posix()


def _some(members: Sequence[Member]) -> str:
    return ", ".join(member.name for member in members[:3]) + (", …" if len(members) > 3 else "")
