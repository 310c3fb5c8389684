"""The stages deploy and undeploy, as programs: the supervisor, the state folder, what happens when things go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import urllib3

from components.serve.client import Client

ROOT = Path(__file__).resolve().parents[2]
HTTP = urllib3.PoolManager()


def stage(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "components.serve", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )


class Endpoint:
    def __init__(self, folder: Path, archive: Path) -> None:
        self.folder, self.archive, self.state = folder, archive, folder / "state"

    def deploy(self, *options: object) -> subprocess.CompletedProcess[str]:
        outputs = ("--endpoint", self.folder / "endpoint.json", "--url", self.folder / "url")
        fixed = ("--archive", self.archive, "--name", "signs", "--state", self.state, *outputs)
        return stage("deploy", *fixed, *options)

    def undeploy(self, *options: object) -> subprocess.CompletedProcess[str]:
        return stage("undeploy", "--name", "signs", "--state", self.state, *options)

    @property
    def url(self) -> str:
        return (self.folder / "url").read_text()

    @property
    def status(self) -> dict[str, Any]:
        return json.loads((self.state / "status.json").read_text())


@pytest.fixture
def endpoint(tmp_path: Path, handler_archive: Path) -> Any:
    found = Endpoint(tmp_path, handler_archive)
    yield found
    found.undeploy()


def invoke(url: str, body: bytes = b"123", content_type: str = "text/plain") -> Any:
    return HTTP.request("POST", url + "/invocations", body=body, headers={"Content-Type": content_type})


def test_a_packaged_model_is_deployed_answers_and_is_undeployed(tmp_path: Path, archive: Path, picture: Any) -> None:
    endpoint = Endpoint(tmp_path, archive)
    deployed = endpoint.deploy("--threads", "1", "--capture-to", tmp_path / "captured", "--sampling-percentage", 100)
    assert deployed.returncode == 0, deployed.stderr
    with Client(endpoint.url) as client:
        (prediction,) = client.invoke(picture(), "image/png").json()["predictions"]
        assert prediction["label"] == f"sign {prediction['class']}"
        assert client.ready()
    said = json.loads((tmp_path / "endpoint.json").read_text())
    assert said["url"] == endpoint.url
    assert said["digest"].startswith("sha256:")
    undeployed = endpoint.undeploy()
    assert undeployed.returncode == 0, undeployed.stderr
    assert "signs has stopped" in undeployed.stderr
    with pytest.raises(urllib3.exceptions.HTTPError):
        HTTP.request("GET", said["url"] + "/ping", retries=False)
    (record,) = [line for path in (tmp_path / "captured").rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert json.loads(json.loads(record)["captureData"]["endpointOutput"]["data"])["predictions"] == [prediction]


def test_undeploying_nothing_is_fine(tmp_path: Path) -> None:
    for _ in range(2):
        found = stage("undeploy", "--name", "signs", "--state", tmp_path / "none")
        assert found.returncode == 0
        assert "nothing was running" in found.stderr


def test_undeploying_twice_is_fine(endpoint: Endpoint) -> None:
    assert endpoint.deploy("--allow-code", "true").returncode == 0
    assert "has stopped" in endpoint.undeploy().stderr
    assert "nothing was running" in endpoint.undeploy().stderr


@pytest.mark.parametrize(
    "status",
    [
        {"state": "FAILED", "error": {"code": 9, "message": "step a failed"}, "pipelineTaskName": "exit-handler-1"},
        {"state": "FAILED", "error": {"code": 9, "message": "step a failed"}, "pipeline_task_name": "exit-handler-1"},
    ],
)
def test_undeploy_tells_how_the_pipeline_ended(tmp_path: Path, status: dict[str, Any]) -> None:
    found = stage("undeploy", "--name", "signs", "--state", tmp_path, "--status", json.dumps(status))
    assert found.returncode == 0
    assert "the pipeline ended: FAILED exit-handler-1 step a failed" in found.stderr


def test_code_in_an_archive_runs_only_when_allowed(endpoint: Endpoint) -> None:
    refused = endpoint.deploy()
    assert refused.returncode == 1
    assert "--allow-code, found code/inference.py" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (endpoint.folder / "url").exists()
    assert endpoint.deploy("--allow-code", "true").returncode == 0
    assert json.loads(invoke(endpoint.url).data)["length"] == 4


def test_a_second_deployment_into_one_state_folder_is_refused(endpoint: Endpoint) -> None:
    assert endpoint.deploy("--allow-code", "true").returncode == 0
    url = endpoint.url
    second = endpoint.deploy("--allow-code", "true")
    assert second.returncode == 1
    assert f"found 'signs' at {url}: undeploy it first" in second.stderr
    assert invoke(url).status == 200


def test_another_endpoints_server_is_not_stopped(endpoint: Endpoint) -> None:
    assert endpoint.deploy("--allow-code", "true").returncode == 0
    wrong = stage("undeploy", "--name", "others", "--state", endpoint.state)
    assert wrong.returncode == 1
    assert "expected the endpoint 'others'" in wrong.stderr
    assert invoke(endpoint.url).status == 200


def test_a_killed_server_comes_back_on_the_same_port(endpoint: Endpoint) -> None:
    assert endpoint.deploy("--allow-code", "true").returncode == 0
    before = endpoint.status["server"]
    os.kill(before, signal.SIGKILL)
    with Client(endpoint.url) as client:
        for _ in range(20):
            assert client.invoke(b"123", "text/plain").json()["length"] == 4
    assert endpoint.status["server"] != before
    assert endpoint.status["restarts"] == 1


def test_a_server_without_its_supervisor_stops(endpoint: Endpoint) -> None:
    assert endpoint.deploy("--allow-code", "true").returncode == 0
    url, status = endpoint.url, endpoint.status
    os.kill(status["supervisor"], signal.SIGKILL)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            HTTP.request("GET", url + "/ping", retries=False, timeout=1)
        except urllib3.exceptions.HTTPError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("expected the server to stop, found it answering")
    # What a dead supervisor left is known to be stale.
    assert "nothing was running" in endpoint.undeploy().stderr
    assert endpoint.deploy("--allow-code", "true").returncode == 0


def test_a_server_that_cannot_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    from components.package.archive import pack

    folder = tmp_path / "model"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "inference.py").write_text("def model_fn(model_dir): raise RuntimeError('no such gadget')\n")
    pack(folder, tmp_path / "model.tar.gz")
    endpoint = Endpoint(tmp_path, tmp_path / "model.tar.gz")
    failed = endpoint.deploy("--allow-code", "true")
    assert failed.returncode == 1
    assert "expected model_fn with either transform_fn" in failed.stderr
    assert "nothing was running" in endpoint.undeploy().stderr


def test_a_damaged_archive_is_not_served(endpoint: Endpoint, tmp_path: Path) -> None:
    damaged = bytearray(endpoint.archive.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    endpoint.archive = tmp_path / "damaged.tar.gz"
    endpoint.archive.write_bytes(damaged)
    refused = endpoint.deploy()
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert not (endpoint.folder / "url").exists()


def test_a_port_in_use_is_told(endpoint: Endpoint, running: str) -> None:
    refused = endpoint.deploy("--port", running.rpartition(":")[2], "--allow-code", "true")
    assert refused.returncode == 1
    assert "expected a free port" in refused.stderr


def test_what_was_being_answered_is_answered_before_the_server_stops(tmp_path: Path) -> None:
    from components.package.archive import pack

    folder = tmp_path / "model"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "inference.py").write_text(
        "import time\n"
        "def model_fn(model_dir): return None\n"
        "def transform_fn(model, body, content_type, accept):\n"
        "    time.sleep(2)\n"
        "    return 'done'\n"
    )
    pack(folder, tmp_path / "model.tar.gz")
    endpoint = Endpoint(tmp_path, tmp_path / "model.tar.gz")
    assert endpoint.deploy("--allow-code", "true").returncode == 0
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(invoke, endpoint.url)
        time.sleep(0.5)
        assert endpoint.undeploy().returncode == 0
        assert answer.result().data == b"done"
