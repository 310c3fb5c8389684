"""A packaged detector behind HTTP: batches through the network, and every form of its answer."""

from __future__ import annotations

import base64
import importlib
import io
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3

from components.capture import record
from components.capture.predictions import predictions
from components.errors import WeightsError
from components.images import Preprocessing, decode, encode_png
from components.package.archive import pack
from components.serve import program
from components.serve.client import Client
from components.serve.loading import Settings, load

pytest.importorskip("mxnet", reason="expected the detector's environment, found another image's")
exported = importlib.import_module("tests.detector.exported")

pytestmark = pytest.mark.filterwarnings("ignore")  # MXNet's and GluonCV's own
ROOT = Path(__file__).resolve().parents[2]
HTTP = urllib3.PoolManager(retries=False, maxsize=16)
HEIGHT, WIDTH = exported.SIDES


def pictures(count: int, seed: int = 1) -> Any:
    """Noise of all strengths, and one picture that is grey all over."""
    generator = np.random.default_rng(seed)
    strengths = np.linspace(0, 1, count)[:, None, None, None]
    return (128 + strengths * generator.integers(-128, 128, (count, HEIGHT, WIDTH, 3))).astype(np.uint8)


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=array.dtype == object)
    return buffer.getvalue()


@contextmanager
def served(archive: Path, *options: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yields the url and the process of ``serve run``."""
    command = [sys.executable, "-m", "components.serve", "run", "--model", archive, "--port", 0, "--threads", 1]
    process = subprocess.Popen([*map(str, command), *map(str, options)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"on (http://\S+)", said)
        assert found, said
        yield found[1], process
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported.model(tmp_path_factory.mktemp("models") / "animals")


@pytest.fixture(scope="module")
def archive(folder: Path) -> Path:
    return exported.archive(folder)


@pytest.fixture(scope="module")
def url(archive: Path) -> Iterator[str]:
    with served(archive) as (url, _):
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[Any]:
    return exported.looped(folder, pictures(9))


def same(found: Any, wanted: list[Any]) -> None:
    assert [len(image) for image in found] == [len(image) for image in wanted]
    for image, rows in zip(found, wanted, strict=True):
        np.testing.assert_allclose(np.array(image).reshape(-1, 6), rows, atol=2e-5)


def test_a_batch_is_answered_as_the_seed_would_answer_in_a_loop(client: Client, expected: list[Any]) -> None:
    reply = client.invoke(npy(pictures(9)), "application/x-npy")
    assert reply.content_type == "application/json"
    same(reply.json(), expected)
    counts = {len(rows) for rows in expected}
    assert 0 in counts
    assert len(counts) > 2


def test_a_batch_goes_through_the_network_as_one(url: str, client: Client) -> None:
    def counted() -> tuple[float, float]:
        page = HTTP.request("GET", url + "/metrics").data.decode()
        found = [re.search(rf"^batch_images_{what}\S* (\S+)$", page, re.MULTILINE) for what in ("sum", "count")]
        assert found[0]
        assert found[1]
        return float(found[0][1]), float(found[1][1])

    before = counted()
    client.invoke(npy(pictures(9)), "application/x-npy")
    after = counted()
    assert (after[0] - before[0], after[1] - before[1]) == (9, 1)


def test_an_answer_does_not_depend_on_the_pictures_beside_it(client: Client) -> None:
    accept = "application/x-npy"
    together = np.load(io.BytesIO(client.invoke(npy(pictures(9)), accept, accept=accept).body))
    for picture, rows in zip(pictures(9), together, strict=True):
        alone = np.load(io.BytesIO(client.invoke(npy(picture), accept, accept=accept).body))
        np.testing.assert_allclose(alone[0], rows, atol=1e-6)


def test_many_clients_at_once_get_their_own_answers(url: str, expected: list[Any]) -> None:
    parts = [(0, 1), (1, 4), (4, 9), (8, 9), (0, 9), (3, 5)] * 4
    found: dict[int, Any] = {}

    def ask(number: int, begin: int, end: int) -> None:
        with Client(url) as client:
            found[number] = client.invoke(npy(pictures(9)[begin:end]), "application/x-npy").json()

    threads = [threading.Thread(target=ask, args=(number, *part)) for number, part in enumerate(parts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (begin, end) in enumerate(parts):
        same(found[number], expected[begin:end])


def test_images_of_any_sizes_make_one_batch_and_their_boxes_are_shares(client: Client, folder: Path) -> None:
    generator = np.random.default_rng(5)
    given = [generator.integers(0, 256, (*sides, 3), np.uint8) for sides in ((64, 96), (200, 150), (31, 400))]
    files = [base64.b64encode(encode_png(image)).decode() for image in given]
    found = client.invoke(json.dumps({"images": files}).encode(), "application/json").json()
    same(found, exported.looped(folder, [Preprocessing(HEIGHT, WIDTH).resize(image) for image in given]))
    assert decode(base64.b64decode(files[1])).shape == (200, 150, 3)


def test_the_full_answer_says_the_same_with_labels(client: Client) -> None:
    body = npy(pictures(9))
    bare = client.invoke(body, "application/x-npy").json()
    full = client.invoke(body, "application/x-npy", accept="application/json; format=full").json()["predictions"]
    again = [
        [[d["class"], d["score"], *(d["box"][k] for k in ("xmin", "ymin", "xmax", "ymax"))] for d in one["detections"]]
        for one in full
    ]
    assert again == bare
    assert {d["label"] for one in full for d in one["detections"]} <= set(exported.LABELS)
    assert all(d["label"] == exported.LABELS[d["class"]] for one in full for d in one["detections"])


def test_an_array_of_the_answers_is_padded_to_one_length(client: Client, expected: list[Any]) -> None:
    reply = client.invoke(npy(pictures(9)), "application/x-npy", accept="application/x-npy")
    rows = np.load(io.BytesIO(reply.body))
    assert (rows.shape, rows.dtype) == ((9, 20, 6), np.float32)
    same([image[image[:, 0] >= 0] for image in rows], expected)
    assert (rows[rows[:, :, 0] < 0] == -1).all()


def test_open_inference_has_one_output(url: str, expected: list[Any]) -> None:
    model = url + "/v2/models/animals"
    about = HTTP.request("GET", model).json()
    assert about["platform"] == "mxnet"
    assert about["outputs"] == [{"name": "detections", "datatype": "FP32", "shape": [-1, 20, 6]}]
    tensor = {"name": "images", "datatype": "UINT8", "shape": [9, HEIGHT, WIDTH, 3]}
    flat = {"inputs": [{**tensor, "data": pictures(9).reshape(-1).tolist()}]}
    answer = HTTP.request("POST", model + "/infer", body=json.dumps(flat)).json()
    (output,) = answer["outputs"]
    assert (output["name"], output["shape"]) == ("detections", [9, 20, 6])
    rows = np.array(output["data"], np.float32).reshape(9, 20, 6)
    same([image[image[:, 0] >= 0] for image in rows], expected)
    assert HTTP.request("GET", url + "/v2/health/ready").status == 200


REFUSED = {
    "an array with objects inside": (npy(np.array([{"evil": 1}], object)), "application/x-npy", 400, "uint8"),
    "floats": (npy(np.zeros((1, HEIGHT, WIDTH, 3), np.float32)), "application/x-npy", 400, "uint8"),
    "four channels": (npy(np.zeros((1, 8, 8, 4), np.uint8)), "application/x-npy", 400, "(N, H, W, 3)"),
    "no pictures": (npy(np.zeros((0, 8, 8, 3), np.uint8)), "application/x-npy", 400, "(N, H, W, 3)"),
    "too many pictures": (npy(np.zeros((129, 8, 8, 3), np.uint8)), "application/x-npy", 413, "at most 128 images"),
    "no image": (b"GIF89a", "image/png", 400, "image/png"),
    "a text": (b"x", "text/plain", 415, "application/x-npy"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_picture_is_refused(case: str, url: str) -> None:
    body, kind, status, match = REFUSED[case]
    answer = HTTP.request("POST", url + "/invocations", body=body, headers={"Content-Type": kind})
    assert answer.status == status
    assert match in answer.json()["error"]


def test_an_answer_in_an_unknown_form_is_refused(url: str) -> None:
    headers = {"Content-Type": "application/x-npy", "Accept": "application/json; format=csv"}
    answer = HTTP.request("POST", url + "/invocations", body=npy(pictures(1)), headers=headers)
    assert answer.status == 406


def test_answers_are_captured_as_they_went_and_are_taken_for_no_classes(archive: Path, tmp_path: Path) -> None:
    place = ("--capture-to", tmp_path / "place", "--spool", tmp_path / "spool", "--sampling-percentage", 100)
    with served(archive, *place) as (url, process), Client(url) as client:
        accepts = ("application/json", "application/json; format=full", "application/x-npy")
        sent = [client.invoke(npy(pictures(3)), "application/x-npy", accept=accept) for accept in accepts]
        process.terminate()
        assert process.wait(30) == 0
    lines = [line for path in (tmp_path / "place").rglob("*.jsonl") for line in path.read_bytes().splitlines(True)]
    found = {exchange.event_id: exchange for exchange in map(record.decode, lines)}
    assert {reply.event_id: (reply.body, reply.content_type) for reply in sent} == {
        name: (exchange.response, exchange.response_type) for name, exchange in found.items()
    }
    assert [predictions(e.response, e.response_type) for e in found.values()] == [[], [], []]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--tensors", "file:///nowhere"], "--tensors: expected a torch model, whose tensors have names, found mxnet"),
        (["--bfloat16"], "expected a torch model with --bfloat16 or --fold, found one for MXNet"),
        (["--fold"], "expected a torch model with --bfloat16 or --fold"),
        (["--device", "cuda"], "expected a GPU that MXNet can use, found none"),
    ],
)
def test_what_a_detector_cannot_do_is_told_in_one_line(
    options: list[str], match: str, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["--model", str(archive), "--port", "0", *options]) == 1
    said = capsys.readouterr().err.splitlines()
    assert match in said[-1]


def changed(folder: Path, tmp_path: Path, **attributes: str) -> Path:
    """Packs the model with other attributes of its first convolution."""
    told = json.loads((folder / "model-symbol.json").read_text())
    first = next(node for node in told["nodes"] if node["op"] == "Convolution")
    first["attrs"] |= attributes
    copy = tmp_path / "changed"
    copy.mkdir()
    for name in ("model.json", "model-0000.params"):
        (copy / name).write_bytes((folder / name).read_bytes())
    (copy / "model-symbol.json").write_text(json.dumps(told))
    pack(copy, tmp_path / "changed.tar.gz")
    return tmp_path / "changed.tar.gz"


@pytest.mark.parametrize(
    "attributes", [{"num_filter": "5"}, {"kernel": "(9, 9)"}, {"num_filter": "four"}, {"unknown": "1"}]
)
def test_a_network_that_mxnet_cannot_run_is_refused_when_it_is_loaded(
    attributes: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match="expected a network that runs, found that MXNet says") as caught:
        load(changed(folder, tmp_path, **attributes), Settings(device="cpu"))
    assert "\n" not in str(caught.value)


def test_vectors_shorter_than_the_network_reads_are_refused(folder: Path, tmp_path: Path) -> None:
    import mxnet

    copy = tmp_path / "short"
    shutil.copytree(folder, copy)
    arrays = mxnet.nd.load(str(copy / "model-0000.params"))
    name = next(name for name in arrays if name.endswith("gamma"))
    mxnet.nd.save(str(copy / "model-0000.params"), {**arrays, name: arrays[name][:1]})
    pack(copy, tmp_path / "short.tar.gz")
    with pytest.raises(WeightsError, match=rf"{name}: expected the shape \(4,\) of the network, found \(1,\)"):
        load(tmp_path / "short.tar.gz", Settings(device="cpu"))


def stage(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components.serve", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)


def test_the_stage_deploys_a_detector_and_undeploy_ends_it(archive: Path, tmp_path: Path, expected: list[Any]) -> None:
    named = ("--name", "animals", "--state", tmp_path / "state")
    outputs = ("--endpoint", tmp_path / "endpoint.json", "--url", tmp_path / "url")
    try:
        done = stage("deploy", "--archive", archive, *named, *outputs, "--threads", 1)
        assert done.returncode == 0, done.stderr
        with Client((tmp_path / "url").read_text()) as client:
            same(client.invoke(npy(pictures(9)), "application/x-npy").json(), expected)
    finally:
        assert stage("undeploy", *named).returncode == 0
    endpoint = json.loads((tmp_path / "endpoint.json").read_text())
    assert endpoint["name"] == "animals"
    with Client(endpoint["url"]) as client:
        assert not client.ready()
