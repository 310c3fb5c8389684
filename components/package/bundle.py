"""``model.sig``: an OpenSSF signature of a model, read more narrowly than its library reads it.

It is a Sigstore bundle (version 0.3) with a DSSE envelope around an in-toto statement (version 1) whose predicate is
model-signing's (version 1.0). What is read here is not yet believed: :mod:`components.package.openssf` has the library
verify it. But a bundle that could be understood in two ways, or that asks for more than one key and SHA-256, does not
get that far.

Sources: https://docs.sigstore.dev/about/bundle/, https://github.com/secure-systems-lab/dsse,
https://github.com/in-toto/attestation/tree/main/spec/v1, and the library's module ``model_signing._signing.signing``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from components.errors import LimitError, SignatureError
from components.package.limits import MIB
from components.package.manifest import SIGNATURE as NAME
from components.package.strict import kind, listed, parse_object, short

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST_SIGNATURE = 256
"""Bytes; two numbers of 521 bits in DER take 139."""


class Bundle(NamedTuple):
    """What a bundle says.

    Attributes:
        key: The fingerprint of the key that it names, the SHA-256 of its PEM in hexadecimal.
        files: The SHA-256 in hexadecimal of each file that it signs, by name.
    """

    key: str
    files: Mapping[str, str]


def most(manifest_size: int) -> int:
    """Returns how many bytes a signature may have: room for each file's name, four times over, and 1 MiB.

    Args:
        manifest_size: Bytes of ``manifest.json``, which has the same names and digests.
    """
    return MIB + 4 * manifest_size


def parse(data: bytes, limit: int) -> Bundle:
    """Reads ``model.sig``, and believes none of it.

    Args:
        data: The file's content.
        limit: Bytes that it may have, see :func:`most`.

    Raises:
        LimitError: It is larger.
        SignatureError: It is no bundle, is signed by anything but one key, or signs anything but files by SHA-256.
    """
    if len(data) > limit:
        raise LimitError(f"{NAME}: expected at most {limit:,} bytes, found {len(data):,}")
    bundle = parse_object(data, NAME, SignatureError)
    _keys(bundle, "the bundle", "mediaType", "verificationMaterial", "dsseEnvelope")
    _equal(bundle["mediaType"], MEDIA_TYPE, "the media type")
    statement = parse_object(_payload(bundle["dsseEnvelope"]), f"{NAME}: the statement", SignatureError)
    return Bundle(_hint(bundle["verificationMaterial"]), _files(statement))


def _hint(material: Any) -> str:
    if isinstance(material, dict) and (other := sorted(material.keys() - {"publicKey", "tlogEntries"})):
        raise SignatureError(f"{NAME}: expected a signature by a key alone, found {listed(other)}")
    _keys(material, "the verification material", "publicKey", optional=("tlogEntries",))
    if material.get("tlogEntries", []) != []:
        raise SignatureError(f"{NAME}: expected a signature by a key alone, found entries of a transparency log")
    return _digest(_keys(material["publicKey"], "the public key", "hint")["hint"], "the key's fingerprint")


def _payload(envelope: Any) -> bytes:
    _keys(envelope, "the envelope", "payload", "payloadType", "signatures")
    _equal(envelope["payloadType"], PAYLOAD_TYPE, "the payload's type")
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        found = len(signatures) if isinstance(signatures, list) else kind(signatures)
        raise SignatureError(f"{NAME}: expected one signature, found {found}")
    signature = _keys(signatures[0], "the signature", "sig", optional=("keyid",))
    if signature.get("keyid", "") != "":
        raise SignatureError(f"{NAME}: expected no name of a key, found {short(signature['keyid'])}")
    if not 0 < len(_base64(signature["sig"], "the signature")) <= _LARGEST_SIGNATURE:
        raise SignatureError(f"{NAME}: expected a signature of 1 to {_LARGEST_SIGNATURE} bytes, found another length")
    return _base64(envelope["payload"], "the payload")


def _files(statement: dict[str, Any]) -> dict[str, str]:
    _keys(statement, "the statement", "_type", "subject", "predicateType", "predicate")
    _equal(statement["_type"], STATEMENT, "the statement's type")
    _equal(statement["predicateType"], PREDICATE, "the predicate's type")
    subjects = statement["subject"]
    if not isinstance(subjects, list) or len(subjects) != 1:
        found = len(subjects) if isinstance(subjects, list) else kind(subjects)
        raise SignatureError(f"{NAME}: expected one subject, found {found}")
    digest = _keys(subjects[0], "the subject", "digest", optional=("name",))["digest"]
    _digest(_keys(digest, "the subject's digest", "sha256")["sha256"], "the subject's digest")
    predicate = statement["predicate"]
    if not isinstance(predicate, dict) or not isinstance(predicate.get("resources"), list):
        raise SignatureError(f"{NAME}: expected a list of the files it signs, found none")
    _check_serialization(predicate.get("serialization"))
    return _resources(predicate["resources"])


def _check_serialization(found: Any) -> None:
    if not isinstance(found, dict):
        raise SignatureError(f"{NAME}: expected how the files were hashed, found {kind(found)}")
    _equal(found.get("method"), "files", "the method")
    _equal(found.get("hash_type"), "sha256", "the algorithm")


def _resources(resources: list[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for resource in resources:
        _keys(resource, "a file", "name", "algorithm", "digest")
        name = resource["name"]
        if not isinstance(name, str) or name in found:
            raise SignatureError(f"{NAME}: expected each file's name once, found {short(name)}")
        _equal(resource["algorithm"], "sha256", f"{short(name)}: the algorithm")
        found[name] = _digest(resource["digest"], short(name))
    return found


def _keys(found: Any, what: str, *wanted: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise SignatureError(f"{NAME}: {what}: expected an object, found {kind(found)}")
    if not set(wanted) <= found.keys() <= {*wanted, *optional}:
        raise SignatureError(f"{NAME}: {what}: expected the keys {', '.join(wanted)}, found {listed(sorted(found))}")
    return found


def _equal(found: Any, wanted: str, what: str) -> None:
    if found != wanted:
        raise SignatureError(f"{NAME}: expected {wanted} as {what}, found {short(found)}")


def _digest(found: Any, what: str) -> str:
    if not isinstance(found, str) or _SHA256.fullmatch(found) is None:
        raise SignatureError(f"{NAME}: {what}: expected a SHA-256 in hexadecimal, found {short(found)}")
    return found


def _base64(text: Any, what: str) -> bytes:
    """Decodes what has one spelling only: canonical base64 (RFC 4648, section 3.5)."""
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise SignatureError(f"{NAME}: {what}: expected base64, found {short(text)}")
    return data
