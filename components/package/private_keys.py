"""Private keys, which sign models. A file holds one, or the environment, which is how a Secret reaches a step.

What is given never appears in a message, nor in a command line but as the path of a file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from components.errors import InputError
from components.package import keys


@dataclass(frozen=True)
class PrivateKey:
    """A key that models are signed with; ``key`` is cryptography's, so that no text of it is shown by chance."""

    key: Any = field(repr=False)

    @cached_property
    def public(self) -> keys.PublicKey:
        """The other half."""
        return keys.of(self.key.public_key())

    def pem(self) -> bytes:
        """Returns the key unencrypted, PKCS #8 in PEM."""
        return _pem(self.key, None)


def private(path: Path | None) -> PrivateKey | None:
    """Returns the key to sign with: of a file, or else of the environment (``keys.PRIVATE``), if it is set there.

    An encrypted key takes its password from the environment (``keys.PASSWORD``).

    Raises:
        InputError: It is no private key, none on P-256, P-384 or P-521, or the password is missing or wrong.
    """
    what, text = keys.PRIVATE, os.environ.get(keys.PRIVATE, "")
    if path is not None:
        what = "--signing-key"
        text = keys.content(path, what)
    elif not text:
        return None
    found = _load(keys.one(text, what), what)
    keys.check_curve(found, what)
    return PrivateKey(found)


def generate(private_key: Path, public_key: Path, curve: str = "P-256") -> keys.PublicKey:
    """Makes a pair of keys; the private one is its owner's alone (mode 0600), encrypted if ``keys.PASSWORD`` is set.

    Raises:
        InputError: There is a file already, which stays as it is; or no such curve.
        OSError: A file cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    if curve not in keys.CURVES:
        raise InputError(f"expected a curve among {', '.join(keys.CURVES)}, found {curve[:80]!r}")
    made = PrivateKey(
        ec.generate_private_key({"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}.get(curve, ec.SECP521R1)())
    )
    password = os.environ.get(keys.PASSWORD)
    _write_new(private_key, _pem(made.key, password), 0o600)
    try:
        _write_new(public_key, made.public.pem.encode(), 0o644)
    except BaseException:
        private_key.unlink()
        raise
    return made.public


def _load(data: bytes, what: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    password = os.environ.get(keys.PASSWORD)
    encrypted = b"ENCRYPTED" in data
    if encrypted and not password:
        raise InputError(f"{what}: expected the password of the encrypted key in {keys.PASSWORD}, found none")
    try:
        return load_pem_private_key(data, password.encode() if encrypted and password else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        fitting = " that the password fits" if encrypted else ""
        raise InputError(f"{what}: expected a private key in PEM{fitting}, found none that can be read") from None


def _pem(key: Any, password: str | None) -> bytes:
    from cryptography.hazmat.primitives import serialization

    encryption = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return pem


def _write_new(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside, then linked: a key is there whole or not at all, and a link, unlike a renaming, never replaces one.
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
            file.write(content)
        os.link(partial, path)
    except FileExistsError:
        raise InputError(f"expected no file at {str(path)[:200]!r}, found one: keys are never overwritten") from None
    finally:
        partial.unlink(missing_ok=True)
