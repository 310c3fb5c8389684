"""The record format, both ways, against AWS's own samples and by its laws."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.capture import record
from components.capture.record import Exchange, decode, encode, instant, sampled
from components.errors import InputError, RecordError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TYPES = TEXT | st.sampled_from(["image/jpeg", "text/csv", "application/json", "Application/JSON; charset=utf-8"])
EXCHANGES = st.builds(
    Exchange,
    event_id=TEXT,
    time=st.integers(0, 253_402_300_799).map(float),
    request=st.none() | st.binary(max_size=200) | TEXT.map(str.encode),
    request_type=st.none() | TYPES,
    response=st.none() | st.binary(max_size=200) | TEXT.map(str.encode),
    response_type=st.none() | TYPES,
    inference_id=st.none() | TEXT,
    custom_attributes=st.none() | TEXT,
    model=st.none() | TEXT,
)


@given(EXCHANGES)
def test_decoding_what_was_encoded_gives_the_exchange(exchange: Exchange) -> None:
    assume(exchange.request is not None or exchange.response is not None)
    line = encode(exchange)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    # A type of a part that was not captured goes with it.
    expected = exchange._replace(
        request_type=None if exchange.request is None else exchange.request_type,
        response_type=None if exchange.response is None else exchange.response_type,
    )
    assert decode(line) == expected


@given(EXCHANGES)
def test_a_line_is_the_json_that_the_contract_describes(exchange: Exchange) -> None:
    found = json.loads(encode(exchange))
    assert set(found) == {"captureData", "eventMetadata", "eventVersion"}
    assert found["eventVersion"] == "0"
    for name, mode, body in (
        ("endpointInput", "INPUT", exchange.request),
        ("endpointOutput", "OUTPUT", exchange.response),
    ):
        part = found["captureData"].get(name)
        assert (part is None) == (body is None)
        if part is not None and body is not None:
            assert part["mode"] == mode
            read = base64.b64decode(part["data"]) if part["encoding"] == "BASE64" else part["data"].encode()
            assert read == body


SAMPLES = {
    "pre- and postprocessing page": (
        b'{"captureData": {"endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "132,25",'
        b'"encoding": "CSV"}, "endpointOutput": {"observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT",'
        b'"data": "0.01076381653547287", "encoding": "CSV"}}, "eventMetadata": {"eventId": "feca1ab1",'
        b'"inferenceTime": "2019-11-20T23:33:12Z"}, "eventVersion": "0"}',
        Exchange("feca1ab1", 1574292792, b"132,25", "text/csv", b"0.01076381653547287", "text/csv; charset=utf-8"),
    ),
    "an image and the seed's answer": (
        b'{"captureData":{"endpointInput":{"observedContentType":"application/x-npy","mode":"INPUT","data":"AAEC",'
        b'"encoding":"BASE64"},"endpointOutput":{"observedContentType":"application/json","mode":"OUTPUT",'
        b'"data":"[[14]]","encoding":"JSON"}},"eventMetadata":{"eventId":"e","inferenceId":"i",'
        b'"customAttributes":["a"],"inferenceTime":"2022-02-14T17:25:06Z"},"eventVersion":"0"}',
        Exchange("e", 1644859506, b"\0\1\2", "application/x-npy", b"[[14]]", "application/json", "i", "a"),
    ),
    "batch transform, merged with ground truth, no content type": (
        b'{"captureData":{"batchTransformOutput":{"observedContentType":null,"mode":"OUTPUT","data":"1","encoding":"CSV"}},'
        b'"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"e","customAttributes":"a",'
        b'"inferenceTime":"2022-02-14T18:25:06.5+01:00"},"eventVersion":"0"}',
        Exchange("e", 1644859506.5, None, None, b"1", None, None, "a"),
    ),
    "input only": (
        b'{"captureData":{"endpointInput":{"mode":"INPUT","data":"","encoding":"BASE64"},"endpointOutput":null},'
        b'"eventMetadata":{"eventId":"e","inferenceTime":"2022-02-14T17:25:06Z","customAttributes":[]}}',
        Exchange("e", 1644859506, b"", None, None, None),
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_variant_that_aws_shows_is_read(name: str) -> None:
    line, expected = SAMPLES[name]
    assert decode(line) == expected


@pytest.mark.parametrize(
    ("content_type", "body", "encoding"),
    [
        ("text/csv", b"1,2", "CSV"),
        ("TEXT/CSV ; header=absent", b"1,2", "CSV"),
        ("application/json", "{'ä': 1}".encode(), "JSON"),
        ("application/json", b"\xff", "BASE64"),
        ("application/jsonlines", b"{}", "BASE64"),
        ("text/plain", b"text", "BASE64"),
        (None, b"text", "BASE64"),
    ],
)
def test_a_body_is_text_only_if_its_type_is_listed_and_it_is_utf8(
    content_type: str | None, body: bytes, encoding: str
) -> None:
    line = json.loads(encode(Exchange("e", 0, body, content_type, None, None)))
    assert line["captureData"]["endpointInput"]["encoding"] == encoding
    assert line["captureData"]["endpointInput"]["observedContentType"] == content_type


def test_options_leave_a_part_out_and_lists_can_be_replaced() -> None:
    exchange = Exchange("e", 0, b"in", "text/plain", b"out", "text/csv")
    line = json.loads(encode(exchange, capture_options=["Input"], csv_content_types=["text/plain"]))
    assert list(line["captureData"]) == ["endpointInput"]
    assert line["captureData"]["endpointInput"]["data"] == "in"


def test_the_model_is_named_beside_the_keys_that_sagemaker_has() -> None:
    """AWS documents four keys of ``eventMetadata``, two of them optional; ours is one more."""
    digest = "sha256:" + "1f" * 32
    line, bare = SAMPLES["an image and the seed's answer"]
    found = json.loads(encode(bare._replace(model=digest)))
    assert found["eventMetadata"].pop("modelDigest") == digest
    assert found == json.loads(line)
    assert "modelDigest" not in json.loads(encode(bare))["eventMetadata"]


BROKEN = {
    "no object": b"[]",
    "no data": b'{"eventMetadata": {"eventId": "e", "inferenceTime": "2022-02-14T17:25:06Z"}}',
    "neither part": b'{"captureData": {}, "eventMetadata": {"eventId": "e", "inferenceTime": "2022-02-14T17:25:06Z"}}',
    "nested too deep": b'{"captureData":' + 100_000 * b"[",
    "lone surrogate": SAMPLES["input only"][0].replace(b'"e"', rb'"\ud800"'),
    **{
        f"{old!r} as {new!r}": SAMPLES["an image and the seed's answer"][0].replace(old, new)
        for old, new in [
            (b'"e"', b"null"),
            (b'"e"', b"7"),
            (b"2022-02-14T17:25:06Z", b"yesterday"),
            (b"2022-02-14T17:25:06Z", b"0000-00-00T00:00:00Z"),
            (b"AAEC", b"AAE"),
            (b"AAEC", b"A-_C"),
            (b"AAEC", b"AA EC"),
            (b'"AAEC"', b"[0, 1]"),
            (b'"BASE64"', b'"ROT13"'),
            (b'"BASE64"', b"null"),
            (b'"i"', b"{}"),
            (b'["a"]', b"[1]"),
            (b'"inferenceId":"i"', b'"modelDigest":7'),
            (b'"application/json"', b"1"),
        ]
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_anything_else_is_a_record_error_that_shows_no_data(name: str) -> None:
    with pytest.raises(RecordError, match="expected") as raised:
        decode(BROKEN[name])
    assert len(str(raised.value)) < 200
    assert "[[14]]" not in str(raised.value)


@given(st.data())
def test_a_damaged_line_is_read_or_refused_but_nothing_else(data: st.DataObject) -> None:
    line = bytearray(data.draw(st.sampled_from([sample[0] for sample in SAMPLES.values()])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(line) - 1))
        line[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with suppress(RecordError):
        assert isinstance(decode(bytes(line)), Exchange)


@pytest.mark.parametrize("seconds", [-1.0, 253_402_300_800.0, float("nan"), float("inf")])
def test_a_time_that_has_no_stamp_is_refused(seconds: float) -> None:
    with pytest.raises(RecordError, match="1970 to 9999"):
        encode(Exchange("e", seconds, b"", None, None, None))


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(RecordError, match="surrogate"):
        encode(Exchange("\ud800", 0, b"", None, None, None))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2019-12-01T16: 20: 00Z", 1575217200),
        ("2019-12-01 16:20", 1575217200),
        ("2019-12-01T18:20:00.250+02:00", 1575217200.25),
        ("2019-12-01T16:20:00.123456789Z", 1575217200.123456),
        ("2019-12-01", 1575158400),
    ],
)
def test_an_instant_is_read_leniently(text: str, seconds: float) -> None:
    assert instant(text) == pytest.approx(seconds, abs=1e-6)


@given(TEXT, st.floats(0, 100), st.floats(0, 100))
def test_sampling_is_monotone(event_id: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert sampled(event_id, high) or not sampled(event_id, low)
    assert sampled(event_id, 100)
    assert not sampled(event_id, 0)


def test_the_sampled_share_is_the_percentage() -> None:
    kept = sum(sampled(f"event-{number}", 20) for number in range(20_000))
    assert abs(kept / 20_000 - 0.2) < 4 * (0.2 * 0.8 / 20_000) ** 0.5


def test_the_sampling_decision_never_changes_between_versions() -> None:
    # From coreutils: printf event-1 | b2sum -l 64, read as a number, below a fifth of 2**64.
    kept = [1, 10, 11, 12, 25, 26, 28, 39]
    assert [number for number in range(40) if sampled(f"event-{number}", 20)] == kept


@pytest.mark.parametrize("percentage", [-1, 100.5, float("nan"), float("inf")])
def test_a_percentage_that_is_none_is_refused(percentage: float) -> None:
    with pytest.raises(InputError, match="0 to 100"):
        sampled("e", percentage)


def test_keys_are_sagemakers() -> None:
    assert record.folder("signs", "AllTraffic", 1644859506.957) == "signs/AllTraffic/2022/02/14/17"
    assert record.file_name(1644859506.957, "d5938b7b") == "25-06-957-d5938b7b.jsonl"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "ä", "%2e%2e", "-a", "a\n", 200 * "a"])
def test_a_name_unfit_for_a_key_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected a name"):
        record.folder(name, "AllTraffic", 0)
