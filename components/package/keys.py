"""Public keys, which check who signed a model: on elliptic curves, in PEM, as OpenSSF model signing takes them.

A key is given as the PEM text or as the path of a file. What is given never appears in a message: it may be the wrong
key, one that must stay secret.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from components.errors import InputError

PUBLIC = "ROADWORTHY_PUBLIC_KEY"
"""Environment: PEM text or path of the key that every model must be signed by which is loaded."""

PRIVATE = "ROADWORTHY_SIGNING_KEY"
"""Environment: PEM text of the key that models are signed with."""

PASSWORD = "ROADWORTHY_SIGNING_KEY_PASSWORD"  # noqa: S105 - a name
"""Environment: of an encrypted private key."""

CURVES = {"P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1"}
"""NIST's names and those of SEC 2, which the library of keys uses."""

_PEM_BYTES = 16 * 1024
_BEGIN = "-----BEGIN "


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are checked with; ``pem`` in its one canonical form, SubjectPublicKeyInfo (RFC 7468)."""

    pem: str

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the PEM in hexadecimal, by which a signature names its key."""
        return hashlib.sha256(self.pem.encode()).hexdigest()

    @property
    def name(self) -> str:
        """The fingerprint's first twelve digits, for messages."""
        return self.fingerprint[:12]


def required(given: str | None) -> PublicKey | None:
    """Returns the key that a model must be signed by, if any.

    Args:
        given: PEM text or the path of a file that holds it; empty for that of the environment (``PUBLIC``), if it is
            set there; None for none, whatever the environment says.

    Raises:
        InputError: It is no public key, or one on another curve than P-256, P-384 and P-521.
    """
    if given is None:
        return None
    what, text = ("--public-key", given) if given else (PUBLIC, os.environ.get(PUBLIC, ""))
    if not text:
        return None
    return public(text if _BEGIN in text else content(Path(text), what), what)


def public(text: str, what: str = "the public key") -> PublicKey:
    """Reads a public key in PEM.

    Raises:
        InputError: It is none, or none on P-256, P-384 or P-521.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if "PRIVATE KEY-----" in text:
        raise InputError(f"{what}: expected a public key, found a private one, which must stay secret")
    try:
        found = load_pem_public_key(one(text, what))
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(f"{what}: expected a public key in PEM, found none that can be read") from None
    check_curve(found, what)
    return of(found)


def check_curve(key: Any, what: str) -> None:
    """Checks that a key of the library cryptography, public or private, is on a curve of ``CURVES``.

    Raises:
        InputError: It is not; its kind is named.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    if not isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        found = type(key).__name__.lstrip("_").removesuffix("PublicKey").removesuffix("PrivateKey")
        raise InputError(f"{what}: expected a key on {', '.join(CURVES)}, found one for {found}")
    if key.curve.name not in CURVES.values():
        raise InputError(f"{what}: expected a key on {', '.join(CURVES)}, found one on {key.curve.name}")


def one(text: str, what: str) -> bytes:
    """Returns a PEM text as bytes.

    Raises:
        InputError: There is no key in it, or there are several, of which libraries take the first.
    """
    if text.count(_BEGIN) != 1:
        raise InputError(f"{what}: expected one key in PEM, found {text.count(_BEGIN)}")
    return text.encode("utf-8", errors="replace")


def of(key: Any) -> PublicKey:
    """Returns a public key of the library cryptography as ours."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return PublicKey(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def content(path: Path, what: str) -> str:
    """Reads a file that is to hold a key, and does not repeat its path: that may be a key which was meant as a text.

    Raises:
        InputError: There is no such file, it cannot be read, or it is too large for a key.
    """
    try:
        if not path.is_file():
            raise InputError(f"{what}: expected a PEM text or the path of a file that holds one, found neither")
        with path.open("rb") as file:
            data = file.read(_PEM_BYTES + 1)
    except (OSError, ValueError) as error:
        found = getattr(error, "strerror", None) or "a path that is none"
        raise InputError(f"{what}: expected a file that can be read, found {found}") from None
    if len(data) > _PEM_BYTES:
        raise InputError(f"{what}: expected a PEM file of at most {_PEM_BYTES:,} bytes, found a larger one")
    return data.decode("ascii", errors="replace")
