"""Signed models: who signed, what is signed, and that the OpenSSF's own program agrees."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import ArchiveError, DigestError, InputError, SignatureError, UnsafeMemberError
from components.package import keys
from components.package.archive import Package, pack, sign, unpack, verify
from components.package.fetch import fetch
from components.storage import place as to_place
from tests.package import bundles

ROOT = Path(__file__).resolve().parents[2]
KEY, OTHER = bundles.made(), bundles.made()


def official(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the OpenSSF's program."""
    command = [sys.executable, "-m", "model_signing", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (keys.PUBLIC, keys.PRIVATE, keys.PASSWORD):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def archive(tmp_path: Path, trained: Path) -> Path:
    pack(trained, tmp_path / "model.tar.gz", key=KEY)
    return tmp_path / "model.tar.gz"


@pytest.fixture
def folder(tmp_path: Path, archive: Path) -> Path:
    unpack(archive, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture(params=["folder", "archive"])
def place(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_signing_changes_neither_the_identity_nor_what_is_unsigned(tmp_path: Path, trained: Path, folder: Path) -> None:
    plain = pack(trained, tmp_path / "plain.tar.gz")
    assert plain.digest == Package(folder).digest
    assert "model.sig" not in plain.files
    (folder / "model.sig").unlink()
    pack(folder, tmp_path / "again.tar.gz")
    assert (tmp_path / "again.tar.gz").read_bytes() == (tmp_path / "plain.tar.gz").read_bytes()


def test_packing_what_was_unpacked_gives_the_same_signed_archive(tmp_path: Path, archive: Path, folder: Path) -> None:
    pack(folder, tmp_path / "again.tar.gz")
    assert (tmp_path / "again.tar.gz").read_bytes() == archive.read_bytes()


@pytest.mark.parametrize("curve", list(bundles.CURVES))
def test_the_official_program_accepts_what_was_unpacked_and_nothing_else(
    curve: str, tmp_path: Path, trained: Path
) -> None:
    key = bundles.made(curve)
    (trained / "Größe").mkdir()
    (trained / "Größe" / "ünï.txt").write_text("a name that is not ASCII")
    pack(trained, tmp_path / "model.tar.gz", key=key)
    folder = tmp_path / "model"
    unpack(tmp_path / "model.tar.gz", folder)
    _, public = bundles.written(tmp_path / "keys", key)
    asked = ("verify", "key", folder, "--signature", folder / "model.sig", "--public_key", public)
    assert official(*asked).returncode == 0
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes() + b" ")
    assert official(*asked).returncode == 1


@pytest.mark.parametrize("curve", list(bundles.CURVES))
def test_what_the_official_program_signed_is_accepted(curve: str, tmp_path: Path, trained: Path) -> None:
    key = bundles.made(curve)
    pack(trained, tmp_path / "model.tar.gz")
    folder = tmp_path / "model"
    unpack(tmp_path / "model.tar.gz", folder)
    private, public = bundles.written(tmp_path / "keys", key)
    done = official("sign", "key", folder, "--signature", folder / "model.sig", "--private_key", private)
    assert done.returncode == 0, done.stderr
    manifest = pack(folder, tmp_path / "signed.tar.gz")
    for found in (folder, tmp_path / "signed.tar.gz"):
        assert Package(found, public_key=str(public)).digest == manifest.digest
        with pytest.raises(SignatureError, match="found one by"):
            Package(found, public_key=OTHER.public.pem)


def test_a_signature_made_by_hand_after_the_specification_is_accepted(folder: Path) -> None:
    (folder / "model.sig").write_bytes(bundles.signed(Package(folder).manifest, KEY))
    assert Package(folder, public_key=KEY.public.pem).signature == (folder / "model.sig").read_bytes()


def loads(found: Path, tmp_path: Path, **asked: str | None) -> None:
    """Loads a model in every way there is; all of them must agree."""
    into = tmp_path / "into"
    ways = [lambda: Package(found, **asked)]
    if found.is_file():
        digest = verify(found, public_key=None).digest
        ways += [
            lambda: verify(found, **asked),
            lambda: unpack(found, into, **asked),
            lambda: fetch(to_place(str(found)), into, digest, **asked),
        ]
    errors = []
    for way in ways:
        try:
            way()
            errors.append(None)
        except SignatureError as error:
            errors.append(error)
            assert not into.exists()
        shutil.rmtree(into, ignore_errors=True)
    assert len({str(error) for error in errors}) == 1, errors
    if errors[0] is not None:
        raise errors[0]


def test_a_signed_model_is_loaded_with_its_key_and_refused_with_another(place: Path, tmp_path: Path) -> None:
    loads(place, tmp_path)
    loads(place, tmp_path, public_key=KEY.public.pem)
    with pytest.raises(SignatureError, match=f"signed by the key {OTHER.public.name}…, found one by {KEY.public.name}"):
        loads(place, tmp_path, public_key=OTHER.public.pem)


def test_an_unsigned_model_is_refused_where_a_key_is_required(tmp_path: Path, trained: Path) -> None:
    pack(trained, tmp_path / "plain.tar.gz")
    unpack(tmp_path / "plain.tar.gz", tmp_path / "plain")
    for found in (tmp_path / "plain.tar.gz", tmp_path / "plain"):
        loads(found, tmp_path)
        with pytest.raises(SignatureError, match="found no signature"):
            loads(found, tmp_path, public_key=KEY.public.pem)


def test_the_environment_requires_a_key_of_every_loader_and_what_is_given_wins(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADWORTHY_PUBLIC_KEY", OTHER.public.pem)
    with pytest.raises(SignatureError):
        loads(place, tmp_path)
    loads(place, tmp_path, public_key=KEY.public.pem)
    loads(place, tmp_path, public_key=None)
    _, public = bundles.written(tmp_path / "keys", KEY)
    monkeypatch.setenv("ROADWORTHY_PUBLIC_KEY", str(public))
    loads(place, tmp_path)
    monkeypatch.setenv("ROADWORTHY_PUBLIC_KEY", "")
    loads(place, tmp_path)


def test_24_a_signature_of_another_model_is_refused(tmp_path: Path, trained: Path, folder: Path) -> None:
    signature = (folder / "model.sig").read_bytes()
    (trained / "code" / "inference.py").write_text("import os\n")
    pack(trained, tmp_path / "other.tar.gz")
    unpack(tmp_path / "other.tar.gz", tmp_path / "other")
    (tmp_path / "other" / "model.sig").write_bytes(signature)
    with pytest.raises(SignatureError, match=r"another content: 'code/inference\.py', 'manifest\.json'"):
        Package(tmp_path / "other", public_key=KEY.public.pem)
    with pytest.raises(SignatureError, match="one of another"):  # nor is it packed, whoever would ask for a key
        pack(tmp_path / "other", tmp_path / "more.tar.gz")
    assert not (tmp_path / "more.tar.gz").exists()


def test_24_what_changes_after_the_check_is_not_loaded(folder: Path) -> None:
    package = Package(folder, public_key=KEY.public.pem)
    (folder / "model.sig").unlink()
    assert package.read("model.json")
    (folder / "code" / "inference.py").write_text("def model_fn(folder): !!!\n")
    with pytest.raises(DigestError):
        package.read("code/inference.py")


def test_a_signature_is_no_link(folder: Path, tmp_path: Path) -> None:
    (folder / "model.sig").rename(tmp_path / "model.sig")
    (folder / "model.sig").symlink_to(tmp_path / "model.sig")
    with pytest.raises(UnsafeMemberError):
        Package(folder, public_key=KEY.public.pem)


def test_an_archive_and_a_folder_are_signed_where_they_lie_and_again(tmp_path: Path, trained: Path) -> None:
    plain = pack(trained, tmp_path / "model.tar.gz")
    unpack(tmp_path / "model.tar.gz", tmp_path / "model")
    for found in (tmp_path / "model.tar.gz", tmp_path / "model"):
        for key in (KEY, OTHER):
            assert sign(found, key).digest == plain.digest
            assert Package(found, public_key=key.public.pem).digest == plain.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model.tar.gz", "trained"]


def test_a_damaged_model_is_not_signed(folder: Path, archive: Path) -> None:
    (folder / "model.json").write_text("{}")
    before = (folder / "model.sig").read_bytes()
    with pytest.raises(DigestError):
        sign(folder, OTHER)
    assert (folder / "model.sig").read_bytes() == before
    archive.write_bytes(archive.read_bytes()[:-9])
    with pytest.raises(ArchiveError):
        sign(archive, OTHER)


def test_what_a_killed_run_left_is_swept_away(tmp_path: Path, trained: Path, folder: Path, archive: Path) -> None:
    (folder / ".model.sig.partial").write_text("half")
    (tmp_path / ".model.tar.gz.scratch").mkdir()
    (tmp_path / ".model.tar.gz.scratch" / "half").write_text("half")
    sign(folder, OTHER)
    sign(archive, OTHER)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model.tar.gz", "trained"]
    Package(folder, public_key=OTHER.public.pem)


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_byte_changed_anywhere_in_an_archive_is_refused(archive: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = archive.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1), label="at")
    byte = data.draw(st.integers(1, 255), label="xor") ^ whole[at]
    changed = tmp_path / "changed.tar.gz"
    changed.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    try:
        found = Package(changed, public_key=KEY.public.pem)
    except ArchiveError:
        return
    # The gzip header says when and where it was made, which nobody reads; what is read is what was signed.
    assert at < 10
    kept = Package(archive)
    assert (found.manifest, found.signature) == (kept.manifest, kept.signature)


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_byte_changed_in_any_file_of_a_folder_is_refused(folder: Path, data: st.DataObject) -> None:
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    name = data.draw(st.sampled_from([str(file) for file in files] + ["model.sig"] * 4), label="file")
    whole = (folder / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1), label="at")
    byte = data.draw(st.integers(1, 255), label="xor") ^ whole[at]
    (folder / name).write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    try:
        with pytest.raises(ArchiveError):
            Package(folder, public_key=KEY.public.pem).verify()
    finally:
        (folder / name).write_bytes(whole)


def test_the_environments_key_is_waived_only_where_the_signer_was_asked_before_or_is_oneself() -> None:
    """Whoever loads a package without a word of keys is bound by the environment's; who says None has a reason."""
    found = {
        str(path.relative_to(ROOT / "components")): path.read_text().count("public_key=None")
        for path in (ROOT / "components").rglob("*.py")
    }
    assert {name: count for name, count in found.items() if count} == {
        "package/__main__.py": 1,  # what it has unpacked just now, under the key
        "package/signing.py": 2,  # what is to be signed
        "serve/program.py": 1,  # by the digest of what the server has loaded
        "serve/tensors/recompute.py": 1,  # likewise
    }


def test_no_key_no_library() -> None:
    program = (
        "import sys, components.package.__main__, components.package.archive, components.serve.program; "
        "print(sorted({'model_signing', 'cryptography', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_package_without_the_library_is_refused_and_not_let_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "components.package.openssf", raising=False)
    monkeypatch.delattr("components.package.openssf", raising=False)
    monkeypatch.setitem(sys.modules, "model_signing", None)
    with pytest.raises(InputError, match="expected the library model-signing"):
        Package(folder, public_key=KEY.public.pem)
