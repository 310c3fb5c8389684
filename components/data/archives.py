"""Reading members of a zip that nobody vouches for.

Nothing is unpacked to disk: members are listed, checked, and read into memory one at a time.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO

from components.errors import DatasetError, LimitError, UnsafeMemberError

MAX_MEMBERS = 100_000
MAX_TOTAL = 8 * 1024**3
MAX_RATIO = 100
MAX_NAME = 512

# Of unpacked bytes: below this, a high ratio is no danger, and small tables do compress well.
_FREE = 16 * 1024**2


class SafeZip:
    """A zip whose members have been checked.

    Args:
        file: Its path, or an open file; ``close`` closes what was opened by path.
        name: For messages.

    Raises:
        DatasetError: It is no zip.
        UnsafeMemberError: A member would leave its folder, is no plain file, is encrypted, or shares its name.
        LimitError: More members, bytes or compression than allowed.
    """

    def __init__(self, file: str | IO[bytes], name: str) -> None:
        self.name = name
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DatasetError(f"{name}: expected a zip file, found {type(error).__name__}: {error}") from None
        try:
            self._members = self._checked()
        except Exception:
            self.close()
            raise

    def names(self) -> list[str]:
        """Returns the names of the plain files in it."""
        return list(self._members)

    def read(self, member: str, limit: int) -> bytes:
        """Returns a member's bytes.

        Raises:
            LimitError: There are more than ``limit``.
            DatasetError: They are damaged.
        """
        try:
            with self._zip.open(self._members[member]) as file:
                data = file.read(limit + 1)
                # The checksum is compared when the end is read.
                if len(data) <= limit and file.read(1):
                    raise zipfile.BadZipFile("more bytes than its directory says")
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise DatasetError(f"{self.name}: {member}: expected a whole member, found {error}") from None
        if len(data) > limit:
            raise LimitError(f"{self.name}: {member}: expected at most {limit} bytes, found more")
        return data

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            raise LimitError(f"{self.name}: expected at most {MAX_MEMBERS} members, found {len(infos)}")
        total, packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
        if total > MAX_TOTAL or total > _FREE + MAX_RATIO * packed:
            raise LimitError(
                f"{self.name}: expected at most {MAX_TOTAL} bytes and a compression of {MAX_RATIO} : 1, "
                f"found {total} bytes in {packed}"
            )
        members: dict[str, zipfile.ZipInfo] = {}
        seen: set[str] = set()
        for info in infos:
            _check_member(info, self.name)
            if info.filename.casefold() in seen:
                raise UnsafeMemberError(f"{self.name}: expected each name once, found {info.filename!r} again")
            seen.add(info.filename.casefold())
            if not info.is_dir():
                members[info.filename] = info
        return members


def _check_member(info: zipfile.ZipInfo, archive: str) -> None:
    name = info.orig_filename  # filename is cut at a NUL, and has its separators replaced
    parts = PurePosixPath(name).parts
    if (
        not name
        or len(name) > MAX_NAME
        or name.startswith("/")
        or ".." in parts
        or any(c in "\\:" or ord(c) < 32 for c in name)
    ):
        raise UnsafeMemberError(f"{archive}: expected plain relative names, found {name[:80]!r}")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeMemberError(f"{archive}: expected plain files and folders, found {name[:80]!r} of another kind")
    if info.flag_bits & 0x1:
        raise UnsafeMemberError(f"{archive}: expected members without a password, found {name[:80]!r} encrypted")
