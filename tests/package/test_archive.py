from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import ArchiveError, DigestError, InputError, LimitError, RoadworthyError, UnsafeMemberError
from components.package.archive import Limits, Manifest, pack, unpack, verify
from tests.package.crafted import compressed, folder_with, listed_manifest, member

ROOT = Path(__file__).resolve().parents[2]

part = st.text("abcdefghijxyz0123456789_-. äß中é", min_size=1, max_size=12).filter(
    lambda p: p[0] != " " and p[-1] not in " ."
)
names = st.lists(part, min_size=1, max_size=3).map("/".join)
trees = st.dictionaries(names, st.binary(max_size=2000), min_size=1, max_size=6)
SLOW_DISK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def planted(folder: Path, tree: dict[str, bytes]) -> bool:
    """Writes a tree, unless one name is a folder of another's or falls onto it."""
    try:
        folder_with(folder, tree)
    except OSError:
        return False
    return True


@given(tree=trees)
@SLOW_DISK
def test_what_is_unpacked_is_what_was_packed_and_packs_to_the_same_bytes(tree: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        at = Path(temporary)
        if not planted(at / "in", tree):
            return
        try:
            manifest = pack(at / "in", at / "a.tar.gz")
        except UnsafeMemberError:  # names that differ in case only, or are devices on Windows
            return
        assert verify(at / "a.tar.gz") == manifest
        assert unpack(at / "a.tar.gz", at / "out", digest=manifest.digest) == manifest
        assert content_of(at / "out") == {**tree, "manifest.json": manifest.to_bytes()}
        assert pack(at / "out", at / "b.tar.gz") == manifest
        assert (at / "a.tar.gz").read_bytes() == (at / "b.tar.gz").read_bytes()
        assert Manifest.from_bytes(manifest.to_bytes()) == manifest
        with tarfile.open(at / "a.tar.gz") as tar:  # an independent reader
            read = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
        assert read == content_of(at / "out")


@given(tree=trees, seed=st.integers(0, 2**32))
@SLOW_DISK
def test_times_modes_and_the_order_of_writing_do_not_matter(tree: dict[str, bytes], seed: int) -> None:
    shuffled = list(tree.items())
    random.Random(seed).shuffle(shuffled)
    with tempfile.TemporaryDirectory() as temporary:
        at = Path(temporary)
        if not planted(at / "a", tree) or not planted(at / "b", dict(shuffled)):
            return
        for path in (at / "b").rglob("*"):
            os.utime(path, (seed, seed))
            path.chmod(0o700)
        (at / "b" / "an empty folder").mkdir(exist_ok=True)
        try:
            assert pack(at / "a", at / "a.tar.gz") == pack(at / "b", at / "b.tar.gz")
        except UnsafeMemberError:
            return
        assert (at / "a.tar.gz").read_bytes() == (at / "b.tar.gz").read_bytes()


def test_umask_hash_seed_working_directory_and_environment_do_not_matter(tmp_path: Path, trained: Path) -> None:
    program = "import os,sys; os.umask(int(sys.argv[3], 8)); sys.path.insert(0, sys.argv[4])\n"
    program += "from pathlib import Path; from components.package.archive import pack\n"
    program += "pack(Path(sys.argv[1]), Path(sys.argv[2]))"
    made = set()
    for n, (umask, seed, locale) in enumerate([("000", "1", "C"), ("077", "2", "C.UTF-8"), ("022", "3", "POSIX")]):
        cwd = tmp_path / str(n)
        cwd.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": f"UTC+{n}", "USER": f"user{n}"}
        arguments = [sys.executable, "-c", program, "../trained", "made.tar.gz", umask, str(ROOT)]
        subprocess.run(arguments, cwd=cwd, env=environment, check=True)
        made.add((cwd / "made.tar.gz").read_bytes())
    assert len(made) == 1


def test_the_bytes_are_the_ones_they_always_were(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "in", {"a": b"1", "b/ü.txt": b"2" * 70_000})
    manifest = pack(folder, tmp_path / "a.tar.gz")
    assert manifest.digest == "sha256:d7caafc7f7cc4d38f1e48ea3d54d7649cf4d76d2cbd51220733f76cd02cfa41c"
    assert (
        hashlib.sha256((tmp_path / "a.tar.gz").read_bytes()).hexdigest()
        == "e3e2b5708f4b9d72735e9649b56552dd86a9c482cda9617dd0c74b5d39c990bd"
    )


def test_the_identity_is_what_sha256sum_says_of_the_first_member(tmp_path: Path, trained: Path) -> None:
    manifest = pack(trained, tmp_path / "model.tar.gz")
    first = subprocess.run(
        ["tar", "-xzOf", "model.tar.gz", "manifest.json"], cwd=tmp_path, capture_output=True, check=True
    )
    said = subprocess.run(["sha256sum"], input=first.stdout, capture_output=True, check=True).stdout.split()[0].decode()
    assert manifest.digest == f"sha256:{said}"
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert tar.getnames() == ["manifest.json", "code/inference.py", "model.json", "model.safetensors"]
        assert {(m.mode, m.mtime, m.uid, m.gid, m.uname) for m in tar} == {(0o644, 0, 0, 0, "")}


def test_gnu_tar_and_gzip_read_what_is_packed(tmp_path: Path, trained: Path) -> None:
    long = "a" * 90 + "/" + "b" * 90 + "/ü" + "c" * 150  # needs a pax header
    folder_with(trained, {long: b"far away", "large": os.urandom(200_000)})
    pack(trained, tmp_path / "model.tar.gz")
    subprocess.run(["gzip", "--test", "model.tar.gz"], cwd=tmp_path, check=True)
    (tmp_path / "gnu").mkdir()
    done = subprocess.run(
        ["tar", "-xzf", "../model.tar.gz"],
        cwd=tmp_path / "gnu",
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert done.stderr == b""
    unpack(tmp_path / "model.tar.gz", tmp_path / "ours")
    assert content_of(tmp_path / "gnu") == content_of(tmp_path / "ours")


@pytest.mark.parametrize("layout", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@given(tree=trees, long=st.booleans(), mtime=st.floats(0, 2e9))
@SLOW_DISK
def test_what_tarfile_packs_is_read_as_tarfile_reads_it(
    layout: int, tree: dict[str, bytes], long: bool, mtime: float
) -> None:
    if long and layout != tarfile.USTAR_FORMAT:
        tree = {**tree, "x" * 200 + "/" + "y" * 90: b"long"}
    with tempfile.TemporaryDirectory() as temporary:
        at = Path(temporary)
        with tarfile.open(at / "a.tar.gz", "w:gz", format=layout) as tar:
            for name, content in tree.items():
                info = tarfile.TarInfo(name)
                info.size, info.mtime = len(content), mtime
                tar.addfile(info, io.BytesIO(content))
        try:
            manifest = unpack(at / "a.tar.gz", at / "out", require_manifest=False)
        except UnsafeMemberError:
            return
        assert content_of(at / "out") == {**tree, "manifest.json": manifest.to_bytes()}


@pytest.mark.parametrize("layout", ["gnu", "pax", "ustar"])
@pytest.mark.parametrize("what", [["."], ["model.json", "code", "model.safetensors"]])
def test_what_gnu_tar_packs_for_sagemaker_is_taken_when_allowed(
    layout: str, what: list[str], tmp_path: Path, trained: Path
) -> None:
    subprocess.run(["tar", f"--format={layout}", "-czf", "../theirs.tar.gz", *what], cwd=trained, check=True)
    manifest = unpack(tmp_path / "theirs.tar.gz", tmp_path / "out", require_manifest=False)
    assert manifest == pack(trained, tmp_path / "ours.tar.gz")


def test_any_one_byte_changed_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "in", {"model.json": b'{"a": 1}', "code/x.py": b"x = 1\n" * 20})
    manifest = pack(folder, tmp_path / "a.tar.gz")
    whole, changed = (tmp_path / "a.tar.gz").read_bytes(), tmp_path / "changed.tar.gz"
    harmless = []
    generator = random.Random(7)
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= generator.randrange(1, 256)
        changed.write_bytes(data)
        try:
            verify(changed)
        except ArchiveError:
            if at % 10 == 0:
                with pytest.raises(ArchiveError):
                    unpack(changed, tmp_path / "out")
            assert not (tmp_path / "out").exists()
            continue
        found = unpack(changed, tmp_path / "out")
        harmless.append(at)
        assert found == manifest
        assert content_of(tmp_path / "out") == {**content_of(folder), "manifest.json": manifest.to_bytes()}
        subprocess.run(["rm", "-r", str(tmp_path / "out")], check=True)
    # Time, extra flags and operating system of the gzip header, and the five unused bits of the block's first byte.
    assert set(harmless) <= {3, *range(4, 11)}


@given(data=st.data())
@settings(max_examples=300)
def test_any_change_inside_the_gzip_is_noticed_or_changes_nothing(data: st.DataObject) -> None:
    files = {"a.txt": b"content", "b/c.txt": b"x" * 600}
    tar = bytearray(listed_manifest(files) + b"".join(member(n.encode(), c) for n, c in files.items()) + bytes(1024))
    for _ in range(data.draw(st.integers(1, 4))):
        tar[data.draw(st.integers(0, len(tar) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as temporary:
        at = Path(temporary)
        (at / "a.tar.gz").write_bytes(gzip.compress(bytes(tar)))
        try:
            unpack(at / "a.tar.gz", at / "out")
        except RoadworthyError:
            assert sorted(p.name for p in at.iterdir()) == ["a.tar.gz"]
            return
        assert {n: c for n, c in content_of(at / "out").items() if n != "manifest.json"} == files


@given(junk=st.binary(max_size=3000), start=st.sampled_from([b"", b"\x1f\x8b\x08\0\0\0\0\0\0\0"]))
@settings(max_examples=200)
def test_any_bytes_are_refused_with_an_error_of_ours(junk: bytes, start: bytes) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        at = Path(temporary)
        for content in (start + junk, compressed(junk)):
            (at / "a.tar.gz").write_bytes(content)
            with pytest.raises(ArchiveError):
                unpack(at / "a.tar.gz", at / "out", require_manifest=False)


PEAK = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from components.package.archive import Limits, unpack, verify
from components.errors import LimitError
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
limits = Limits(ratio=2000) if sys.argv[3] == "whole" else Limits()
try:
    verify(Path(sys.argv[2]), limits)
    print("taken", end=" ")
except LimitError:
    print("refused", end=" ")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024)
"""


@pytest.mark.parametrize(("mode", "verdict"), [("bomb", "refused"), ("whole", "taken")])
def test_11_a_bomb_takes_no_memory(mode: str, verdict: str, tmp_path: Path) -> None:
    size = 300 * 1024 * 1024
    files = {"zeros": hash_of_zeros(size)}
    archive = tmp_path / "bomb.tar.gz"
    with gzip.open(archive, "wb", compresslevel=9) as file:
        file.write(files["zeros"])
        for _ in range(size // 2**20):
            file.write(bytes(2**20))
        file.write(bytes(1024))
    assert archive.stat().st_size < 400_000
    run = [sys.executable, "-c", PEAK, str(ROOT), str(archive), mode]
    said, mebibytes = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert said == verdict
    assert int(mebibytes) < 24


def hash_of_zeros(size: int) -> bytes:
    """Returns the manifest of one file of zeros, and that file's header."""
    from components.package.manifest import hashed
    from tests.package.crafted import header

    manifest = Manifest({"zeros": hashed(bytes(2**20) for _ in range(size // 2**20))})
    return member(b"manifest.json", manifest.to_bytes()) + header(b"zeros", size)


def test_packing_takes_memory_for_a_piece_only(tmp_path: Path) -> None:
    import tracemalloc

    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / "large").open("wb") as file:
        file.truncate(64 * 2**20)
    tracemalloc.start()
    try:
        pack(tmp_path / "in", tmp_path / "a.tar.gz")
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < 6 * 2**20
    finally:
        tracemalloc.stop()


def test_what_is_no_plain_file_is_not_packed(tmp_path: Path, trained: Path) -> None:
    (trained / "link").symlink_to("/etc/passwd")
    (trained / "folder-link").symlink_to(trained)
    os.mkfifo(trained / "pipe")
    with pytest.raises(UnsafeMemberError, match=r"'folder-link' \(a symb.*, 'link' \(a symb.*, 'pipe' \(a FIFO\)"):
        pack(trained, tmp_path / "model.tar.gz")
    assert not (tmp_path / "model.tar.gz").exists()


@pytest.mark.parametrize("name", ["a\nb", "a:b", "con.txt", "a\\b", "b.", "model\u202e.json", "u\u0308", b"\xff"])
def test_an_unportable_name_is_not_packed(name: str | bytes, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / os.fsdecode(name)).write_text("x")
    with pytest.raises(UnsafeMemberError):
        pack(tmp_path / "in", tmp_path / "model.tar.gz")


def test_more_than_a_reader_allows_is_not_packed(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "in", {"a": b"1234", "b": b"1", "c/d": b""})
    for limits in (Limits(members=2), Limits(total=4), Limits(file=3), Limits(name=2)):
        with pytest.raises(LimitError):
            pack(folder, tmp_path / "a.tar.gz", limits)
    deep = tmp_path / "deep" / "/".join(["d"] * 400)
    deep.mkdir(parents=True)
    with pytest.raises(LimitError, match="at most 512 bytes"):
        pack(tmp_path / "deep", tmp_path / "a.tar.gz")


def test_nothing_no_folder_and_the_archive_itself_are_not_packed(tmp_path: Path, trained: Path) -> None:
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(InputError, match="expected files to pack, found none"):
        pack(tmp_path / "empty", tmp_path / "a.tar.gz")
    with pytest.raises(InputError, match="expected a folder"):
        pack(tmp_path / "nowhere", tmp_path / "a.tar.gz")
    with pytest.raises(InputError, match="outside of the folder"):
        pack(trained, trained / "code" / "a.tar.gz")
    with pytest.raises(InputError, match="expected an archive, found no file"):
        verify(tmp_path / "empty")


def test_a_stale_manifest_is_not_packed(tmp_path: Path, trained: Path) -> None:
    pack(trained, tmp_path / "a.tar.gz")
    unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    (tmp_path / "out" / "code" / "inference.py").write_text("changed")
    with pytest.raises(DigestError, match="remove it"):
        pack(tmp_path / "out", tmp_path / "b.tar.gz")


def test_a_file_that_changes_while_it_is_packed_is_noticed(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.package import packing

    def describe_and_change(folder: Path, limits: Limits) -> Manifest:
        manifest = describe(folder, limits)
        (trained / "code" / "inference.py").write_text("def model_fn(folder): ,,,\n")
        return manifest

    describe = packing.describe
    monkeypatch.setattr(packing, "describe", describe_and_change)
    with pytest.raises(DigestError, match="changed while it was packed"):
        pack(trained, tmp_path / "a.tar.gz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["trained"]
