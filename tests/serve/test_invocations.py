"""SageMaker's contract, through a running server: what /invocations takes, answers and refuses."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

import numpy as np
import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HTTP = urllib3.PoolManager(retries=False)


class Invoked:
    def __init__(self, response: Any) -> None:
        self.status = response.status
        self.body = response.data
        self.headers = response.headers

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def classes(self) -> list[int]:
        return [prediction["class"] for prediction in self.json["predictions"]]

    @property
    def error(self) -> str:
        assert self.headers["Content-Type"] == "application/json"
        assert list(self.json) == ["error"]
        assert "Traceback" not in self.json["error"]
        return self.json["error"]


@pytest.fixture
def invoke(running: str) -> Any:
    def post(body: Any, content_type: str | None, accept: str | None = None, **headers: str) -> Invoked:
        sent = {**headers, **({"Content-Type": content_type} if content_type else {})}
        if accept is not None:
            sent["Accept"] = accept
        return Invoked(HTTP.request("POST", running + "/invocations", body=body, headers=sent))

    return post


def solid(red: int, *shape: int) -> Any:
    pixels = np.full((*shape, 3), 40, np.uint8)
    pixels[..., 0] = red
    return pixels


def test_ping_says_it_is_well_and_which_model_answers(running: str) -> None:
    answer = HTTP.request("GET", running + "/ping")
    assert answer.status == 200
    assert answer.json() == {"ready": True, "model": "trivial", "digest": f"sha256:{0:064}"}


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("PNG", "application/x-image"),
        ("JPEG", "application/x-image"),
        ("PPM", "application/x-image"),
        ("PNG", "Image/PNG; name=x.png"),
    ],
)
def test_an_image_is_answered_with_class_label_score_and_the_best_five(
    invoke: Any, picture: Any, form: str, content_type: str
) -> None:
    (prediction,) = invoke(picture(14 * 6 + 3, form=form), content_type).json["predictions"]
    assert (prediction["class"], prediction["label"]) == (14, "sign 14")
    assert prediction["score"] == pytest.approx(0.9)
    assert len(prediction["top"]) == 5
    assert prediction["top"][0] == {"class": 14, "label": "sign 14", "score": prediction["score"]}
    scores = [entry["score"] for entry in prediction["top"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("shape", [(32, 32), (1, 1), (7, 300), (200, 100)])
def test_one_array_or_several_of_any_size_are_answered(invoke: Any, as_npy: Any, shape: tuple[int, int]) -> None:
    assert invoke(as_npy(solid(33, *shape)), "application/x-npy").classes == [5]
    batch = np.stack([solid(red, *shape) for red in (3, 63, 123)])
    assert invoke(as_npy(batch), "application/x-npy").classes == [0, 10, 20]


def test_fortran_order_means_the_same_pixels(invoke: Any, as_npy: Any) -> None:
    batch = np.asfortranarray(np.stack([solid(red, 20, 30) for red in (3, 63, 123)]))
    assert invoke(as_npy(batch), "application/x-npy").classes == [0, 10, 20]


def test_more_images_than_a_batch_holds_come_back_in_order(invoke: Any, as_npy: Any) -> None:
    wanted = [i % 40 for i in range(100)]
    batch = np.stack([solid(6 * number + 3, 32, 32) for number in wanted])
    assert invoke(as_npy(batch), "application/x-npy").classes == wanted


def test_json_takes_nested_lists_and_base64(invoke: Any, picture: Any) -> None:
    lists = json.dumps({"instances": [solid(33, 4, 5).tolist(), solid(63, 6, 2).tolist()]})
    assert invoke(lists, "application/json").classes == [5, 10]
    texts = [base64.b64encode(picture(red, side=side)).decode() for red, side in ((33, 8), (63, 90))]
    assert invoke(json.dumps({"images": texts}), "application/json; charset=utf-8").classes == [5, 10]


def test_the_bare_answer_is_one_accept_parameter_away(invoke: Any, picture: Any, as_npy: Any) -> None:
    assert invoke(picture(25 * 6 + 3), "image/png", "application/json; format=bare").body == b"[[25]]"
    batch = np.stack([solid(red, 8, 8) for red in (3, 63)])
    assert invoke(as_npy(batch), "application/x-npy", 'application/json;format="bare"').json == [[0], [10]]


def test_npy_answers_with_probabilities(invoke: Any, picture: Any) -> None:
    answer = invoke(picture(33), "image/png", "application/x-npy")
    assert answer.headers["Content-Type"] == "application/x-npy"
    array = np.load(io.BytesIO(answer.body), allow_pickle=False)
    assert (array.shape, array.dtype) == ((1, 43), np.float32)
    assert array.sum() == pytest.approx(1)
    assert array.argmax() == 5


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "application/json"),
        ("application/json;q=0.1, application/x-npy", "application/x-npy"),
        ("application/json;q=0, */*;q=0.5, application/x-npy;q=0.4", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_best_acceptable_type_is_chosen(invoke: Any, picture: Any, accept: str, content_type: str) -> None:
    assert invoke(picture(), "image/png", accept).headers["Content-Type"] == content_type


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "application/json; format=seed"])
def test_an_answer_nobody_accepts_is_refused_with_406(invoke: Any, picture: Any, accept: str) -> None:
    refused = invoke(picture(), "image/png", accept)
    assert refused.status == 406
    assert "expected" in refused.error


@pytest.mark.parametrize("accept", ["json", "a/b;q=2", "a/b;q=x", "/", "a/b;;c", "a/b; c", "x" * 2000])
def test_a_malformed_accept_is_refused(invoke: Any, picture: Any, accept: str) -> None:
    refused = invoke(picture(), "image/png", accept)
    assert refused.status in (400, 406)
    assert "expected" in refused.error


@pytest.mark.parametrize(
    "content_type",
    ["text/csv", "multipart/form-data; boundary=x", "application/octet-stream", "application/x-npz", "image/gif", None],
)
def test_other_content_types_are_refused_with_415(invoke: Any, picture: Any, content_type: str | None) -> None:
    refused = invoke(picture(), content_type)
    assert refused.status == 415
    assert "image/jpeg" in refused.error


def test_a_content_type_that_lies_is_refused(invoke: Any, picture: Any) -> None:
    refused = invoke(picture(form="JPEG"), "image/png")
    assert refused.status == 400
    assert "expected image/png as the Content-Type says" in refused.error


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip", "zstd"])
def test_compressed_bodies_are_refused_unread(invoke: Any, encoding: str) -> None:
    refused = invoke(b"\x1f\x8b" + b"\0" * 100, "application/json", **{"Content-Encoding": encoding})
    assert refused.status == 415
    assert "expected the Content-Encoding identity" in refused.error


def test_gzip_without_its_header_is_no_image(invoke: Any) -> None:
    assert invoke(b"\x1f\x8b\x08" + b"\0" * 100, "application/x-image").status == 400


HEADER = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 3), }"


def crafted(header: str, data: bytes = b"\0" * 12, magic: bytes = b"\x93NUMPY\x01\x00") -> bytes:
    text = header.encode("latin-1") + b"\n"
    return magic + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x93NUMPY",
        b"PK\x03\x04" + b"\0" * 50,
        crafted(HEADER)[:-1],
        crafted(HEADER) + b"x",
        crafted(HEADER, magic=b"\x93NUMPY\x03\x00"),
        crafted(HEADER.replace("(2, 2, 3)", "(4294967296, 4294967296, 3)"), b""),
        crafted(HEADER.replace("(2, 2, 3)", f"({'9' * 3000}, 1, 3)"), b""),
        crafted(HEADER.replace("(2, 2, 3)", "(-2, -2, 3)")),
        crafted(HEADER.replace("(2, 2, 3)", "(True, 4, 3)")),
        crafted(HEADER.replace("(2, 2, 3)", "(2.0, 2, 3)")),
        crafted(HEADER.replace("(2, 2, 3)", "[2, 2, 3]")),
        crafted(HEADER.replace("(2, 2, 3)", "__import__('os').getpid()")),
        crafted(HEADER.replace("False", "0")),
        crafted(HEADER.replace("|u1", "|O")),
        crafted(HEADER.replace("'|u1'", "[('a', '|u1')]")),
        crafted(HEADER.replace("|u1", "|b1")),
        crafted(HEADER.replace(", }", ", 'x': 1}")),
        crafted("{" * 3000),
        crafted("-" * 3900 + "1"),
        crafted("(" * 3900),
        crafted("{'descr': '|u1'}"),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"\0" * 50,
    ],
)
def test_hostile_npy_is_refused(invoke: Any, body: bytes) -> None:
    refused = invoke(body, "application/x-npy")
    assert refused.status == 400
    assert "expected" in refused.error


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8, 3), np.float32),
        np.full((8, 8, 3), np.nan, np.float32),
        np.zeros((8, 8, 3), np.int64),
        np.zeros((8, 8, 3), np.int8),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((1, 1, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.uint8(3),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(invoke: Any, as_npy: Any, array: Any) -> None:
    refused = invoke(as_npy(array), "application/x-npy")
    assert refused.status == 400
    assert "expected" in refused.error


def test_a_pickle_is_never_opened(invoke: Any, tmp_path: Any) -> None:
    marker = tmp_path / "opened"
    evil = np.empty(1, object)
    evil[0] = Touch(str(marker))
    buffer = io.BytesIO()
    np.save(buffer, evil, allow_pickle=True)  # the attack
    assert invoke(buffer.getvalue(), "application/x-npy").status == 400
    assert not marker.exists()


class Touch:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


PIXEL = "[1, 2, 3]"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"instances": []}',
        '{"instances": [[]], "images": []}',
        '{"instances": [[[]]]}',
        '{"instances": [[[1, 2, 3]], 7]}',
        f'{{"instances": [[[{PIXEL}, {PIXEL}], [{PIXEL}]]]}}',
        '{"instances": [[[[1, 2]]]]}',
        '{"instances": [[[[1, 2, 256]]]]}',
        '{"instances": [[[[1, 2, -1]]]]}',
        '{"instances": [[[[1, 2, 1.0]]]]}',
        '{"instances": [[[[1, 2, true]]]]}',
        '{"instances": [[[[1, 2, null]]]]}',
        '{"instances": [[[[1, 2, "3"]]]]}',
        '{"instances": [[[[1, 2, [3]]]]]}',
        '{"instances": [[[[1, 2, NaN]]]]}',
        '{"instances": [[[[1, 2, 1e999]]]]}',
        '{"instances": [[[[1, 2, 99999999999999999999999]]]]}',
        '{"instances": ' + "[" * 10000 + "]" * 10000 + "}",
        '{"instances": ' + "[" * 900 + "]" * 900 + "}",
        '{"instances": "' + "x" * 100000 + '"}',
        '{"images": "abc"}',
        '{"images": [1]}',
        '{"images": ["%%%"]}',
        '{"images": ["aGVsbG8"]}',
        '{"images": ["aGVs\\nbG8="]}',
        '{"images": ["_-8="]}',
        '{"images": ["aGVsbG8="]}',
        '{"images": [""]}',
        '{"images": ["\\ud800"]}',
        '{"images": [{"b64": "aGVsbG8="}]}',
        '{"image": ["aGVsbG8="]}',
        '{"' + "k" * 5000 + '": 1}',
    ],
)
def test_hostile_json_is_refused(invoke: Any, body: str) -> None:
    refused = invoke(body, "application/json")
    assert refused.status == 400
    assert "expected" in refused.error
    assert len(refused.error) < 500


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    import struct
    import zlib

    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in chunks:
        parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return b"".join(parts)


def header(width: int, height: int) -> bytes:
    import struct

    return struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)


def test_a_pixel_bomb_is_refused_before_it_is_decoded(invoke: Any) -> None:
    import zlib

    bomb = png((b"IHDR", header(65535, 65535)), (b"IDAT", zlib.compress(b"\0" * 1000000, 9)), (b"IEND", b""))
    refused = invoke(bomb, "image/png")
    assert refused.status == 413
    assert "pixels" in refused.error


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "BMP", "ICO"])
def test_formats_that_are_not_listed_are_not_opened(invoke: Any, picture: Any, form: str) -> None:
    assert invoke(picture(form=form), "application/x-image").status == 400


def test_text_that_claims_to_be_a_picture_is_refused(invoke: Any) -> None:
    for body in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"8BPS\0\1", b""):
        assert invoke(body, "application/x-image").status == 400


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_picture_cut_short_is_refused(invoke: Any, form: str) -> None:
    from PIL import Image

    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, form)
    whole = buffer.getvalue()
    assert invoke(whole, "application/x-image").status == 200
    assert invoke(whole[: len(whole) // 2], "application/x-image").status == 400


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_colour_mode_is_taken(invoke: Any, mode: str) -> None:
    from PIL import Image

    form = "JPEG" if mode == "CMYK" else "PNG"
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), (90, 90, 90)).convert(mode).save(buffer, form)
    assert invoke(buffer.getvalue(), "application/x-image").status == 200


def test_the_event_id_is_the_servers_and_the_other_ids_travel_back(invoke: Any, picture: Any) -> None:
    mine = {
        "X-Amzn-SageMaker-Inference-Id": "my-id-1",
        "X-Amzn-SageMaker-Custom-Attributes": '{"camera": "front left"}',
        "X-Roadworthy-Event-Id": "chosen-by-me",
    }
    first, second = (invoke(picture(), "image/png", **mine) for _ in range(2))
    for name in list(mine)[:2]:
        assert first.headers[name] == mine[name]
    ids = {answer.headers["X-Roadworthy-Event-Id"] for answer in (first, second)}
    assert len(ids) == 2
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", i) for i in ids)
    assert invoke(picture(), "image/png", **{"ce-id": "abc"}).headers["X-Amzn-SageMaker-Inference-Id"] == "abc"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Amzn-SageMaker-Inference-Id", ""),
        ("X-Amzn-SageMaker-Inference-Id", "x" * 65),
        ("X-Amzn-SageMaker-Inference-Id", "tab\tinside"),
        ("X-Amzn-SageMaker-Inference-Id", "ümlaut"),
        ("X-Amzn-SageMaker-Custom-Attributes", "x" * 1025),
        ("X-Amzn-SageMaker-Custom-Attributes", "a\x80b"),
        ("ce-id", "y" * 1000),
    ],
)
def test_ids_that_could_harm_a_log_are_refused(invoke: Any, picture: Any, name: str, value: str) -> None:
    refused = invoke(picture(), "image/png", **{name: value.encode("latin-1")})
    assert refused.status == 400
    assert "visible ASCII" in refused.error


def test_a_model_that_fails_says_so_without_its_reasons(invoke: Any, picture: Any) -> None:
    failed = invoke(picture(255), "image/png")
    assert failed.status == 500
    assert "chokes" not in failed.error
    assert failed.headers["X-Roadworthy-Event-Id"] in failed.error


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/invocations", 405),
        ("PUT", "/invocations", 405),
        ("POST", "/ping", 405),
        ("GET", "/", 404),
        ("GET", "/models", 404),
        ("GET", "/invocations/", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "/" + "a" * 10000, 404),
        ("DELETE", "/v2/models/trivial", 405),
    ],
)
def test_other_routes_and_methods_are_refused_in_json(running: str, method: str, path: str, status: int) -> None:
    response = HTTP.request(method, running + path, redirect=False)
    assert response.status in (status, 307)
    if response.status == status:
        assert "expected" in json.loads(response.data)["error"]


def test_head_is_answered_without_a_body(running: str) -> None:
    for _ in range(2):
        answer = HTTP.request("HEAD", running + "/ping", timeout=5)
        assert (answer.status, answer.data) == (200, b"")


def test_a_range_changes_nothing(running: str) -> None:
    ranges = "bytes=" + ",".join(f"{i}-{i + 1}" for i in range(1000))
    assert HTTP.request("GET", running + "/ping", headers={"Range": ranges}).status == 200


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), kind=st.sampled_from(["x-npy", "json", "x-image"]), head=st.booleans())
def test_whatever_is_sent_is_answered_or_refused(invoke: Any, body: bytes, kind: str, head: bool) -> None:
    starts = {"x-npy": b"\x93NUMPY\x01\x00", "json": b'{"instances": [', "x-image": b"\xff\xd8\xff"}
    found = invoke((starts[kind] if head else b"") + body, f"application/{kind}")
    assert found.status in (200, 400, 413)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), at=st.floats(0, 1), value=st.integers(0, 255), form=st.sampled_from(["PNG", "JPEG"]))
def test_a_picture_with_one_changed_byte_is_answered_or_refused(
    invoke: Any, picture: Any, seed: int, at: float, value: int, form: str
) -> None:
    body = bytearray(picture(seed % 250, form=form))
    body[min(int(at * len(body)), len(body) - 1)] = value
    assert invoke(bytes(body), "application/x-image").status in (200, 400, 413)
