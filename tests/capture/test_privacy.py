"""What is recorded of a picture is its pixels, and not where, when and by whom it was taken."""

from __future__ import annotations

import base64
import io
import json
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components import images
from components.capture import payloads, pictures, privacy
from components.capture.reader import read
from components.capture.record import Exchange
from components.errors import ImageError
from components.serve.limits import Limits
from components.serve.protocols import open_inference
from tests.capture.hostile_metadata import SECRET, chunk, jpeg, pixels, png, segment, with_segments
from tests.capture.traffic import writing

JPEGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "progressive": {"progressive": True},
    "with restarts": {"restart_marker_blocks": 1},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 1},
    "small tables": {"optimize": True, "subsampling": 2, "quality": 30},
    "grey": {"mode": "L"},
    "CMYK": {"mode": "CMYK"},
    "with colours": {"icc_profile": b"a profile of colours" * 10},
}
MODES = ("RGB", "RGBA", "P", "L", "LA", "1")
FILES = {
    **{name: jpeg(1, **options) for name, options in JPEGS.items()},
    **{f"PNG {mode}": png(1, mode) for mode in MODES},
    "PNG with colours": png(1, icc_profile=b"a profile of colours", dpi=(72, 72)),
}


def pillow(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def asked(body: bytes | None, content_type: str | None, response: bytes | None = b"[[14]]") -> Exchange:
    return Exchange("e", 0.0, body, content_type, response, "application/json")


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_the_metadata_is_left_and_every_pixel_is(name: str) -> None:
    data = FILES[name]
    assert SECRET in data
    found = pictures.without_metadata(data)
    assert SECRET not in found
    assert b"Exif" not in found
    assert b"2026:01:01" not in found
    assert np.array_equal(images.decode(found), images.decode(data))
    assert np.array_equal(pillow(found), pillow(data))
    assert pictures.without_metadata(found) is found


def test_colours_and_density_stay() -> None:
    found = Image.open(io.BytesIO(pictures.without_metadata(FILES["PNG with colours"])))
    assert found.info["icc_profile"] == b"a profile of colours"
    assert (found.info["gamma"], round(found.info["dpi"][0])) == (0.5, 72)
    with_profile = Image.open(io.BytesIO(pictures.without_metadata(FILES["with colours"])))
    assert with_profile.info["icc_profile"] == b"a profile of colours" * 10
    assert Image.open(io.BytesIO(pictures.without_metadata(FILES["CMYK"]))).info["adobe_transform"] == 0


def test_a_thumbnail_and_a_second_picture_go_too() -> None:
    plain = pictures.without_metadata(jpeg(2))
    first = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\1\1" + SECRET[:3])
    at = 4 + int.from_bytes(plain[4:6], "big")
    assert pictures.without_metadata(plain[:2] + first + plain[at:] + jpeg(3)) == plain
    assert pictures.without_metadata(png(4) + SECRET) == pictures.without_metadata(png(4))
    buffer = io.BytesIO()
    pixels(5).convert("RGB").save(buffer, "MPO", save_all=True, append_images=[pixels(6).convert("RGB")])
    assert b"MPF\0" in buffer.getvalue()
    found = pictures.without_metadata(buffer.getvalue())
    assert (b"MPF\0" in found, found.count(b"\xff\xd8\xff")) == (False, 1)
    assert np.array_equal(images.decode(found), images.decode(buffer.getvalue()))


JUNK = st.sampled_from([b"\0", b"\xff\0", b"\xff\xd3", SECRET, b"\xff\xff" + segment(0xFE, SECRET)])
EXTRA = st.builds(segment, st.sampled_from([*range(0xE1, 0xF0), 0xFE]), st.binary(max_size=9).map(lambda b: b + SECRET))


@settings(max_examples=300)
@given(st.sampled_from(sorted(JPEGS)), st.lists(EXTRA | JUNK, max_size=8), st.booleans())
def test_whatever_stands_between_the_segments_of_a_jpeg_goes(name: str, extra: list[bytes], behind: bool) -> None:
    data = with_segments(FILES[name], extra)
    if behind:
        data += b"".join(extra)
    found = pictures.without_metadata(data)
    assert SECRET not in found
    assert pictures.without_metadata(found) is found
    assert np.array_equal(pillow(found), pillow(data))


def cleaned(data: bytes) -> bytes | None:
    try:
        return pictures.without_metadata(data)
    except ImageError:
        return None


PLAIN = [pictures.without_metadata(FILES[name]) for name in sorted(JPEGS)]
SNIPPETS = st.sampled_from([b"\xff\xda", b"\xff\xda\0\4", b"\xff\xda\0\6", b"\xff\xd9", b"\xff", SECRET]) | JUNK | EXTRA


@settings(max_examples=1000)
@given(st.data())
def test_a_head_that_was_seen_before_makes_no_difference(data: st.DataObject) -> None:
    """A comment in front makes a head that no file had, and is itself removed: the way without a memory."""
    file = bytearray(data.draw(st.sampled_from(PLAIN)))
    scan = file.index(b"\xff\xda")
    for _ in range(data.draw(st.integers(0, 3))):
        near = st.integers(max(3, scan - 30), min(scan + 30, len(file) - 1))
        at = data.draw(near | st.integers(max(3, len(file) - 9), len(file)))
        file[at : at + data.draw(st.integers(0, 3))] = data.draw(SNIPPETS)
    damaged = bytes(file)
    fresh = damaged[:2] + segment(0xFE, data.draw(st.uuids()).bytes) + damaged[2:]
    assert cleaned(damaged) == cleaned(fresh)


@pytest.mark.parametrize("length", [b"\0\0", b"\0\1"])
def test_a_scan_too_short_for_its_own_length_is_refused_behind_a_known_head(length: bytes) -> None:
    for plain in PLAIN:
        assert pictures.without_metadata(plain) is plain
        at = plain.index(b"\xff\xda") + 2
        assert cleaned(plain[:at] + length + plain[at + 2 :]) is None


KINDS = st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"abCD", b"abcd", b"sPLT"])


def content(kind: bytes, rest: bytes) -> bytes:
    return b"key\0\0" + zlib.compress(rest + SECRET) if kind == b"zTXt" else b"key\0" + rest + SECRET


@settings(max_examples=200)
@given(st.sampled_from(MODES), st.lists(st.tuples(KINDS, st.binary(max_size=9)), max_size=6))
def test_whatever_chunks_a_png_has_besides_its_pixels_go(mode: str, extra: list[tuple[bytes, bytes]]) -> None:
    data, added = FILES[f"PNG {mode}"], b"".join(chunk(kind, content(kind, rest)) for kind, rest in extra)
    at = data.index(b"IEND") - 4
    data = data[:at] + added + data[at:]
    found = pictures.without_metadata(data)
    assert SECRET not in found
    assert pictures.without_metadata(found) is found
    assert np.array_equal(images.decode(found), images.decode(data))


@settings(max_examples=500)
@given(st.data())
def test_a_damaged_picture_that_decodes_gives_the_same_pixels(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(sorted(FILES.values()))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(file) - 1))
        new = data.draw(st.binary(max_size=4) | JUNK | EXTRA)
        file[at : at + data.draw(st.integers(0, 2))] = new
    damaged = bytes(file)
    try:
        found = pictures.without_metadata(damaged)
    except ImageError:
        return
    assert pictures.without_metadata(found) is found
    try:
        before = images.decode(damaged)
    except ImageError:
        return
    assert np.array_equal(images.decode(found), before)


@given(st.binary(max_size=200), st.text(max_size=30) | st.none(), st.sampled_from([b"", pictures.JPEG, pictures.PNG]))
def test_no_bytes_stop_it_and_none_but_pictures_change(body: bytes, content_type: str | None, begin: bytes) -> None:
    found = privacy.cleaned(asked(begin + body, content_type, body))
    assert begin or found.exchange == asked(body, content_type, body)


def text(file: bytes) -> str:
    return base64.b64encode(file).decode()


ONE, TWO = jpeg(7), png(8)
DOCUMENTS: dict[str, Callable[[bytes, bytes], str]] = {
    "images": lambda a, b: json.dumps({"images": [text(a), text(b)], "note": "/9j/ iVBORw0KGgo"}),
    "KServe v1": lambda a, b: json.dumps({"instances": [{"image": {"b64": text(a)}}, {"b64": text(b)}]}, indent=2),
    "Open Inference": lambda a, b: json.dumps(
        {"inputs": [{"name": "images", "datatype": "BYTES", "shape": [2], "data": [text(a), text(b)]}], "id": "ü"}
    ),
    "data URIs": lambda a, b: f'["data:image/jpeg;base64,{text(a)}", "data:image/png;base64,{text(b)}"]',
    "blanks in front": lambda a, b: f' \r\n\t["{text(a)}", "{text(b)}"]',
    "a document in a text": lambda a, b: json.dumps({"body": json.dumps({"a": text(a), "b": text(b)})}),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
def test_base64_in_json_is_replaced_and_no_other_byte_is(name: str, content_type: str | None) -> None:
    made = DOCUMENTS[name]
    found, unread = privacy.cleaned(asked(made(ONE, TWO).encode(), content_type))
    expected = made(pictures.without_metadata(ONE), pictures.without_metadata(TWO))
    assert (found.request, found.request_type, unread) == (expected.encode(), content_type, 0)
    # The same the other way: a model of one's own may answer with pictures.
    answered, _ = privacy.cleaned(asked(b"", None, made(ONE, TWO).encode()))
    assert answered.response == expected.encode()
    assert privacy.cleaned(found).exchange is found


@pytest.mark.parametrize(("plain", "escaped"), [("/", "\\/"), ("/", "\\u002f"), ("+", "\\u002B")])
def test_base64_that_a_library_escaped_is_found(plain: str, escaped: str) -> None:
    body = json.dumps({"images": [text(ONE)]}).replace(plain, escaped)
    found, unread = privacy.cleaned(asked(body.encode(), "application/json"))
    assert json.loads(found.request or b"") == {"images": [text(pictures.without_metadata(ONE))]}
    assert not unread


def binary(*tensors: tuple[str, list[bytes]], **more: Any) -> tuple[bytes, str]:
    """A body of the binary extension, and its type as the capture tells it."""
    listed, tail = [], b""
    for name, files in tensors:
        raw = b"".join(struct.pack("<I", len(file)) + file for file in files)
        listed.append(
            {
                "parameters": {"binary_data_size": len(raw)},
                **{"name": name, "datatype": "BYTES", "shape": [len(files)]},
            }
        )
        tail += raw
    head = json.dumps({"inputs": listed, **more}).encode()
    return head + tail, f"application/octet-stream; inference-header-content-length={len(head)}"


def test_elements_of_binary_tensors_are_stripped_with_their_lengths_and_the_jsons() -> None:
    body, kind = binary(("images", [ONE, TWO, b"P6 1 1 255\nabc"]), id="7")
    found, unread = privacy.cleaned(asked(body, kind))
    assert not unread
    assert SECRET not in (found.request or b"")
    length = int((found.request_type or "").rpartition("=")[2])
    parsed = open_inference.parse(found.request or b"", length, ("class",), Limits())
    assert parsed.id == "7"
    expected = [images.decode(ONE), images.decode(TWO), images.decode(b"P6 1 1 255\nabc")]
    assert all(np.array_equal(a, b) for a, b in zip(parsed.images, expected, strict=True))
    again = payloads.images(found.request or b"", found.request_type)
    assert all(np.array_equal(a, b) for a, b in zip(again, expected, strict=True))
    assert privacy.cleaned(found).exchange is found


def test_several_tensors_and_texts_beside_them_are_stripped() -> None:
    stripped = [pictures.without_metadata(file) for file in (ONE, TWO)]
    body, kind = binary(("a", [ONE, ONE]), ("b", [b"words"]), ("c", [TWO]), more=text(TWO))
    found, unread = privacy.cleaned(asked(body, kind))
    expected = binary(("a", [stripped[0]] * 2), ("b", [b"words"]), ("c", [stripped[1]]), more=text(stripped[1]))
    assert ((found.request, found.request_type), unread) == (expected, 0)


def test_a_json_length_of_all_there_is_follows_the_text() -> None:
    made = DOCUMENTS["Open Inference"]
    body = made(ONE, TWO).encode()
    found, _ = privacy.cleaned(asked(body, f"a/b; inference-header-content-length={len(body)}"))
    assert found.request == made(pictures.without_metadata(ONE), pictures.without_metadata(TWO)).encode()
    assert found.request_type == f"a/b; inference-header-content-length={len(found.request or b'')}"


def spelled(body: bytes, kind: str) -> tuple[bytes, str]:
    beginning, _, length = kind.rpartition("=")
    changed = body.replace(b'"binary_data_size"', b'"binary\\u005fdata_size"')
    return changed, f"{beginning}={int(length) + len(changed) - len(body)}"


BODY, KIND = binary(("images", [ONE]))
UNREAD = {
    "a JPEG of nothing": (pictures.JPEG + b"\xe1\0", "image/jpeg"),
    "a segment that is too long": (b"\xff\xd8\xff\xe1\xff\xff" + SECRET, "image/jpeg"),
    "a marker that there is not": (b"\xff\xd8\xff\x10\0\4ab" + ONE[2:], "image/jpeg"),
    "70,000 segments": (b"\xff\xd8" + segment(0xFE, b"") * 70_000 + ONE[2:], "image/jpeg"),
    "a chunk without a name": (pictures.PNG + chunk(b"a/b1", SECRET), "image/png"),
    "base64 that ends early": (json.dumps({"images": [text(ONE)[:-1]]}).encode(), "application/json"),
    "an element that is too long": (BODY[:-9], KIND),
    "sizes that are not the tensors'": (BODY + b"\0", KIND),
    "a size written in another way": spelled(BODY, KIND),
    "4,097 elements": binary(("images", [ONE, *[b""] * 4096])),
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_cannot_be_walked_stays_as_it_came_and_is_counted(name: str) -> None:
    given = asked(*UNREAD[name])
    assert privacy.cleaned(given) == (given, 1)


LARGE = 16 << 20
EXPENSIVE = {
    "segments of nothing": (b"\xff\xd8" + segment(0xFE, b"") * (LARGE // 4), "image/jpeg"),
    "markers that fill": (b"\xff\xd8" + b"\xff" * LARGE, "image/jpeg"),
    "chunks of nothing": (pictures.PNG + chunk(b"tEXt", b"") * (LARGE // 12), "image/png"),
    "texts that begin like pictures": (b"[" + b'"/9j/"' * (LARGE // 6) + b"]", "application/json"),
    "escapes": (b'["/9j/' + b"\\/" * (LARGE // 2) + b'"]', "application/json"),
    "elements of nothing": binary(("images", [ONE, *[b""] * (LARGE // 8)])),
}


@pytest.mark.parametrize("name", EXPENSIVE)
def test_a_body_of_16_megabytes_that_means_harm_takes_a_second(name: str) -> None:
    given = asked(*EXPENSIVE[name])
    started = time.process_time()
    found, unread = privacy.cleaned(given)
    assert time.process_time() - started < 2
    assert unread
    assert found.request_type == given.request_type


def test_the_writer_strips_what_it_records_and_counts_what_it_cannot(tmp_path: Path) -> None:
    body = DOCUMENTS["images"](ONE, TWO).encode()
    sent = [asked(ONE, "image/jpeg"), asked(body, "application/json"), asked(*UNREAD["a JPEG of nothing"])]
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        for number, one in enumerate(sent):
            writer.offer(one._replace(event_id=str(number)))
    found = {one.event_id: one.request for one in read(str(tmp_path / "place"))}
    assert found["0"] == pictures.without_metadata(ONE)
    assert json.loads(found["1"] or b"")["images"][1] == text(pictures.without_metadata(TWO))
    assert found["2"] == sent[2].request
    assert not any(SECRET in path.read_bytes() for path in (tmp_path / "place").rglob("*.jsonl"))
    assert (writer.statistics()["written_total"], writer.statistics()["unstripped_total"]) == (3, 1)


def test_who_wants_the_very_bytes_gets_them(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool", keep_metadata=True) as writer:
        writer.offer(asked(ONE, "image/jpeg"))
    (found,) = read(str(tmp_path / "place"))
    assert found.request == ONE
