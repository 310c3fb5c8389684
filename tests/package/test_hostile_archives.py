"""Every listed way in which an archive can lie; the numbers are those of the list of hostile inputs (1 to 16)."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.errors import ArchiveError, DigestError, InputError, LimitError, UnsafeMemberError
from components.package.archive import Limits, Package, pack, unpack, verify
from tests.package.crafted import END, compressed, header, listed_manifest, member, pax, zipped

PLAIN = {"model.json": b"{}"}
FIRST = listed_manifest(PLAIN) + member(b"model.json", b"{}")

Refuses = Callable[..., None]


@pytest.fixture
def refuses(tmp_path: Path) -> Iterator[Refuses]:
    """Checks that an archive is refused by verify and by unpack, and that nothing is written anywhere."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")

    def check(data: bytes, error: type[ArchiveError], match: str, limits: Limits | None = None) -> None:
        archive = tmp_path / "model.tar.gz"
        archive.write_bytes(data)
        given = limits or Limits()
        for act in (
            lambda: verify(archive, given),
            lambda: unpack(archive, tmp_path / "in" / "model", given),
            lambda: unpack(archive, tmp_path / "in" / "model", given, require_manifest=False),
            lambda: Package(archive, limits=given),
        ):
            with pytest.raises(error, match=match) as caught:
                act()
            assert type(caught.value) is error
            assert "\n" not in str(caught.value)
            assert len(str(caught.value)) < 600
        assert sorted(p.name for p in tmp_path.rglob("*")) in (
            ["in", "model.tar.gz", "victim"],
            ["model.tar.gz", "victim"],
        )

    yield check
    assert victim.read_text() == "untouched"


UNSAFE_NAMES = {
    "1 two levels up": b"../../etc/cron.d/x",
    "1 up only": b"..",
    "2 absolute": b"/etc/passwd",
    "2 absolute after dot": b".//etc/passwd",
    "3 up from a folder": b"a/../../b",
    "3 up and down again": b"a/../b",
    "8 not NFC": "Gro\u0308\u00dfe".encode(),
    "9 newline": b"a\nb",
    "9 backslash": b"..\\..\\x",
    "9 drive": b"C:\\x",
    "9 drive with slash": b"C:/x",
    "9 tab": b"a\tb",
    "9 escape sequence": b"\x1b[31mred",
    "9 writing direction": "model\u202etxt.json".encode(),
    "9 empty": b"",
    "9 empty part": b"a//b",
    "9 dot part": b"a/./b",
    "9 trailing slash on a file": b"a/",
    "9 trailing dot": b"model.json.",
    "9 leading blank": b" model.json",
    "9 device on Windows": b"code/con.txt",
    "9 not UTF-8": b"\xff\xfe",
    "9 part of 256 bytes": None,
    "16 a path that only looks inside": b"sub/../../x",
}


@pytest.mark.parametrize("case", UNSAFE_NAMES)
def test_an_unsafe_name_is_refused(case: str, refuses: Refuses) -> None:
    name = UNSAFE_NAMES[case]
    if name is None:
        refuses(compressed(pax(("path", b"x" * 256)), member(b"x", b"evil")), UnsafeMemberError, "over 255 bytes")
        return
    refuses(compressed(member(name, b"evil")), UnsafeMemberError, "expected")
    refuses(compressed(FIRST, member(name, b"evil")), UnsafeMemberError, "expected")
    if b"\n" not in name:
        refuses(compressed(pax(("path", name)), member(b"harmless", b"evil")), UnsafeMemberError, "expected")


def test_9_a_nul_hides_nothing_behind_it(refuses: Refuses) -> None:
    refuses(compressed(member(b"model.json\0.exe", b"x")), UnsafeMemberError, "NUL")
    refuses(compressed(pax(("path", b"model.json\0.exe")), member(b"x", b"x")), UnsafeMemberError, "portable")


def test_9_a_name_of_5000_characters_is_refused(refuses: Refuses) -> None:
    name = b"/".join([b"x" * 100] * 50)
    refuses(compressed(pax(("path", name)), member(b"x")), LimitError, "at most 512 bytes")
    refuses(compressed(member(b"././@LongLink", name + b"\0", kind=b"L"), member(b"x")), LimitError, "at most 512")


SPECIAL = {
    "4 symbolic link to the root": (b"2", b"/"),
    "4 symbolic link inside": (b"2", b"model.json"),
    "5 hard link to outside": (b"1", b"/etc/passwd"),
    "5 hard link inside": (b"1", b"model.json"),
    "6 character device": (b"3", b""),
    "6 block device": (b"4", b""),
    "6 FIFO": (b"6", b""),
    "6 contiguous file": (b"7", b""),
    "6 unknown type": (b"Z", b""),
    "5 long link name": (b"K", b""),
    "13 sparse file of GNU tar": (b"S", b""),
    "13 part of a multi-volume file": (b"M", b""),
}


@pytest.mark.parametrize("case", SPECIAL)
def test_what_is_no_plain_file_is_refused(case: str, refuses: Refuses) -> None:
    kind, target = SPECIAL[case]
    refuses(compressed(FIRST, member(b"x", kind=kind, link=target)), UnsafeMemberError, "plain file")


def test_4_a_file_through_a_symbolic_link_is_refused(refuses: Refuses) -> None:
    link = member(b"x", kind=b"2", link=b"..")
    refuses(compressed(FIRST, link, member(b"x/victim", b"evil")), UnsafeMemberError, "a symbolic link")


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1755, 0o7777])
def test_7_set_id_bits_are_refused(mode: int, refuses: Refuses) -> None:
    refuses(compressed(FIRST, member(b"x", b"x", mode=mode)), UnsafeMemberError, "set-id")


def test_7_the_modes_of_an_archive_are_not_taken_over(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(compressed(listed_manifest({"x": b"x"}), member(b"x", b"x", mode=0o777)))
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "x").stat().st_mode & 0o133 == 0


TWICE = {
    "the same name": (b"a.txt", b"a.txt"),
    "another case": (b"a.txt", b"A.txt"),
    "another case of a letter beyond ASCII": ("Maß".encode(), b"MASS"),
    "a folder in another case": (b"a/x", b"A/y"),
    "a file where a folder is": (b"a/x", b"a"),
    "a folder where a file is": (b"a", b"a/x"),
    "the same name behind a dot": (b"a", b"./a"),
    "the manifest in another case": (b"Manifest.json", b"a"),
}


@pytest.mark.parametrize("case", TWICE)
def test_8_two_members_of_one_name_are_refused(case: str, refuses: Refuses) -> None:
    first, second = TWICE[case]
    refuses(compressed(FIRST, member(first, b"1"), member(second, b"2")), UnsafeMemberError, "each name once")


def test_8_a_second_manifest_is_refused(refuses: Refuses) -> None:
    refuses(compressed(FIRST, listed_manifest(PLAIN)), UnsafeMemberError, "each name once")


def test_10_a_zip_is_refused_whatever_its_two_lists_say(refuses: Refuses) -> None:
    refuses(zipped({"manifest.json": b"{}", "../x": b"evil"}), ArchiveError, "a zip archive")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "b''"),
        (b"\x28\xb5\x2f\xfd\0\0", "zstd"),
        (b"BZh91AY", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x80\x04\x95", "a pickle"),
        (FIRST + END, "not compressed"),
        (b"<html>", "<html>"),
    ],
)
def test_12_what_is_no_gzip_is_refused_by_its_name(data: bytes, found: str, refuses: Refuses) -> None:
    refuses(data, ArchiveError, found)


def test_12_a_gzip_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole, cut = compressed(FIRST), tmp_path / "cut.tar.gz"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(ArchiveError):
            verify(cut)


def test_12_trailing_bytes_are_refused(refuses: Refuses) -> None:
    refuses(compressed(FIRST) + b"garbage", ArchiveError, "garbage")
    refuses(compressed(FIRST) + b"\0", ArchiveError, "after it")


def test_12_a_second_gzip_member_is_refused(refuses: Refuses) -> None:
    refuses(compressed(FIRST) + compressed(FIRST), ArchiveError, "second gzip member")
    half = len(FIRST)
    both = gzip.compress(FIRST[:half]) + gzip.compress(FIRST[half:] + END)
    refuses(both, ArchiveError, "the end of the gzip")


def test_12_a_gzip_with_a_wrong_checksum_or_length_is_refused(refuses: Refuses) -> None:
    whole = compressed(FIRST)
    refuses(whole[:-8] + struct.pack("<I", 1) + whole[-4:], ArchiveError, "undamaged")
    refuses(whole[:-4] + struct.pack("<I", 1), ArchiveError, "undamaged")


def test_12_a_tar_without_its_end_is_refused(refuses: Refuses) -> None:
    refuses(compressed(FIRST, end=b""), ArchiveError, "end of the gzip")
    refuses(compressed(FIRST, end=bytes(512)), ArchiveError, "end of the gzip")
    refuses(compressed(FIRST, bytes(512), member(b"x", b"x")), ArchiveError, "two zero blocks")
    refuses(compressed(FIRST, header(b"x", 2048), bytes(512), end=b""), ArchiveError, "end of the gzip")


def test_12_members_behind_the_end_are_refused(refuses: Refuses) -> None:
    refuses(compressed(FIRST, END, member(b"hidden", b"x")), ArchiveError, "only zeros")


def test_13_a_sparse_file_of_pax_is_refused(refuses: Refuses) -> None:
    sparse = pax(("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"9" * 12))
    refuses(compressed(FIRST, sparse, member(b"x", b"x")), UnsafeMemberError, "sparse")


HUGE = {
    "8 EiB in base 256": b"\x80" + (2**63).to_bytes(11, "big"),
    "all bits": b"\x80" + b"\xff" * 11,
    "8 GiB in octal": b"77777777777\0",
}


@pytest.mark.parametrize("case", HUGE)
def test_14_a_size_beyond_the_limit_is_refused_unread(case: str, refuses: Refuses) -> None:
    refuses(compressed(FIRST, header(b"x", HUGE[case])), LimitError, "bytes in a file")


def test_14_a_size_in_pax_beyond_the_limit_is_refused_unread(refuses: Refuses) -> None:
    refuses(compressed(FIRST, pax(("size", str(2**63).encode())), header(b"x")), LimitError, "bytes in a file")
    refuses(compressed(FIRST, pax(("size", b"-1")), header(b"x")), ArchiveError, "decimal digits")
    refuses(compressed(FIRST, pax(("size", b"9" * 5000)), header(b"x")), ArchiveError, "decimal digits")


def test_14_a_negative_size_is_refused(refuses: Refuses) -> None:
    refuses(compressed(FIRST, header(b"x", b"\xff" * 12)), ArchiveError, "octal digits")
    refuses(compressed(FIRST, header(b"x", b"-0000000001\0")), ArchiveError, "octal digits")


def test_14_an_extended_header_of_gigabytes_is_refused_unread(refuses: Refuses) -> None:
    for kind in (b"x", b"g", b"L"):
        refuses(compressed(FIRST, header(b"x", b"\x80" + (2**40).to_bytes(11, "big"), kind=kind)), LimitError, "header")


AMBIGUOUS = {
    "a broken pax record": member(b"p", b"99 path=x\n", kind=b"x"),
    "a pax record of length 0": member(b"p", b"0 path=x\n", kind=b"x"),
    "a pax path twice": pax(("path", b"a"), ("path", b"b")),
    "a pax path for the whole archive": pax(("path", b"a"), kind=b"g"),
    "a pax path and a GNU name": pax(("path", b"a")) + member(b"././@LongLink", b"b\0", kind=b"L"),
    "two pax headers": pax(("path", b"a")) + pax(("size", b"1")),
    "a strange character set": pax(("hdrcharset", b"EBCDIC")),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_an_ambiguous_extended_header_is_refused(case: str, refuses: Refuses) -> None:
    refuses(compressed(FIRST, AMBIGUOUS[case], member(b"x", b"x")), ArchiveError, "expected")


def test_an_extended_header_without_member_is_refused(refuses: Refuses) -> None:
    refuses(compressed(FIRST, pax(("path", b"a"))), ArchiveError, "expected a member after")


def test_a_damaged_or_foreign_header_is_refused(refuses: Refuses) -> None:
    bad = bytearray(member(b"x", b"x"))
    bad[0] ^= 1
    refuses(compressed(FIRST, bytes(bad)), ArchiveError, "checksum")
    refuses(compressed(FIRST, member(b"x", b"x", magic=bytes(8))), ArchiveError, "magic")
    refuses(compressed(FIRST, member(b"x", b"content", kind=b"5")), ArchiveError, "without content")


def test_11_too_many_members_are_refused(refuses: Refuses) -> None:
    many = b"".join(member(f"{n}".encode()) for n in range(50))
    refuses(compressed(many), LimitError, "at most 20 members", Limits(members=20))


def test_11_a_hundred_thousand_members_are_refused_by_default(tmp_path: Path) -> None:
    archive = tmp_path / "many.tar.gz"
    archive.write_bytes(compressed(*(member(f"{n}".encode()) for n in range(100_000))))
    with pytest.raises(LimitError, match="at most 10,000 members"):
        unpack(archive, tmp_path / "out", require_manifest=False)


def test_11_a_ratio_beyond_the_limit_is_refused(refuses: Refuses) -> None:
    bomb = bytes(40 * 1024 * 1024)
    refuses(compressed(FIRST, member(b"x", bomb)), LimitError, "for each packed one")
    refuses(compressed(FIRST, end=END + bomb), LimitError, "for each packed one")


def test_11_more_bytes_than_allowed_are_refused(refuses: Refuses) -> None:
    refuses(compressed(FIRST, member(b"x", bytes(5000))), LimitError, "bytes unpacked", Limits(total=4000))
    refuses(compressed(FIRST, member(b"x", bytes(5000))), LimitError, "bytes in a file", Limits(file=4000))


def test_11_an_archive_in_the_archive_stays_packed(tmp_path: Path) -> None:
    inner = compressed(member(b"x", bytes(10_000)))
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(compressed(listed_manifest({"x.tar.gz": inner}), member(b"x.tar.gz", inner)))
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "x.tar.gz").read_bytes() == inner


def test_15_nothing_is_left_to_the_filters_of_tarfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError("tarfile reads nothing here")

    monkeypatch.setattr(tarfile, "open", fail)
    monkeypatch.setattr(tarfile, "TarFile", fail)
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(compressed(FIRST))
    assert verify(archive) == unpack(archive, tmp_path / "out")


def test_16_a_folder_with_something_in_it_is_not_unpacked_into(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(compressed(FIRST))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for place in ("out", "link", "a.tar.gz"):
        with pytest.raises(InputError, match="empty one"):
            unpack(archive, tmp_path / place)
    assert (tmp_path / "out" / "mine").read_text() == "mine"


def test_24_a_manifest_hash_wrong_by_one_digit_is_refused(refuses: Refuses) -> None:
    first = listed_manifest({"a": b"1", "b": b"2"})
    refuses(
        compressed(first, member(b"a", b"1"), member(b"b", b"3")), DigestError, r"changed 'b \(expected d4735e3a265e"
    )


def test_24_all_differences_are_told_in_one_go(refuses: Refuses) -> None:
    first = listed_manifest({"a": b"1", "b": b"2", "c": b"3"})
    data = compressed(first, member(b"a", b"1"), member(b"c", b"33"), member(b"d", b"4"))
    refuses(data, DigestError, r"missing 'b'; not in the manifest 'd'; changed 'c \(expected 1 bytes, found 2\)'")


def test_24_a_folder_that_the_manifest_needs_not_is_refused(refuses: Refuses) -> None:
    refuses(compressed(FIRST, member(b"empty/", kind=b"5")), DigestError, "'empty'")


def test_24_the_manifest_must_come_first(refuses: Refuses) -> None:
    refuses(compressed(member(b"model.json", b"{}"), listed_manifest(PLAIN)), ArchiveError, "as member 2")


def test_24_another_model_than_the_one_asked_for_is_refused(tmp_path: Path, trained: Path) -> None:
    ours = pack(trained, tmp_path / "ours.tar.gz")
    (trained / "code" / "inference.py").write_text("changed")
    theirs = pack(trained, tmp_path / "theirs.tar.gz")
    assert verify(tmp_path / "ours.tar.gz", digest=ours.digest) == ours
    for act in (
        lambda: verify(tmp_path / "theirs.tar.gz", digest=ours.digest),
        lambda: unpack(tmp_path / "theirs.tar.gz", tmp_path / "out", digest=ours.digest),
        lambda: Package(tmp_path / "theirs.tar.gz", digest=ours.digest),
    ):
        with pytest.raises(DigestError, match=f"expected the model {ours.digest}, found {theirs.digest}"):
            act()
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        verify(tmp_path / "ours.tar.gz", digest="sha256:abc")


MANIFESTS = {
    "no JSON": (b"{", "expected JSON"),
    "not UTF-8": (b"\xff", "UTF-8"),
    "a list": (b"[]", "JSON object"),
    "another format": (b'{"files": {}, "format": 2}', "expected format 1, found 2"),
    "true as format": (b'{"files": {}, "format": true}', "expected format 1"),
    "a key too many": (b'{"files": {}, "format": 1, "x": 1}', "expected the keys"),
    "files as a list": (b'{"files": [], "format": 1}', "expected the keys"),
    "a key twice": (b'{"format": 1, "format": 1, "files": {}}', "twice"),
    "an entry without size": (b'{"files": {"a": {"sha256": ""}}, "format": 1}', "sha256 and size"),
    "a negative size": (b'{"files": {"a": {"sha256": "", "size": -1}}, "format": 1}', "size in bytes"),
    "a size as text": (b'{"files": {"a": {"sha256": "", "size": "1"}}, "format": 1}', "size in bytes"),
    "a short hash": (b'{"files": {"a": {"sha256": "ab", "size": 1}}, "format": 1}', "SHA-256"),
    "nesting": (b"[" * 100_000, "levels"),
    "a number of 5,000 digits": (b'{"format": ' + b"1" * 5000 + b"}", "64 bits"),
    "NaN": (b'{"format": NaN}', "not finite"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_24_a_manifest_that_is_none_is_refused(case: str, refuses: Refuses) -> None:
    data, match = MANIFESTS[case]
    refuses(compressed(member(b"manifest.json", data), member(b"a", b"1")), ArchiveError, match)


def test_24_a_manifest_in_another_spelling_is_refused(refuses: Refuses) -> None:
    text = listed_manifest(PLAIN)[512:].rstrip(b"\0").replace(b"  ", b" ")
    refuses(compressed(member(b"manifest.json", text), member(b"model.json", b"{}")), ArchiveError, "canonical")


def test_an_archive_without_manifest_is_refused_unless_allowed(tmp_path: Path) -> None:
    archive = tmp_path / "sagemaker.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("model.safetensors", "code/inference.py"):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 3, 1700000000
            tar.addfile(info, io.BytesIO(b"abc"))
    with pytest.raises(ArchiveError, match=r"manifest.json as the first member, found none"):
        verify(archive)
    manifest = unpack(archive, tmp_path / "out", require_manifest=False)
    assert sorted(manifest.files) == ["code/inference.py", "model.safetensors"]
    assert Package(tmp_path / "out", digest=manifest.digest).read("code/inference.py") == b"abc"


def test_an_empty_archive_is_refused(refuses: Refuses) -> None:
    refuses(compressed(), ArchiveError, "expected")
