"""Writing an archive: a pure function of the files' names and contents."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import DigestError, InputError, LimitError
from components.package import folders, signature, tar
from components.package.compression import GzipWriter
from components.package.limits import Limits
from components.package.manifest import NAME, SIGNATURE, File, Manifest, check_own, hashed
from components.package.strict import short
from components.whole import replacing

if TYPE_CHECKING:
    from components.package.private_keys import PrivateKey


def pack(
    folder: Path,
    target: Path,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    key: PrivateKey | None = None,
) -> Manifest:
    """Packs a folder into one ``model.tar.gz`` with a manifest.

    The same names and contents give the same bytes, whatever the times, modes, owners, umask, order on disk, zlib or
    Python. Law: packing what was unpacked gives the same archive. Empty folders are left out. A signature that is there
    stays, if it is of these files.

    Args:
        folder: What to pack.
        target: The archive; it appears whole or not at all.
        limits: What a reader will allow.
        key: Signs the model, in the place of a signature that is there. The signature is another each time; the
            model's identity stays the same.

    Raises:
        InputError: There is no such folder, it is empty, or the target lies in it.
        UnsafeMemberError: It holds links, special files or unportable names.
        LimitError: It is larger than a reader would allow.
        DigestError: A file changed while it was packed, or a manifest that is there already says otherwise.
        SignatureError: There is a signature already, of other files.
    """
    if target.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"expected an archive outside of the folder it packs, found {short(str(target))}")
    manifest = describe(folder, limits)
    _check_total(manifest, limits)
    signed = signature.make(manifest, key) if key else _carried(folder, manifest, limits)
    with replacing(target) as partial, partial.open("wb") as file, GzipWriter(file) as stream:
        data = manifest.to_bytes()
        _write(stream, NAME, len(data), [data])
        if signed is not None:
            _write(stream, SIGNATURE, len(signed), [signed])
        for name in sorted(manifest.files, key=lambda name: name.encode("utf-8")):
            _copy(stream, folder, name, manifest.files[name], limits)
        stream.write(tar.END)
    return manifest


def describe(folder: Path, limits: Limits = Limits()) -> Manifest:  # noqa: B008 - frozen
    """Returns the manifest of the files in a folder as they are now.

    Raises:
        InputError: There is no such folder, or no file in it.
        UnsafeMemberError: It holds links, special files or unportable names, or one that is the signature's elsewhere.
        LimitError: It holds too many files, or a name is too long.
        DigestError: It holds a manifest that says otherwise.
    """
    found: dict[str, File] = {}
    for name in folders.files(folder, limits):
        with folders.open_inside(folder, name, limits) as file:
            found[name] = hashed(folders.chunks(file))
    declared = found.pop(NAME, None)
    found.pop(SIGNATURE, None)
    for name in found:
        check_own(name)
    if not found:
        raise InputError(f"expected files to pack, found none in {short(str(folder))}")
    manifest = Manifest(found)
    if declared is not None and declared != hashed([manifest.to_bytes()]):
        raise DigestError(f"expected the {NAME} that is there to fit the files, found that it does not; remove it")
    return manifest


def _carried(folder: Path, manifest: Manifest, limits: Limits) -> bytes | None:
    """Returns the signature that lies in a folder, if there is one."""
    if not (folder / SIGNATURE).is_file():
        return None
    with folders.open_inside(folder, SIGNATURE, limits) as file:
        data = file.read(signature.limit(manifest) + 1)
    signature.check_fits(manifest, data)
    return data


def _check_total(manifest: Manifest, limits: Limits) -> None:
    headers = 4 * tar.BLOCK * (len(manifest.files) + 1)
    if manifest.size + headers > limits.total:
        raise LimitError(f"expected at most {limits.total:,} bytes to pack, found {manifest.size:,}")
    for name, file in manifest.files.items():
        if file.size > limits.file:
            raise LimitError(f"{short(name)}: expected at most {limits.file:,} bytes, found {file.size:,}")


def _copy(stream: GzipWriter, folder: Path, name: str, expected: File, limits: Limits) -> None:
    with folders.open_inside(folder, name, limits) as file:
        found = _write(stream, name, expected.size, folders.chunks(file))
    if found != expected:
        raise DigestError(f"{short(name)}: expected a file that stays as it is, found it changed while it was packed")


def _write(stream: GzipWriter, name: str, size: int, content: Iterable[bytes]) -> File:
    stream.write(tar.file_header(name, size))
    found = hashed(content, stream.write)
    stream.write(bytes(-size % tar.BLOCK))
    return found
