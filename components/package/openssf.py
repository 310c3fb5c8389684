"""Signing and verifying by the OpenSSF's library ``model-signing``; imported only where there is a key.

The library would hash a folder, and what it had hashed could be changed before it is loaded. So it is given a hashing
configuration that looks at no file: it answers with the manifest that is held in memory. What is loaded later is
checked against that same manifest.

Source: https://github.com/sigstore/model-transparency, version 1.1.1.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model_signing import hashing, signing, verifying
from model_signing import manifest as library
from model_signing._hashing.hashing import Digest

from components.package.keys import PublicKey
from components.package.manifest import SIGNATURE
from components.package.private_keys import PrivateKey

_METHOD = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": [SIGNATURE]}


class Known(hashing.Config):
    """A hashing configuration that knows the digests already.

    Args:
        name: Of the model, which is informative.
        files: The SHA-256 in hexadecimal of each file, by name.
    """

    def __init__(self, name: str, files: Mapping[str, str]) -> None:
        super().__init__()
        self._name = name
        self._files = files

    def hash(self, model_path: Any, *, files_to_hash: Any = None) -> library.Manifest:
        """Returns the library's manifest of the files, whatever path is given."""
        del model_path, files_to_hash
        method = library.SerializationType.from_args(_METHOD)
        items = [method.new_item(name, Digest("sha256", bytes.fromhex(found))) for name, found in self._files.items()]
        return library.Manifest(self._name, items, method)

    def add_ignored_paths(self, *, model_path: Any, paths: Any) -> None:
        """Does nothing: no file is left out because a signature asks for it."""


def sign(name: str, files: Mapping[str, str], key: PrivateKey) -> bytes:
    """Returns ``model.sig``.

    Args:
        name: Of the model, which is informative.
        files: The SHA-256 in hexadecimal of each file, by name.
        key: It never touches a disk.
    """
    configuration = signing.Config().set_hashing_config(Known(name, files))
    with _readable(key.pem()) as path, tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / SIGNATURE
        configuration.use_elliptic_key_signer(private_key=path).sign(folder, target)
        return target.read_bytes()


def verify(data: bytes, files: Mapping[str, str], key: PublicKey) -> None:
    """Verifies ``model.sig``: that the key signed it, and that it signs just these files.

    Args:
        data: The signature's content.
        files: The SHA-256 in hexadecimal of each file, by name.
        key: Of whom it must be.

    Raises:
        Exception: Of any class: the library raises what its own libraries do.
    """
    configuration = verifying.Config().set_hashing_config(Known("", files))
    with _readable(data) as signature, _readable(key.pem.encode()) as public:
        configuration.use_elliptic_key_verifier(public_key=public).verify(os.curdir, signature)


@contextmanager
def _readable(content: bytes) -> Iterator[Path]:
    """Yields a path to content in memory: the library takes paths only, and a key shall not lie on a disk."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("roadworthy")
    else:  # not Linux: a file without a name
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        with os.fdopen(os.dup(descriptor), "wb") as writer:
            writer.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield Path(f"/dev/fd/{descriptor}")
    finally:
        os.close(descriptor)
