"""Loading from a package: the bytes that were checked are the bytes that are used."""

from __future__ import annotations

import io
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import ArchiveError
from components.package import folders, keys, signature
from components.package.limits import Limits
from components.package.manifest import MANIFEST_BYTES, NAME, SIGNATURE, File, Manifest, hashed
from components.package.reading import Contents, read
from components.package.strict import listed, short

if TYPE_CHECKING:
    from components.package.description import ModelDescription


class Package:
    """A packed model, or one that was unpacked; hands out verified bytes only.

    An archive is verified whole at once. Of a folder the names and sizes are compared with the manifest, and each
    file's digest when it is read: over the very bytes that ``read`` returns, so that a file that changes between check
    and use cannot be loaded.

    Args:
        place: A ``model.tar.gz``, or a folder that :func:`unpack` made.
        limits: What it may hold.
        digest: The identity it must have, ``sha256:…``; None for any.
        public_key: The key that it must be signed by: PEM text or the path of a file; empty for that of the
            environment (``ROADWORTHY_PUBLIC_KEY``), if it is set there; None for none.

    Attributes:
        place: As given.
        manifest: Read once; the digests of everything.
        signature: The content of ``model.sig``, if there is one; verified only where a key is required.

    Raises:
        InputError: There is no such file or folder.
        ArchiveError: It is damaged, ambiguous, or has no manifest.
        UnsafeMemberError: It holds links, special files or unportable names.
        LimitError: It is larger than allowed.
        DigestError: Its files are not those of the manifest, or it is another model than ``digest``.
        SignatureError: It is not signed by the key that is required.
    """

    def __init__(
        self,
        place: Path,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        digest: str | None = None,
        public_key: str | None = "",
    ) -> None:
        key = keys.required(public_key)
        self.place = place
        self._limits = limits
        self.manifest, self.signature = self._folder() if place.is_dir() else read(place, limits, lambda name: None)
        self.manifest.check_digest(digest)
        signature.check(self.manifest, self.signature, key)

    @property
    def digest(self) -> str:
        """The model's identity, ``sha256:…``."""
        return self.manifest.digest

    @cached_property
    def description(self) -> ModelDescription:
        """What ``model.json`` says.

        Raises:
            InputError: It is none.
        """
        from components.package.description import NAME as DESCRIPTION
        from components.package.description import ModelDescription

        return ModelDescription.from_bytes(self.read(DESCRIPTION))

    def read(self, name: str) -> bytes:
        """Returns a file's content, checked against the manifest.

        Raises:
            ArchiveError: The manifest lists no such file, or the archive is damaged.
            DigestError: The file is not as it was when it was packed.
            UnsafeMemberError: It is a link or special file by now.
        """
        if name not in self.manifest.files:
            known = listed(sorted(self.manifest.files))
            raise ArchiveError(f"{self.place.name}: expected one of the files {known}, found none called {short(name)}")
        data = self._read_folder(name) if self.place.is_dir() else self._read_archive(name)
        self._check(name, data)
        return data

    def verify(self) -> None:
        """Reads and checks every file.

        Raises:
            DigestError: A file is not as it was when it was packed.
        """
        if not self.place.is_dir():
            read(self.place, self._limits, lambda name: None, digest=self.digest)
            return
        for name in self.manifest.files:
            self.read(name)

    def _check(self, name: str, data: bytes) -> None:
        expected, found = self.manifest.files[name], hashed([data])
        if found != expected:
            Manifest({name: expected}).check_files({name: found})

    def _read_folder(self, name: str) -> bytes:
        with folders.open_inside(self.place, name, self._limits) as file:
            return file.read(self.manifest.files[name].size + 1)

    def _read_archive(self, name: str) -> bytes:
        found = _Kept()
        read(self.place, self._limits, lambda other: found if other == name else None)
        return found.content

    def _folder(self) -> Contents:
        names = folders.files(self.place, self._limits)
        if NAME not in names:
            raise ArchiveError(f"expected {NAME} in {short(str(self.place))}, found none: was it unpacked by unpack?")
        with folders.open_inside(self.place, NAME, self._limits) as file:
            manifest = Manifest.from_bytes(file.read(MANIFEST_BYTES + 1), self._limits)
        sizes = {}
        for name in set(names) - {NAME, SIGNATURE}:
            size = (self.place / name).lstat().st_size
            listed_file = manifest.files.get(name)
            sizes[name] = listed_file if listed_file and listed_file.size == size else File(size, "not read")
        manifest.check_files(sizes)
        return Contents(manifest, self._beside(manifest) if SIGNATURE in names else None)

    def _beside(self, manifest: Manifest) -> bytes:
        with folders.open_inside(self.place, SIGNATURE, self._limits) as file:
            return file.read(signature.limit(manifest) + 1)


class _Kept(io.BytesIO):
    """A file in memory whose content outlives its closing."""

    content = b""

    def close(self) -> None:
        if not self.closed:
            self.content = self.getvalue()
        super().close()


def check_model(package: Package) -> ModelDescription:
    """Checks that a package is a model that can be loaded: its description, and weights that fit it.

    Raises:
        ArchiveError: A file is missing or not as it was packed.
        InputError: The description is none.
        WeightsError: The weights are not of the framework's format, or not those of the network.
    """
    from components.package import architectures, params, symbol, weights

    description = package.description
    if description.framework == "mxnet":
        network = symbol.check(package.read(description.symbol))
        found = params.check(package.read(description.weights))
        network.check_weights({name: array.shape for name, array in found.items()})
        return description
    expected = architectures.expected(description.architecture, len(description.labels))
    weights.check(package.read(description.weights), expected)
    return description
