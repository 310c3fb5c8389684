"""Signatures made by hand after DSSE's own specification, so that they can lie in ways no library would write."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from components.package.manifest import Manifest
from components.package.private_keys import PrivateKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
HASHES = {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}


def made(curve: str = "P-256") -> PrivateKey:
    """Returns a new key."""
    return PrivateKey(ec.generate_private_key(CURVES[curve]()))


def written(folder: Path, key: PrivateKey) -> tuple[Path, Path]:
    """Returns the files of a private and a public key, as ``openssl`` would write them."""
    folder.mkdir(parents=True, exist_ok=True)
    private, public = folder / "key.pem", folder / "key.pub"
    private.write_bytes(
        key.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    public.write_text(key.public.pem)
    return private, public


def statement(manifest: Manifest) -> dict[str, Any]:
    """Returns what an honest signer says of a model."""
    files = {name: file.sha256 for name, file in manifest.files.items()}
    files["manifest.json"] = hashlib.sha256(manifest.to_bytes()).hexdigest()
    resources = [{"name": name, "algorithm": "sha256", "digest": files[name]} for name in sorted(files)]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": root(resources)}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
            "resources": resources,
        },
    }


def root(resources: list[dict[str, Any]]) -> str:
    """Returns the digest of all digests, which a statement's subject has."""
    return hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources)).hexdigest()


def bundle(payload: bytes, key: PrivateKey) -> dict[str, Any]:
    """Returns a bundle that is rightly signed, whatever the payload."""
    encoded = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    signature = key.key.sign(encoded, ec.ECDSA(HASHES[key.key.curve.key_size]()))
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": hashlib.sha256(key.public.pem.encode()).hexdigest()},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }


Change = Callable[[Any], Any]
"""Changes what it is given, or returns something else in its place."""


def signed(manifest: Manifest, key: PrivateKey, state: Change | None = None, seal: Change | None = None) -> bytes:
    """Returns a ``model.sig``; ``state`` changes what is signed, ``seal`` the bundle around it."""
    return _encoded(_changed(bundle(_encoded(_changed(statement(manifest), state)), key), seal))


def _changed(found: Any, change: Change | None) -> Any:
    other = change(found) if change else None
    return found if other is None else other


def _encoded(found: Any) -> bytes:
    return found if isinstance(found, bytes) else json.dumps(found).encode()
