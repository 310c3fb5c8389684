"""Signatures that lie: each is refused with one clear error, and none of the library's comes through."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import ArchiveError, InputError, LimitError, SignatureError, UnsafeMemberError
from components.package import bundle, keys
from components.package.archive import Limits, Package, pack, unpack, verify
from components.package.manifest import Manifest
from tests.package import bundles
from tests.package.crafted import compressed, folder_with, listed_manifest, manifest_of, member

KEY, OTHER, LARGE = bundles.made(), bundles.made(), bundles.made("P-384")
FILES = {"a": b"one", "b/c": b"two"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An unpacked model without a signature; the archive lies beside it."""
    pack(folder_with(tmp_path / "trained", FILES), tmp_path / "model.tar.gz")
    unpack(tmp_path / "model.tar.gz", tmp_path / "model")
    return tmp_path / "model"


def manifest() -> Manifest:
    return Manifest.from_bytes(manifest_of(FILES))


def refused(folder: Path, data: bytes, match: str, error: type[ArchiveError] = SignatureError) -> None:
    """A model with this signature is refused, as a folder and as an archive, and never by a traceback."""
    (folder / "model.sig").write_bytes(data)
    with pytest.raises(error, match=match):
        Package(folder, public_key=KEY.public.pem)
    signed = compressed(
        listed_manifest(FILES), member(b"model.sig", data), member(b"a", b"one"), member(b"b/c", b"two")
    )
    archive = folder.with_name("signed.tar.gz")
    archive.write_bytes(signed)
    with pytest.raises(error, match=match) as told:
        unpack(archive, folder.with_name("out"), public_key=KEY.public.pem)
    assert "\n" not in str(told.value)
    assert not folder.with_name("out").exists()


def test_the_honest_one_is_accepted(folder: Path) -> None:
    (folder / "model.sig").write_bytes(bundles.signed(manifest(), KEY))
    Package(folder, public_key=KEY.public.pem).verify()


def more(*path: Any, **changes: Any) -> bundles.Change:
    """Returns a change of what lies at a path of keys; a value of None removes."""

    def change(found: Any) -> None:
        for part in path:
            found = found[part]
        for name, value in changes.items():
            if value is None:
                del found[name]
            else:
                found[name] = value

    return change


def twice(*path: Any) -> bundles.Change:
    """Returns a change that says the first of a list twice."""

    def change(found: Any) -> None:
        for part in path:
            found = found[part]
        found.append(found[0])

    return change


STATEMENTS: dict[str, tuple[bundles.Change, str]] = {
    "two subjects": (twice("subject"), "one subject, found 2"),
    "no subject": (more(subject=[]), "one subject, found 0"),
    "a subject that is a text": (more(subject="model"), "one subject, found a text"),
    "another digest of the subject": (
        more("subject", 0, digest={"sha256": "0" * 64}),
        "found one that is not its own",
    ),
    "another algorithm of the subject": (more("subject", 0, digest={"md5": "0" * 32}), "the keys sha256, found 'md5'"),
    "another type": (more(_type="https://in-toto.io/Statement/v0.1"), "the statement's type"),
    "another predicate": (more(predicateType="https://slsa.dev/provenance/v1"), "the predicate's type"),
    "the predicate before 1.0": (more(predicateType="https://model_signing/Digests/v0.1"), "the predicate's type"),
    "no predicate": (more(predicate=None), "the keys"),
    "a predicate that is a list": (more(predicate=[]), "a list of the files it signs, found none"),
    "shards": (more("predicate", "serialization", method="shards"), "files as the method, found 'shards'"),
    "blake3": (more("predicate", "serialization", hash_type="blake3"), "sha256 as the algorithm, found 'blake3'"),
    "no method": (more("predicate", serialization=None), "how the files were hashed, found null"),
    "another algorithm of a file": (more("predicate", "resources", 0, algorithm="md5"), "the algorithm, found 'md5'"),
    "an algorithm in capitals": (more("predicate", "resources", 0, algorithm="SHA256"), "the algorithm"),
    "a digest that is short": (more("predicate", "resources", 0, digest="00"), "a SHA-256 in hexadecimal, found '00'"),
    "a digest that is a number": (more("predicate", "resources", 0, digest=7), "a SHA-256 in hexadecimal, found 7"),
    "a digest in capitals": (more("predicate", "resources", 0, digest="A" * 64), "a SHA-256 in hexadecimal"),
    "a file twice": (twice("predicate", "resources"), "each file's name once, found 'a'"),
    "a name that is none": (more("predicate", "resources", 0, name=["a"]), "each file's name once"),
    "one name for another": (more("predicate", "resources", 0, name="./a"), "not signed: 'a'"),
    "no files": (more("predicate", resources=[]), "not signed: 'a', 'b/c', 'manifest.json'"),
    "the files without the manifest": (
        more(
            "predicate", resources=[{"name": "a", "algorithm": "sha256", "digest": hashlib.sha256(b"one").hexdigest()}]
        ),
        "not signed: 'b/c', 'manifest.json'",
    ),
    "a file more": (
        lambda s: s["predicate"]["resources"].append({"name": "z", "algorithm": "sha256", "digest": "0" * 64}),
        "signed, but not there: 'z'",
    ),
    "another content": (more("predicate", "resources", 0, digest="0" * 64), "signed with another content: 'a'"),
    "a list": (lambda s: b"[]", "a JSON object, found a list"),
    "no JSON": (lambda s: b"no", "the statement: expected JSON"),
    "nothing": (lambda s: b"", "expected base64|expected JSON"),
    "a name twice": (lambda s: json.dumps(s).encode()[:-1] + b', "_type": 1}', "the key '_type' twice"),
    "too deep": (lambda s: b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too many levels"),
}


@pytest.mark.parametrize("case", list(STATEMENTS))
def test_24_what_is_rightly_signed_but_says_something_else_is_refused(case: str, folder: Path) -> None:
    change, match = STATEMENTS[case]
    refused(folder, bundles.signed(manifest(), KEY, state=change), match)


def resigned(key: Any) -> bundles.Change:
    """Returns a change of a bundle to one that another key signed, under this key's name."""

    def change(found: dict[str, Any]) -> None:
        payload = base64.b64decode(found["dsseEnvelope"]["payload"])
        found["dsseEnvelope"] = bundles.bundle(payload, key)["dsseEnvelope"]

    return change


def certified(found: dict[str, Any]) -> None:
    found["verificationMaterial"] = {
        "x509CertificateChain": {"certificates": [{"rawBytes": "MIIB"}]},
        "tlogEntries": [],
    }


ENVELOPE, MATERIAL = "dsseEnvelope", "verificationMaterial"
SEALS: dict[str, tuple[bundles.Change, str]] = {
    "an empty object": (lambda b: {}, "the bundle: expected the keys"),
    "no signature": (more(ENVELOPE, signatures=[]), "one signature, found 0"),
    "two signatures": (twice(ENVELOPE, "signatures"), "one signature, found 2"),
    "signatures that are none": (more(ENVELOPE, signatures={}), "one signature, found an object"),
    "an empty signature": (more(ENVELOPE, "signatures", 0, sig=""), "1 to 256 bytes"),
    "a long signature": (more(ENVELOPE, "signatures", 0, sig="AAAA" * 100), "1 to 256 bytes"),
    "a signature of zeros": (more(ENVELOPE, "signatures", 0, sig="AAAA" * 24), "not its own"),
    "a name of a key": (more(ENVELOPE, "signatures", 0, keyid="mine"), "no name of a key, found 'mine'"),
    "another payload": (more(ENVELOPE, payload=base64.b64encode(b"{}").decode()), "the statement: expected the keys"),
    "another payload type": (more(ENVELOPE, payloadType="text/plain"), "the payload's type, found 'text/plain'"),
    "no base64": (more(ENVELOPE, payload="<script>"), "the payload: expected base64"),
    "base64 with blanks": (more(ENVELOPE, payload=" e30="), "the payload: expected base64"),
    "base64 in two spellings": (more(ENVELOPE, payload="e31="), "the payload: expected base64"),
    "a payload that is a number": (more(ENVELOPE, payload=7), "the payload: expected base64, found 7"),
    "a payload that is not ASCII": (more(ENVELOPE, payload="ünï="), "the payload: expected base64"),
    "no envelope": (more(dsseEnvelope=None), "the bundle: expected the keys"),
    "a message's signature instead": (more(messageSignature={}), "the bundle: expected the keys"),
    "an envelope in snake case": (more(dsse_envelope={}), "the bundle: expected the keys"),
    "another media type": (more(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"), "the media type"),
    "a certificate": (certified, "signature by a key alone, found 'x509CertificateChain'"),
    "a certificate beside the key": (more(MATERIAL, certificate={"rawBytes": "MIIB"}), "alone, found 'certificate'"),
    "a time stamp": (more(MATERIAL, timestampVerificationData={}), "alone, found 'timestampVerificationData'"),
    "an entry of a log": (more(MATERIAL, tlogEntries=[{}]), "found entries of a transparency log"),
    "no key's name": (more(MATERIAL, publicKey={}), "the public key: expected the keys hint"),
    "a key's name that is null": (more(MATERIAL, publicKey={"hint": 0}), "a SHA-256 in hexadecimal, found 0"),
    "the key itself": (
        more(MATERIAL, publicKey={"hint": "0" * 64, "rawBytes": KEY.public.pem}),
        "the public key: expected the keys hint",
    ),
    "another key's name": (more(MATERIAL, publicKey={"hint": OTHER.public.fingerprint}), "found one by"),
    "another key under this key's name": (resigned(OTHER), "not its own"),
    "a key of another curve under this key's name": (resigned(LARGE), "not its own"),
    "a list": (lambda b: b"[]", "a JSON object, found a list"),
    "no JSON": (lambda b: b"-----BEGIN CERTIFICATE-----", "expected JSON"),
    "nothing": (lambda b: b"", "expected JSON"),
    "no UTF-8": (lambda b: b"\xff\xfe{}", "expected UTF-8"),
    "a name twice": (lambda b: json.dumps(b).encode()[:-1] + b', "mediaType": ""}', "the key 'mediaType' twice"),
    "too deep": (lambda b: b"[" * 500_000, "too many levels"),
    "a number without end": (lambda b: b'{"a": 1' + b"0" * 100_000 + b"}", "beyond 64 bits"),
}


@pytest.mark.parametrize("case", list(SEALS))
def test_24_a_bundle_that_lies_is_refused(case: str, folder: Path) -> None:
    change, match = SEALS[case]
    refused(folder, bundles.signed(manifest(), KEY, seal=change), match)


def expired(key: keys.PrivateKey) -> x509.Certificate:
    """Returns a certificate whose day was over long ago."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
    day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    built = x509.CertificateBuilder(name, name, key.key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(day).not_valid_after(day + datetime.timedelta(days=1))
    return built.sign(key.key, hashes.SHA256())


def test_24_an_expired_certificate_is_refused_as_any_is(folder: Path) -> None:
    certificate = expired(KEY)
    der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    change = more(MATERIAL, publicKey=None, certificate={"rawBytes": der})
    refused(folder, bundles.signed(manifest(), KEY, seal=change), "by a key alone, found 'certificate'")
    with pytest.raises(InputError, match="expected a public key in PEM"):
        Package(folder, public_key=certificate.public_bytes(serialization.Encoding.PEM).decode())


def test_a_signature_has_a_bound_that_is_looked_at_before_it_is_read(folder: Path) -> None:
    most = bundle.most(len(manifest_of(FILES)))
    assert 1 << 20 < most < (1 << 20) + 4096
    refused(folder, b" " * (most + 1), "expected at most", LimitError)
    refused(folder, b" " * most, "expected JSON")


def test_a_bound_that_the_largest_honest_signature_keeps(tmp_path: Path) -> None:
    names = [f"{'ß' * 60}/{'語' * 80}{number}" for number in range(500)]
    found = pack(folder_with(tmp_path / "trained", dict.fromkeys(names, b"")), tmp_path / "m.tar.gz", key=KEY)
    signature = Package(tmp_path / "m.tar.gz", public_key=KEY.public.pem).signature
    assert signature is not None
    # Without the 1 MiB that is there for small ones.
    assert len(signature) < bundle.most(len(found.to_bytes())) - (1 << 20)


@given(at=st.integers(0, 10_000), cut=st.integers(0, 40), put=st.binary(max_size=40))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_signature_that_was_damaged_by_lot_is_refused_and_never_crashes(
    folder: Path, at: int, cut: int, put: bytes
) -> None:
    honest = bundles.signed(manifest(), KEY)
    at %= len(honest)
    damaged = honest[:at] + put + honest[at + cut :]
    (folder / "model.sig").write_bytes(damaged)
    try:
        Package(folder, public_key=KEY.public.pem)
    except (SignatureError, LimitError):
        return
    assert json.loads(damaged) == json.loads(honest)  # a blank more


SIGNATURE = member(b"model.sig", b"{}")


@pytest.mark.parametrize("key", [None, KEY.public.pem], ids=["no key", "a key"])
def test_a_signature_elsewhere_in_an_archive_is_refused_whoever_reads(tmp_path: Path, key: str | None) -> None:
    parts = [listed_manifest(FILES), member(b"a", b"one"), member(b"b/c", b"two")]
    orders = {
        "as member 4": [*parts, SIGNATURE],
        "as member 1": [SIGNATURE, *parts],
        "each name once": [parts[0], SIGNATURE, SIGNATURE, *parts[1:]],
        "MODEL.SIG": [parts[0], SIGNATURE, member(b"MODEL.SIG", b""), *parts[1:]],
    }
    for match, members in orders.items():
        (tmp_path / "m.tar.gz").write_bytes(compressed(*members))
        with pytest.raises(ArchiveError, match=match):
            verify(tmp_path / "m.tar.gz", public_key=key)
    (tmp_path / "m.tar.gz").write_bytes(compressed(SIGNATURE, *parts[1:]))
    with pytest.raises(ArchiveError, match="as member 1"):
        unpack(tmp_path / "m.tar.gz", tmp_path / "out", require_manifest=False, public_key=key)


@pytest.mark.parametrize("name", ["model.sig", "Model.Sig", "model.sig/a"])
def test_no_file_of_a_model_may_be_called_like_its_signature(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeMemberError, match="called like its signature"):
        Manifest.from_bytes(manifest_of({**FILES, name: b"{}"}))
    if name != "model.sig":
        with pytest.raises(UnsafeMemberError, match="called like its signature"):
            pack(folder_with(tmp_path / "trained", {**FILES, name: b"{}"}), tmp_path / "m.tar.gz")


def test_no_more_than_the_bound_is_read_of_a_signature_in_an_archive(tmp_path: Path) -> None:
    large = member(b"model.sig", bytes((1 << 20) + 4096))
    (tmp_path / "m.tar.gz").write_bytes(compressed(listed_manifest(FILES), large, member(b"a", b"one")))
    with pytest.raises(LimitError, match=r"model\.sig: expected at most"):
        verify(tmp_path / "m.tar.gz", Limits(), public_key=None)
