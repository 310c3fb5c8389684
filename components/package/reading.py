"""Reading an archive: one pass that checks everything, whether it unpacks or only looks."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from components.errors import ArchiveError, DigestError, InputError, LimitError
from components.package import bundle, keys, signature, tar
from components.package.compression import GzipReader
from components.package.limits import Limits
from components.package.manifest import MANIFEST_BYTES, NAME, SIGNATURE, File, Manifest, hashed
from components.package.names import Names
from components.package.strict import listed, short
from components.whole import replacing

Keep = Callable[[str], BinaryIO | None]
"""Says where a member's content goes: an open file, which is closed after it, or nowhere."""


class Contents(NamedTuple):
    """What a whole archive holds: its manifest, and ``model.sig`` if there is one, of which nothing is known yet."""

    manifest: Manifest
    signature: bytes | None


def verify(
    archive: Path,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    digest: str | None = None,
    public_key: str | None = "",
) -> Manifest:
    """Checks a whole archive against its manifest, in constant memory, without unpacking it.

    Args:
        archive: A ``model.tar.gz`` with a manifest.
        limits: What it may hold.
        digest: The identity it must have, ``sha256:…``; None for any.
        public_key: By which it must be signed, as for :func:`components.package.keys.required`: PEM text or the path
            of a file; empty for the environment's, None for none.

    Returns:
        The manifest, all of whose files are as it says.

    Raises:
        InputError: There is no such file.
        ArchiveError: It is damaged, cut short, ambiguous, or has no manifest.
        UnsafeMemberError: It holds anything but plain files and their folders under portable names.
        LimitError: It is larger than allowed.
        DigestError: Its content differs from its manifest, or it is another model than ``digest``.
        SignatureError: It is not signed by the key that is required.
    """
    key = keys.required(public_key)
    found = read(archive, limits, _nowhere, digest=digest)
    signature.check(found.manifest, found.signature, key)
    return found.manifest


def unpack(
    archive: Path,
    folder: Path,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    require_manifest: bool = True,
    digest: str | None = None,
    public_key: str | None = "",
) -> Manifest:
    """Unpacks an archive into a new folder, which appears whole and verified or not at all.

    Files are written to a hidden folder beside it (so it must not be a mount point itself), with modes of this process
    and never those of the archive, hashed while they are written, and renamed in the end.

    Args:
        archive: A ``model.tar.gz``.
        folder: Where to; it must not exist, or be empty.
        limits: What the archive may hold.
        require_manifest: False also takes an archive without a manifest, such as one made for SageMaker; a manifest
            of what was found is then written beside the files.
        digest: The identity the model must have, ``sha256:…``; None for any.
        public_key: By which it must be signed, as for :func:`verify`. Its signature is unpacked too.

    Raises:
        InputError: The folder holds something already.
        ArchiveError: As for :func:`verify`.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()) or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"expected no folder or an empty one to unpack into, found {short(str(folder))}")
    key = keys.required(public_key)
    with replacing(folder) as partial:
        partial.mkdir()
        found = read(archive, limits, _into(partial), require_manifest=require_manifest, digest=digest)
        signature.check(found.manifest, found.signature, key)
        (partial / NAME).write_bytes(found.manifest.to_bytes())
        if found.signature is not None:
            (partial / SIGNATURE).write_bytes(found.signature)
    return found.manifest


def read(
    archive: Path, limits: Limits, keep: Keep, *, require_manifest: bool = True, digest: str | None = None
) -> Contents:
    """Reads a whole archive and gives its members' contents to ``keep``, *before* they are known to be right.

    Raises:
        ArchiveError: As for :func:`verify`.
    """
    if not archive.is_file():
        raise InputError(f"expected an archive, found no file at {short(str(archive))}")
    with archive.open("rb") as file:
        declared, signed, found, folders = _scan(GzipReader(file, limits), limits, keep)
    if declared is None and require_manifest:
        raise ArchiveError(f"expected {NAME} as the first member, found none: this archive was not made by pack")
    if not found:
        raise ArchiveError("expected files in the archive, found none")
    manifest = Manifest(found) if declared is None else Manifest.from_bytes(declared, limits)
    manifest.check_files(found)
    if declared is not None:
        _check_folders(manifest, folders)
    manifest.check_digest(digest)
    return Contents(manifest, signed)


def _scan(
    stream: GzipReader, limits: Limits, keep: Keep
) -> tuple[bytes | None, bytes | None, dict[str, File], set[str]]:
    """Returns the bytes of manifest and signature, if there are, the files, and the folders that have members."""
    names = Names(limits)
    declared: bytes | None = None
    signed: bytes | None = None
    found: dict[str, File] = {}
    folders: set[str] = set()
    for index, (member, body) in enumerate(tar.members(stream, limits)):
        names.add(member.name, member.folder)
        if member.folder:
            folders.add(member.name)
        elif member.name == NAME:
            declared = _declared(index, member, body)
        elif member.name == SIGNATURE:
            signed = _signed(index, member, body, declared)
        else:
            found[member.name] = _content(member.name, body, keep)
    return declared, signed, found, folders


def _declared(index: int, member: tar.Member, body: tar.Body) -> bytes:
    if index:
        raise ArchiveError(f"expected {NAME} as the first member, found it as member {index + 1}")
    if member.size > MANIFEST_BYTES:
        raise LimitError(f"{NAME}: expected at most {MANIFEST_BYTES:,} bytes, found {member.size:,}")
    return b"".join(body)


def _signed(index: int, member: tar.Member, body: tar.Body, declared: bytes | None) -> bytes:
    if declared is None or index != 1:
        raise ArchiveError(f"expected {SIGNATURE} behind {NAME} at once, found it as member {index + 1}")
    if member.size > (most := bundle.most(len(declared))):
        raise LimitError(f"{SIGNATURE}: expected at most {most:,} bytes, found {member.size:,}")
    return b"".join(body)


def _content(name: str, body: tar.Body, keep: Keep) -> File:
    place = keep(name)
    if place is None:
        return hashed(body)
    with place:
        return hashed(body, place.write)


def _check_folders(manifest: Manifest, folders: set[str]) -> None:
    known = {str(parent) for name in manifest.files for parent in PurePosixPath(name).parents}
    if extra := sorted(folders - known):
        raise DigestError(f"expected the files of the manifest, found the folders {listed(extra)} besides")


def _nowhere(name: str) -> None:
    return None


def _into(folder: Path) -> Callable[[str], BinaryIO]:
    """Returns a ``Keep`` that writes into a folder that is new, and so has no links in it."""
    root = folder.resolve(strict=True)

    def place(name: str) -> BinaryIO:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # The names are checked already; this is the second lock on the same door, on the path as the system sees it.
        if not path.parent.resolve(strict=True).is_relative_to(root) or not stat.S_ISDIR(path.parent.lstat().st_mode):
            raise ArchiveError(f"{short(name)}: expected a file inside of the folder, found {short(str(path))}")
        return path.open("xb")

    return place
