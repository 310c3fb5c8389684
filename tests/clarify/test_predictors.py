"""An endpoint as a predictor: order, bounds, troubles; and every form of answer there is."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import pytest
from toy_server import Endpoint, served
from toys import Part, Toy, quarters

from components.clarify import answers
from components.clarify.endpoint import EndpointPredictor
from components.clarify.predictors import DETECTION
from components.errors import EndpointError, InputError
from components.serve.client import Client

PARTS = [Part(0, (0, 0, 0.5, 0.5), slice(0, 20), slice(0, 20)), Part(1, (0.5, 0, 1, 0.5), slice(0, 20), slice(20, 40))]
PICTURES = np.stack([quarters((n, 255 - n, 0, 0)) for n in range(5, 205, 5)])  # 40 of them
TRUE = Toy(PARTS).predict(PICTURES)


def asked(endpoint, batches, **options):
    predictor = EndpointPredictor(endpoint.url, DETECTION, **options)
    try:
        return list(predictor.answers(iter(batches))), predictor
    finally:
        predictor.close()


def whole(found):
    return np.concatenate(found)


@pytest.mark.parametrize("npy", [True, False], ids=["npy", "json"])
@pytest.mark.parametrize("content_type", ["application/x-npy", "image/png"])
def test_answers_come_in_order_whichever_way_they_travel(npy, content_type):
    with served(Endpoint(Toy(PARTS), npy=npy)) as endpoint:
        found, predictor = asked(endpoint, np.split(PICTURES, 8), content_type=content_type)
    assert np.allclose(whole(found), TRUE, atol=1e-6)
    assert endpoint.types == {content_type}
    assert predictor.spent.predictions == 40
    assert max(endpoint.sizes) == (5 if content_type == "application/x-npy" else 1)


def test_jpeg_changes_the_pixels_a_little_only():
    with served(Endpoint(Toy(PARTS))) as endpoint:
        found, _ = asked(endpoint, [PICTURES[:4]], content_type="image/jpeg")
    assert np.abs(whole(found) - TRUE[:4]).max() < 0.02


def test_requests_are_in_flight_together_and_not_more_than_were_allowed():
    toy = Toy(PARTS)
    answer = toy.predict
    with served(Endpoint(toy)) as endpoint:

        def wait_for_others(batch):
            end = time.monotonic() + 1  # the first request goes alone
            while endpoint.most_together < 3 and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(0.02)  # a fourth one would have time to come
            return answer(batch)

        toy.predict = wait_for_others  # type: ignore[method-assign]
        found, _ = asked(endpoint, np.split(PICTURES, 20), in_flight=3)
    assert endpoint.most_together == 3
    assert np.allclose(whole(found), TRUE, atol=1e-6)


def test_batches_are_made_only_as_they_are_needed():
    made = []

    def batches():
        for i in range(20):
            made.append(i)
            yield PICTURES[2 * i : 2 * i + 2]

    with served(Endpoint(Toy(PARTS))) as endpoint:
        predictor = EndpointPredictor(endpoint.url, DETECTION, in_flight=2)
        stream = predictor.answers(batches())
        next(stream)
        assert len(made) <= 3
        stream.close()
        predictor.close()


def test_a_batch_that_is_too_large_is_halved_and_later_ones_are_smaller(capsys):
    with served(Endpoint(Toy(PARTS), most_bytes=12 * 4800 + 200)) as endpoint:
        predictor = EndpointPredictor(endpoint.url, DETECTION, in_flight=1)
        found = list(predictor.answers([PICTURES]))
        assert np.allclose(whole(found), TRUE, atol=1e-6)
        assert predictor.room(4800) <= 10
        predictor.close()
    assert max(endpoint.sizes) == 10
    assert "fallback to half as many pictures a request" in capsys.readouterr().err


def test_a_model_that_fails_on_a_batch_gets_pictures_one_by_one(capsys):
    with served(Endpoint(Toy(PARTS), batches=False)) as endpoint:
        predictor = EndpointPredictor(endpoint.url, DETECTION, in_flight=2)
        found = list(predictor.answers(np.split(PICTURES, 4)))
        assert predictor.room(4800) == 1
        predictor.close()
    assert np.allclose(whole(found), TRUE, atol=1e-6)
    assert capsys.readouterr().err.count("fallback to per-record prediction") == 1


def test_a_server_that_knows_one_picture_only_is_asked_for_one_at_a_time():
    endpoint = Endpoint(Toy(PARTS))
    endpoint.answer = [[0, 0.5, 0.1, 0.1, 0.4, 0.4]]
    with served(endpoint):
        found, _ = asked(endpoint, [PICTURES[:3]])
    assert whole(found).shape == (3, 1, 6)


def test_an_error_on_a_single_picture_is_the_end():
    endpoint = Endpoint(Toy(PARTS), most_bytes=100)
    with served(endpoint), pytest.raises(EndpointError, match="found 413") as raised:
        asked(endpoint, [PICTURES[:1]])
    assert raised.value.status == 413


def test_a_lost_endpoint_is_waited_for_and_nothing_is_lost(capsys):
    with served(Endpoint(Toy(PARTS))) as endpoint:
        client = Client(endpoint.url, retries=0)
        predictor = EndpointPredictor(endpoint.url, DETECTION, client=client, patience=30, in_flight=2)
        stream = predictor.answers(iter(np.split(PICTURES, 8)))
        found = [next(stream)]
        endpoint.broken = 3
        found += stream
        predictor.close()
    assert np.allclose(whole(found), TRUE, atol=1e-6)
    assert "waiting for the endpoint" in capsys.readouterr().err


def test_patience_ends():
    predictor = EndpointPredictor(
        "http://127.0.0.1:9", DETECTION, client=Client("http://127.0.0.1:9", retries=0), patience=0.2
    )
    with pytest.raises(EndpointError, match="expected an answer from"):
        list(predictor.answers([PICTURES[:1]]))
    predictor.close()


def test_quick_answers_make_larger_requests_and_late_ones_smaller(monkeypatch):
    with served(Endpoint(Toy(PARTS))) as endpoint:
        predictor = EndpointPredictor(endpoint.url, DETECTION, in_flight=1)
        first = predictor.room(4800)
        list(predictor.answers([PICTURES[:first]]))
        assert predictor.room(4800) == 2 * first
        monkeypatch.setattr("components.clarify.endpoint._QUICK", 0.0)
        monkeypatch.setattr("components.clarify.endpoint._SLOW", 0.0)
        list(predictor.answers([PICTURES[: 2 * first]]))
        assert predictor.room(4800) == first
        assert predictor.room(3 * 2**20) == 2  # bounded by bytes as well
        assert predictor.room(2**30) == 1
        predictor.close()


def test_a_content_type_that_there_is_not_is_refused():
    with pytest.raises(InputError, match="expected a content type among"):
        EndpointPredictor("http://127.0.0.1:9", DETECTION, content_type="image/gif")


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


ROW = [2, 0.5, 0.1, 0.2, 0.3, 0.4]
FULL = {"class": 2, "label": "x", "score": 0.5, "box": {"xmin": 0.1, "ymin": 0.2, "xmax": 0.3, "ymax": 0.4}}


@pytest.mark.parametrize(
    "answer",
    [[[ROW]], [ROW], {"prediction": [ROW]}, {"predictions": [{"detections": [FULL]}]}],
    ids=["clarify", "one picture", "sagemaker", "full"],
)
def test_detections_are_read_in_every_form(answer):
    assert answers.detections(json.dumps(answer).encode(), "application/json", 1)[0, 0] == pytest.approx(ROW)


def test_different_counts_are_padded():
    found = answers.detections(json.dumps([[ROW, ROW], [], [ROW]]).encode(), "application/json; charset=utf-8", 3)
    assert found.shape == (3, 2, 6)
    assert found[:, :, 0].tolist() == [[2, 2], [-1, -1], [2, -1]]
    assert answers.detections(b"[[], []]", "application/json", 2).shape == (2, 0, 6)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"nonsense", b"null", b"7", b"{}", b"[[[1, 2]]]", b"[[]]", b'[["a"], []]', b'{"predictions": [{}, {}]}'),
        b"[" * 3000,
        b'[[[0, "0.9", 0, 0, 1, 1]], []]',
        b"[[[0, true, 0, 0, 1, 1]], []]",
        b"[[[0, null, 0, 0, 1, 1]], []]",
    ],
)
def test_what_holds_no_detections_of_two_pictures_is_refused(body):
    with pytest.raises(EndpointError, match="expected"):
        answers.detections(body, "application/json", 2)


def test_nan_in_json_reaches_the_counting_of_rows():
    found = answers.detections(b"[[[0, NaN, 0, 0, 1, 1e999]]]", "application/json", 1)
    assert np.isnan(found[0, 0, 1])
    assert np.isinf(found[0, 0, 5])


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\x93NUMPY", npy(np.zeros((2, 3, 5))), npy(np.zeros((1, 3, 6))), npy(np.zeros((2, 3, 6), int))),
        *(npy(np.zeros((2, 3, 6)))[:-8], npy(np.zeros((2, 3, 6))) + b"1234"),
    ],
)
def test_an_npy_that_is_not_what_it_should_be_is_refused(body):
    with pytest.raises(EndpointError, match="expected"):
        answers.detections(body, answers.NPY, 2)


def test_an_npy_that_promises_more_than_it_holds_is_refused_before_memory_is_taken():
    head = npy(np.zeros((2, 3, 6)))[:128].replace(b"(2, 3, 6)", b"(2, 9**9, 6)"[:9])
    huge = head.replace(b"(2, 9**9,", b"(2, 99999")
    with pytest.raises(EndpointError, match="expected"):
        answers.detections(huge, answers.NPY, 2)


@pytest.mark.parametrize("answer", [[[0.2, 0.8]], {"predictions": [[0.2, 0.8]]}])
def test_probabilities_are_read_in_every_form(answer):
    assert answers.probabilities(json.dumps(answer).encode(), "application/json", 1).tolist() == [
        pytest.approx([0.2, 0.8])
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"predictions": [{"class": 1, "label": "a", "score": 0.9, "top": []}]}, "a ranking of the best few"),
        ([[2.0, -3.0]], "are they logits"),
        ([[14]], "are they logits"),
        ([[float("nan"), 0.5]], "expected probabilities from 0 to 1"),
        ([[0.1], [0.2]], "expected probabilities"),
    ],
)
def test_what_is_no_probabilities_is_refused(answer, words):
    with pytest.raises(EndpointError, match=words):
        answers.probabilities(json.dumps(answer).encode(), "application/json", 1)


def test_labels_are_told_by_our_own_server_and_by_no_other():
    with served(Endpoint(Toy(PARTS), full=True)) as ours, served(Endpoint(Toy(PARTS))) as other:
        told = []
        for endpoint in (ours, other):
            predictor = EndpointPredictor(endpoint.url, DETECTION)
            told.append(predictor.names(PICTURES[3]))
            predictor.close()
    assert told == [{0: "stop", 1: "yield"}, {}]
