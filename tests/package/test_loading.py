"""A package hands out the bytes that were verified, or none (case 24 of the hostile inputs)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.errors import ArchiveError, DigestError, InputError, UnsafeMemberError, WeightsError
from components.package.archive import Package, check_model, pack, unpack
from components.package.description import ModelDescription


@pytest.fixture(params=["folder", "archive"])
def place(request: pytest.FixtureRequest, tmp_path: Path, trained: Path) -> Path:
    pack(trained, tmp_path / "model.tar.gz")
    if request.param == "archive":
        return tmp_path / "model.tar.gz"
    unpack(tmp_path / "model.tar.gz", tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def folder(tmp_path: Path, trained: Path) -> Path:
    pack(trained, tmp_path / "model.tar.gz")
    unpack(tmp_path / "model.tar.gz", tmp_path / "model")
    return tmp_path / "model"


def test_every_file_is_read_as_it_was_packed(place: Path, trained: Path, description: ModelDescription) -> None:
    package = Package(place)
    package.verify()
    assert sorted(package.manifest.files) == ["code/inference.py", "model.json", "model.safetensors"]
    for name in package.manifest.files:
        assert package.read(name) == (trained / name).read_bytes()
    assert package.description == description == check_model(package)
    assert Package(place, digest=package.digest).digest == package.digest


@pytest.mark.parametrize("name", ["nothing", "../trained/model.json", "manifest.json", "/etc/passwd", "code"])
def test_what_the_manifest_does_not_list_is_not_read(name: str, place: Path) -> None:
    with pytest.raises(ArchiveError, match="expected one of the files"):
        Package(place).read(name)


def test_a_file_changed_after_the_check_is_not_loaded(folder: Path) -> None:
    package = Package(folder)
    package.verify()
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(DigestError, match=r"changed 'model.safetensors \(expected [0-9a-f]{12}…, found"):
        package.read("model.safetensors")
    with pytest.raises(DigestError):
        package.verify()


def test_a_file_swapped_together_with_the_manifest_is_not_loaded(folder: Path, tmp_path: Path, trained: Path) -> None:
    package = Package(folder)
    (trained / "code" / "inference.py").write_text("evil")
    pack(trained, tmp_path / "evil.tar.gz")
    unpack(tmp_path / "evil.tar.gz", tmp_path / "evil")
    for name in ("manifest.json", "code/inference.py"):
        (folder / name).write_bytes((tmp_path / "evil" / name).read_bytes())
    with pytest.raises(DigestError):
        package.read("code/inference.py")
    with pytest.raises(DigestError, match="expected the model"):
        Package(folder, digest=package.digest)


def test_an_archive_swapped_after_the_check_is_not_loaded(tmp_path: Path, trained: Path) -> None:
    pack(trained, tmp_path / "model.tar.gz")
    package = Package(tmp_path / "model.tar.gz")
    (trained / "code" / "inference.py").write_text("evil")
    pack(trained, tmp_path / "model.tar.gz")
    for act in (lambda: package.read("code/inference.py"), package.verify):
        with pytest.raises(DigestError):
            act()


def test_missing_extra_and_shortened_files_are_told_in_one_go(folder: Path) -> None:
    (folder / "model.json").unlink()
    (folder / "unsigned.py").write_text("evil")
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(DigestError, match=r"missing 'model.json'; not in the manifest 'unsigned.py'; changed 'model.s"):
        Package(folder)


def test_a_folder_without_manifest_is_no_package(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"expected manifest\.json"):
        Package(trained)
    with pytest.raises(InputError):
        Package(tmp_path / "nowhere")


def test_symlinked_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    package = Package(folder)
    weights = folder / "model.safetensors"
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeMemberError, match="plain file"):
        package.read("model.safetensors")
    with pytest.raises(UnsafeMemberError, match="a symbolic link"):
        Package(folder)


def test_a_symlinked_folder_inside_is_refused(folder: Path, tmp_path: Path) -> None:
    package = Package(folder)
    (folder / "code").rename(tmp_path / "elsewhere")
    (folder / "code").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeMemberError):
        package.read("code/inference.py")


def test_a_fifo_in_place_of_a_file_does_not_hang(folder: Path) -> None:
    package = Package(folder)
    (folder / "model.json").unlink()
    os.mkfifo(folder / "model.json")
    with pytest.raises(UnsafeMemberError, match="plain file"):
        package.read("model.json")


def test_a_package_may_lie_behind_a_link_itself(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(folder)
    assert Package(tmp_path / "current").read("code/inference.py")


def test_weights_that_are_none_are_no_model(trained: Path, tmp_path: Path) -> None:
    (trained / "model.safetensors").write_bytes(b"\x80\x04\x95")
    pack(trained, tmp_path / "model.tar.gz")
    with pytest.raises(WeightsError, match="a pickle"):
        check_model(Package(tmp_path / "model.tar.gz"))


def test_unpacking_leaves_nothing_when_the_disk_is_full(trained: Path, tmp_path: Path) -> None:
    import resource
    import signal

    (trained / "large").write_bytes(bytes(300_000))
    pack(trained, tmp_path / "model.tar.gz")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        with pytest.raises(OSError, match="too large"):
            unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.tar.gz", "trained"]
