"""Whether a model is signed by the key that is required: over the manifest that is held in memory, never over a path.

The chain has no gap: the library verifies the signature's bytes, which were read once; what they sign is compared with
the manifest, file by file and ``manifest.json`` itself; and whoever loads a file compares its bytes with that manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from components.errors import InputError, SignatureError
from components.package import bundle
from components.package.manifest import NAME, Manifest
from components.package.strict import listed

if TYPE_CHECKING:
    from components.package.keys import PublicKey
    from components.package.private_keys import PrivateKey


def check(manifest: Manifest, signature: bytes | None, key: PublicKey | None) -> None:
    """Checks that a model is signed.

    Args:
        manifest: Of the model.
        signature: The content of ``model.sig``, if there is one.
        key: By which it must be signed; None for no matter.

    Raises:
        SignatureError: It is not signed, not by this key, or it is another model that was signed.
        LimitError: The signature is too large.
    """
    if key is None:
        return
    if signature is None:
        raise SignatureError(f"expected a model signed by the key {key.name}…, found no signature")
    found = bundle.parse(signature, limit(manifest))
    if found.key != key.fingerprint:
        raise SignatureError(f"expected a model signed by the key {key.name}…, found one by {found.key[:12]}…")
    _compare(signed(manifest), found.files)
    library = _library()
    try:
        library.verify(signature, signed(manifest), key)
    except Exception:  # it lets through whatever its own libraries raise
        raise SignatureError(f"expected a signature by the key {key.name}…, found one that is not its own") from None


def check_fits(manifest: Manifest, signature: bytes) -> None:
    """Checks that a signature is of this model, whoever made it.

    Raises:
        SignatureError: It is of another model.
        LimitError: It is too large.
    """
    _compare(signed(manifest), bundle.parse(signature, limit(manifest)).files)


def make(manifest: Manifest, key: PrivateKey) -> bytes:
    """Returns the content of ``model.sig``; each time another, as ECDSA draws a number."""
    made: bytes = _library().sign(manifest.digest, signed(manifest), key)
    check(manifest, made, key.public)
    return made


def signed(manifest: Manifest) -> Mapping[str, str]:
    """Returns what is signed: the SHA-256 in hexadecimal of every file of an unpacked model, its manifest with them."""
    files = {name: file.sha256 for name, file in manifest.files.items()}
    return {NAME: manifest.digest.removeprefix("sha256:"), **files}


def limit(manifest: Manifest) -> int:
    """Returns how many bytes the signature of a model may have."""
    return bundle.most(len(manifest.to_bytes()))


def _compare(wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    differences = {
        "not signed": sorted(wanted.keys() - found.keys()),
        "signed, but not there": sorted(found.keys() - wanted.keys()),
        "signed with another content": sorted(n for n in wanted.keys() & found.keys() if wanted[n] != found[n]),
    }
    if told := [f"{what}: {listed(names)}" for what, names in differences.items() if names]:
        raise SignatureError(f"expected a signature of this model, found one of another; {'; '.join(told)}")


def _library() -> Any:
    try:
        from components.package import openssf
    except ImportError as error:
        missing = error.name or "model-signing"
        raise InputError(f"expected the library model-signing for a model's signature, found no {missing}") from None
    return openssf
