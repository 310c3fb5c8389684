"""Keys that sign models: those that are taken, and those that are refused by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from components.errors import InputError
from components.package import keys, private_keys
from tests.package import bundles

KEY, OTHER = bundles.made(), bundles.made()


@pytest.mark.parametrize("curve", list(bundles.CURVES))
def test_each_curve_that_the_library_knows_can_be_made(curve: str, tmp_path: Path) -> None:
    made = private_keys.generate(tmp_path / "private", tmp_path / "public", curve)
    found = private_keys.private(tmp_path / "private")
    assert found is not None
    assert found.public == made == keys.required(str(tmp_path / "public"))
    assert found.key.curve.name == keys.CURVES[curve]
    assert "PRIVATE" not in repr(found)


def pem(key: Any) -> str:
    """Returns the public half of any key."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()  # type: ignore[no-any-return]


PUBLIC: dict[str, tuple[Callable[[], str], str]] = {
    "RSA": (lambda: pem(rsa.generate_private_key(65537, 2048)), "P-256, P-384, P-521, found one for RSA"),
    "Ed25519": (lambda: pem(ed25519.Ed25519PrivateKey.generate()), "found one for Ed25519"),
    "secp256k1": (lambda: pem(ec.generate_private_key(ec.SECP256K1())), "found one on secp256k1"),
    "a private key": (lambda: KEY.pem().decode(), "found a private one, which must stay secret"),
    "two keys": (lambda: KEY.public.pem + OTHER.public.pem, "expected one key in PEM, found 2"),
    "a damaged key": (lambda: KEY.public.pem.replace("M", "N"), "found none that can be read"),
    "no key": (lambda: "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "found none that can be read"),
    "a device": (lambda: "/dev/zero", "found neither"),
    "a folder": (lambda: "/", "found neither"),
    "no file": (lambda: "none.pem", "found neither"),
    "a name that is too long": (lambda: "a" * 5000, "expected a file that can be read"),
    "NUL": (lambda: "a\0b", "found neither|a path that is none"),
    "blanks": (lambda: "  ", "found neither"),
}


@pytest.mark.parametrize("case", list(PUBLIC))
def test_a_public_key_that_is_none_is_refused_by_name(case: str) -> None:
    make, match = PUBLIC[case]
    with pytest.raises(InputError, match=match):
        keys.required(make())


def test_a_file_that_is_no_key_is_refused_by_its_size(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"-----BEGIN PUBLIC KEY-----" + b"A" * (1 << 20))
    with pytest.raises(InputError, match="at most 16,384 bytes"):
        keys.required(str(tmp_path / "large"))


@pytest.mark.parametrize("case", ["RSA", "Ed25519", "secp256k1", "public", "nothing"])
def test_a_private_key_that_is_none_is_refused_by_name(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Callable[[], Any]] = {
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    }
    if case in made:
        text = private_keys.PrivateKey(made[case]()).pem().decode()
    else:
        text = KEY.public.pem if case == "public" else "nothing"
    (tmp_path / "key").write_text(text)
    found = {"public": "none that can be read", "nothing": "expected one key in PEM, found 0"}.get(case, case)
    with pytest.raises(InputError, match=f"--signing-key: .*{found}"):
        private_keys.private(tmp_path / "key")
    monkeypatch.setenv(keys.PRIVATE, text)
    with pytest.raises(InputError, match=f"ROADWORTHY_SIGNING_KEY: .*{found}"):
        private_keys.private(None)
