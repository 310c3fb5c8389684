"""Tensors of served requests: recorded on the side, joined by event id, switched while the server runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3

from components.capture import record
from components.capture.record import Exchange
from components.capture.trial import Trial, create_trial, modes
from components.errors import InputError
from components.serve.offers import both
from components.serve.tensors import settings as room
from components.serve.tensors.emitter import TensorEmitter
from components.serve.tensors.settings import Settings, Watched

ROOT = Path(__file__).resolve().parents[2]
HTTP = urllib3.PoolManager(retries=False, maxsize=8)
SEED = ".*bn|.*bias|.*downsample|.*ResNet_input|.*image"


@pytest.fixture(scope="module")
def model(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from components.package.archive import unpack

    folder = tmp_path_factory.mktemp("unpacked") / "model"
    unpack(archive, folder)
    return folder


@contextmanager
def serving(model: Path, *options: object) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    import socket

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    command = [sys.executable, "-m", "components.serve", "run", "--model", str(model), "--threads", "1"]
    descriptor = listening.fileno()
    process = subprocess.Popen(
        [*command, "--socket", str(descriptor), *map(str, options)],
        pass_fds=[descriptor],
        cwd=ROOT,
    )
    listening.close()
    try:
        until(lambda: HTTP.request("GET", url + "/ping", timeout=5).status == 200)
        yield url, process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(40)


def until(what: Callable[[], Any], seconds: float = 150.0) -> Any:  # the recording process is last in line
    end = time.monotonic() + seconds
    while True:
        try:
            if (found := what()) is not None and found is not False:
                return found
        except (urllib3.exceptions.HTTPError, InputError):
            pass
        assert time.monotonic() < end
        time.sleep(0.05)


def ask(url: str, body: bytes, content_type: str = "image/png", path: str = "/invocations", **headers: str) -> Any:
    answer = HTTP.request("POST", url + path, body=body, headers={"Content-Type": content_type, **headers}, timeout=20)
    assert answer.status == 200, answer.data
    return answer.headers["X-Roadworthy-Event-Id"], answer.json()


def counts(url: str) -> dict[str, float]:
    lines = HTTP.request("GET", url + "/metrics").data.decode().splitlines()
    return {
        line.split("{")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(("tensors", "capture"))
    }


def softmax(logits: Any) -> Any:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.slow
def test_each_sampled_request_is_a_step_that_its_captured_record_leads_to(
    model: Path, tmp_path: Path, picture: Any, as_npy: Any
) -> None:
    place, captured = tmp_path / "tensors", tmp_path / "captured"
    options = ("--tensors", place, "--tensor-percentage", 100, "--include-regex", SEED)
    options = (*options, "--capture-to", captured, "--sampling-percentage", 100, "--spool", tmp_path / "spool")
    batch = np.random.default_rng(3).integers(0, 255, (3, 40, 30, 3), np.uint8)
    tensor = {"name": "images", "datatype": "UINT8", "shape": [3, 40, 30, 3]}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": batch.nbytes}}]}).encode()
    plain = json.dumps({"inputs": [{**tensor, "data": batch.ravel().tolist()}]}).encode()
    with serving(model, *options) as (url, process):
        events = {
            "png": ask(url, picture(33)),
            "npy": ask(url, as_npy(batch), "application/x-npy"),
            "json": ask(url, json.dumps({"instances": batch.tolist()}).encode(), "application/json"),
            "binary": ask(
                url,
                head + batch.tobytes(),
                "application/octet-stream",
                "/v2/models/signs/infer",
                **{"Inference-Header-Content-Length": str(len(head))},
            ),
            "v2": ask(url, plain, "application/json", "/v2/models/signs/infer"),
        }
        until(lambda: counts(url)["tensors_written_total"] == 5)
        assert counts(url)["tensors_dropped_total"] == 0
        process.terminate()
        assert process.wait(30) == 0
    trial = create_trial(str(place))
    assert len(trial.steps(modes.PREDICT)) == 5
    lines = [line for path in captured.rglob("*.jsonl") for line in path.read_bytes().splitlines()]
    assert {record.decode(line).event_id for line in lines} == {event for event, _ in events.values()}
    _check_scores(trial, events)
    _check_gradients(trial, events["png"][0], model)


def _check_scores(trial: Trial, events: dict[str, Any]) -> None:
    for event, answer in (events["png"], events["npy"], events["json"]):
        scores = softmax(trial.tensor("ResNet_output_0").value(trial.step_of(event)))
        for row, prediction in zip(scores, answer["predictions"], strict=True):
            assert row.argmax() == prediction["class"]
            assert abs(row.max() - prediction["score"]) < 1e-6
    for event, answer in (events["binary"], events["v2"]):
        scores = softmax(trial.tensor("ResNet_output_0").value(trial.step_of(event)))
        assert np.abs(scores.ravel() - answer["outputs"][0]["data"]).max() < 1e-6


def _check_gradients(trial: Trial, event: str, model: Path) -> None:
    """Against the same package in this process, by autograd alone."""
    import torch

    from components.package.archive import Package
    from components.package.network import build

    package = Package(model)
    network = build(package.description, package.read(package.description.weights))
    step = trial.step_of(event)
    pixels = trial.tensor("pixels").value(step)
    inputs = torch.from_numpy(package.description.preprocessing.normalize(pixels)).requires_grad_()
    network(inputs).max().backward()
    assert np.array_equal(trial.tensor("ResNet_input_0").value(step), inputs.detach().numpy())
    assert inputs.grad is not None
    difference = np.abs(trial.tensor("gradient/image").value(step) - inputs.grad.numpy()).max()
    assert difference < 1e-5 * inputs.grad.abs().max()
    assert np.array_equal(trial.tensor("ResNet_bn1.running_var").value(step), network.bn1.running_var.numpy())
    assert trial.metadata(step)["model"] == package.digest


@pytest.mark.slow
def test_the_file_switches_the_recording_and_what_it_cannot_mean_changes_nothing(
    model: Path, tmp_path: Path, picture: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    config, place = tmp_path / "tensors.json", tmp_path / "tensors"
    config.write_text('{"enabled": false}')

    def switch(content: str, shown: str, value: float) -> None:
        whole = tmp_path / "next.json"  # exchanged as a ConfigMap's mount is
        whole.write_text(content)
        os.replace(whole, config)
        until(lambda: counts(url)[shown] == value, 10)

    options = ("--tensors", place, "--tensor-percentage", 100, "--tensor-config", config)
    with serving(model, *options) as (url, _):
        assert counts(url)["tensors_enabled"] == 0
        ask(url, picture(33))
        switch('{"enabled": true}', "tensors_enabled", 1)
        first, _ = ask(url, picture(33))
        until(lambda: create_trial(str(place)).step_of(first))
        wrong = ('{"enabled": "yes"}', "{", '{"include_regex": "ResNet_bm1"}', '{"percent": 3}', '{"percentage": 101}')
        for number, content in enumerate(wrong):
            switch(content, "tensors_config_errors_total", number + 1)
        second, _ = ask(url, picture(33))
        config.unlink()
        until(lambda: counts(url)["tensors_config_errors_total"] == 6, 10)
        assert counts(url)["tensors_enabled"] == 1
        switch('{"include_regex": "fc"}', "tensors_enabled", 1)
        until(lambda: "include_regex='fc'" in capfd.readouterr().err, 10)
        third, _ = ask(url, picture(33))
        until(lambda: counts(url)["tensors_written_total"] == 3)
        switch('{"percentage": 0}', "tensors_enabled", 0)
        ask(url, picture(33))
        assert counts(url)["tensors_total"] == 3
    trial = create_trial(str(place))
    assert trial.tensor_names(step=trial.step_of(first)) == ["ResNet_output_0", "pixels"]
    assert trial.tensor_names(step=trial.step_of(second)) == ["ResNet_output_0", "pixels"]
    assert "gradient/ResNet_fc.weight" in trial.tensor_names(step=trial.step_of(third))
    assert trial.steps(modes.PREDICT) == [0, 1, 2]


def children(pid: int) -> dict[int, str]:
    # -ww: a command that is cut at 80 columns is not recognised where the checkout has a long path.
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return {int(line.split()[0]): line for line in listed.stdout.splitlines()}


def recording(pid: int) -> list[int]:
    return [child for child, command in children(pid).items() if "serve.tensors.process" in command]


@pytest.mark.slow
def test_the_process_comes_when_there_is_something_to_record_is_last_in_line_and_its_death_costs_no_prediction(
    model: Path, tmp_path: Path, picture: Any
) -> None:
    config, place = tmp_path / "tensors.json", str(tmp_path / "place")
    config.write_text('{"enabled": false}')
    options = ("--tensors", place, "--tensor-percentage", 100, "--tensor-config", config)
    with serving(model, *options) as (url, server):
        ask(url, picture(33))
        assert recording(server.pid) == []
        config.write_text('{"enabled": true}')
        until(lambda: counts(url)["tensors_enabled"] == 1)
        ask(url, picture(33))
        (process,) = until(lambda: recording(server.pid) or None)
        until(lambda: counts(url)["tensors_written_total"] == 1)
        assert Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[16] == "19"
        assert Path(f"/proc/{process}/oom_score_adj").read_text().strip() == "1000"
        os.kill(process, signal.SIGSTOP)
        events = [ask(url, picture(number))[0] for number in range(20)]
        assert counts(url)["tensors_total"] == 21
        os.kill(process, signal.SIGKILL)
        until(lambda: counts(url)["tensors_dropped_total"] >= 1)  # at least what it was at
        last, _ = ask(url, picture(99))
        step = until(lambda: create_trial(place).step_of(last))
        found = until(
            lambda: (now := counts(url))["tensors_written_total"] + now["tensors_dropped_total"] == 22 and now
        )
        assert found["tensors_restarts_total"] == 1
        there = {one.event_id for one in create_trial(place).steps()}
        assert len(there & set(events)) == 20 - found["tensors_dropped_total"]
        assert step == found["tensors_written_total"] - 1
        (process,) = recording(server.pid)
        server.terminate()
        assert server.wait(30) == 0
    until(lambda: not Path(f"/proc/{process}").exists(), 10)


@pytest.mark.slow
def test_a_place_that_cannot_be_written_is_counted_and_harms_no_prediction(model: Path, picture: Any) -> None:
    with serving(model, "--tensors", "/proc/nowhere", "--tensor-percentage", 100) as (url, _):
        for number in range(3):
            ask(url, picture(number))
        until(lambda: counts(url)["tensors_dropped_total"] == 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tensors", "x", "--include-regex", "ResNet_bm1"), "nearest: ResNet_bn1"),
        (
            (
                "--tensors",
                "gopher://x",
            ),
            "expected file:///path",
        ),
        (("--include-regex", "fc"), "expected --tensors"),
        (("--tensors", "x", "--include-regex", "("), "expected a regular expression"),
    ],
)
def test_what_cannot_be_meant_is_told_at_the_start(model: Path, options: tuple[str, ...], said: str) -> None:
    command = [sys.executable, "-m", "components.serve", "run", "--model", str(model), "--port", "0", *options]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert found.returncode == 1
    assert said in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_code_of_an_archives_own_has_no_tensors(handler_archive: Path, tmp_path: Path) -> None:
    from components.package.archive import unpack

    unpack(handler_archive, tmp_path / "model")
    command = [sys.executable, "-m", "components.serve", "run", "--model", str(tmp_path / "model"), "--allow-code"]
    command += ["--port", "0", "--tensors", str(tmp_path / "place")]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert found.returncode == 1
    assert "expected a model without code of its own" in found.stderr


@pytest.mark.slow
def test_deploy_passes_it_on(archive: Path, tmp_path: Path, picture: Any) -> None:
    def stage(name: str, *options: object) -> None:
        fixed = [sys.executable, "-m", "components.serve", name, "--name", "signs", "--state", str(tmp_path / "state")]
        ran = subprocess.run([*fixed, *map(str, options)], capture_output=True, text=True, cwd=ROOT, check=False)
        assert ran.returncode == 0, ran.stderr

    outputs = ("--endpoint", tmp_path / "endpoint.json", "--url", tmp_path / "url")
    tensors = ("--tensors", tmp_path / "place", "--include-regex=-?fc.bias", "--tensor-percentage", 100)
    stage("deploy", "--archive", archive, *outputs, *tensors, "--tensor-config", tmp_path / "none.json")
    try:
        event, _ = ask((tmp_path / "url").read_text(), picture(33))
        step = until(lambda: create_trial(str(tmp_path / "place")).step_of(event))
        assert "ResNet_fc.bias" in create_trial(str(tmp_path / "place")).tensor_names(step=step)
    finally:
        stage("undeploy")


class Rejecting:
    """A taker that is full."""

    def offer(self, exchange: Exchange) -> bool:
        return False

    def statistics(self) -> dict[str, int]:
        return {"other_total": 1}

    def close(self, timeout: float = 5.0) -> None: ...


def exchange(number: int, size: int = 10) -> Exchange:
    return Exchange(f"event-{number}", 0.0, b"x" * size, "image/png", b"{}", "application/json")


def test_what_is_taken_is_a_function_of_the_event_id_and_of_the_room_there_is(tmp_path: Path) -> None:
    # Of no package at all: the process dies each time, and what it was sent is lost; offering never raises or waits.
    emitter = TensorEmitter(
        str(tmp_path / "place"), tmp_path / "none", "", Settings(percentage=30), queue_bytes=200_000
    )
    try:
        wanted = [number for number in range(100) if record.sampled(f"event-{number}", 30)]
        assert [number for number in range(100) if emitter.offer(exchange(number))] == wanted
        assert both(emitter, Rejecting()).offer(exchange(wanted[0]))
        assert both(Rejecting(), emitter).statistics()["other_total"] == 1
        assert not emitter.offer(exchange(wanted[0], 300_000))
        emitter.settings = Settings(enabled=False)
        assert not emitter.offer(exchange(wanted[0]))
    finally:
        emitter.close(0.5)
    found = emitter.statistics()
    assert found["tensors_total"] == len(wanted) + 1
    assert found["tensors_dropped_total"] == len(wanted) + 2
    assert found["tensors_written_total"] == found["tensors_queue_bytes"] == 0
    assert not emitter.offer(exchange(wanted[0]))


def test_settings_are_what_the_file_says_over_what_the_command_line_says(tmp_path: Path) -> None:
    base = Settings(percentage=7, include_regex="fc")
    assert room.read(b"{}", base) == base
    assert room.read(b'{"percentage": 50.5, "enabled": false}', base) == Settings(False, 50.5, "fc")
    for wrong in (b"", b"[]", b"null", b'{"enabled": 1}', b'{"percentage": true}', b'{"percentage": NaN}',
                  b'{"percentage": "5"}', b'{"include_regex": null}', b'{"Enabled": true}', b" " * 70_000):  # fmt: skip
        with pytest.raises(InputError):
            room.read(wrong, base)
    taken: list[Settings] = []
    watched = Watched(tmp_path, base, str, taken.append)  # a folder
    watched.look()
    watched.look()
    assert (watched.errors, taken) == (1, [])
