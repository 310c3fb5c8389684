"""The programs ``deploy`` and ``undeploy`` against a cluster's API and a bucket, as a pipeline's steps call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.package.archive import verify
from components.serve.deploy.kubernetes.placement import Placement
from tests.serve.kubernetes_api import Api, Served
from tests.serve.kubernetes_statuses import FETCH, crashed, stuck
from tests.storage.s3_server import serving

ROOT = Path(__file__).resolve().parents[2]
G4DN = Placement({"node.kubernetes.io/instance-type": "g4dn.xlarge"}, ({"key": "nvidia.com/gpu"},), 1)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serving(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


class Program:
    """The stages as they are called in a step, against the cluster and the bucket."""

    def __init__(self, served: Served, settings: dict[str, str], folder: Path, archive: Path) -> None:
        self.served, self.folder, self.archive = served, folder, archive
        self.env = {**os.environ, **settings, "KUBECONFIG": str(served.kubeconfig)}

    def __call__(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "components.serve", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=self.env,
            timeout=60,
            check=False,
        )

    def deploy(self, *options: object) -> subprocess.CompletedProcess[str]:
        outputs = ("--endpoint", self.folder / "endpoint.json", "--url", self.folder / "url")
        return self("deploy", "--archive", self.archive, "--name", "traffic-signs", *outputs, *options)


@pytest.fixture
def program(served: Served, api: Api, s3: dict[str, str], tmp_path: Path, handler_archive: Path) -> Program:
    del api
    return Program(served, s3, tmp_path, handler_archive)


def test_a_step_of_a_pipeline_deploys_and_its_exit_handler_removes(program: Program, handler_archive: Path) -> None:
    state = ("--state", "s3://signs/run-7/endpoint")
    done = program.deploy(*state, "--capture-to", "s3://signs/run-7/captured", "--placement", json.dumps(vars(G4DN)))
    assert done.returncode == 0, done.stderr
    digest = verify(handler_archive).digest
    place = f"s3://signs/run-7/endpoint/models/traffic-signs/{digest.replace(':', '-')}/model.tar.gz"
    told = json.loads((program.folder / "endpoint.json").read_text())
    assert (told["url"], told["digest"], told["archive"]) == ("http://traffic-signs.signs.svc", digest, place)
    assert (program.folder / "url").read_text() == told["url"]
    pod = program.served.api.get("Deployment")["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"node.kubernetes.io/instance-type": "g4dn.xlarge"}
    assert {"name": "MODEL_URI", "value": place} in pod["initContainers"][0]["env"]
    folder = str(program.folder / "model" / "package")
    fetched = subprocess.run(
        [sys.executable, "-m", "components.package", "fetch", "--uri", place, "--digest", digest, "--folder", folder],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=program.env,
        check=False,
    )
    assert (fetched.returncode, fetched.stdout) == (0, digest + "\n"), fetched.stderr
    removed = program("undeploy", "--name", "traffic-signs", *state)
    assert (removed.returncode, "traffic-signs has stopped" in removed.stderr) == (0, True), removed.stderr
    assert "nothing was running" in program("undeploy", "--name", "traffic-signs", *state).stderr


def test_an_archive_that_lies_there_is_not_written_again(program: Program, handler_archive: Path) -> None:
    models = ("--target", "kubernetes", "--models", "s3://signs/kept")
    assert program.deploy(*models).returncode == 0
    from components.storage import place

    os.environ.update({key: program.env[key] for key in program.env if key.startswith("AWS_")})
    try:
        address = place("s3://signs/kept/traffic-signs").child(verify(handler_archive).digest.replace(":", "-"))
        (before,) = address.entries()
        assert program.deploy(*models).returncode == 0
        assert address.entries() == [before]
        address.child("model.tar.gz").write_bytes(b"something else")
    finally:
        for key in [key for key in program.env if key.startswith("AWS_")]:
            os.environ.pop(key, None)
    refused = program.deploy(*models)
    assert refused.returncode == 1
    assert "bytes, found another of 14" in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--target", "kubernetes"),
            "--models: expected a place for the archive, s3://…, found neither it nor --state",
        ),
        (("--target", "kubernetes", "--models", "models"), "--models: expected a place that pods share, s3://…, found"),
        (("--state", "s3://signs/run", "--capture-to", "captured"), "--capture-to: expected a place that pods share"),
        (("--state", "s3://signs/run", "--tensor-config", "x.json"), "--tensor-config: expected none for pods"),
        (("--state", "s3://signs/run", "--placement", "[]"), "placement: expected a JSON object of node_selector"),
        (("--state", "s3://signs/run", "--options", "'"), "--options: expected words as a shell splits them"),
        (
            ("--state", "s3://signs/run", "--replicas", "3", "--max-replicas", "2"),
            "expected 1 ≤ replicas ≤ max_replicas",
        ),
        (("--state", "minio://mlpipeline/run"), "expected file:///path, s3://bucket/key or a path, found 'minio://"),
        ((), "--state: expected a folder for the server's model, log and state, found none"),
    ],
)
def test_what_pods_cannot_do_is_refused_before_anything_is_done(
    options: tuple[str, ...], said: str, program: Program
) -> None:
    refused = program.deploy(*options)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert program.served.api.objects == {}


def test_a_failed_rollout_fails_the_step_with_one_line_of_why(program: Program) -> None:
    api = program.served.api
    api.on_apply = stuck(api, **{FETCH: crashed("package fetch: expected the model sha256:1, found sha256:2")})
    failed = program.deploy("--state", "s3://signs/run-8/endpoint")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith("serve deploy: expected the init container fetch to go on")
    assert not (program.folder / "url").exists()
    assert api.kinds() == set()


def test_outputs_that_cannot_be_written_take_the_endpoint_back(program: Program) -> None:
    (program.folder / "endpoint.json").mkdir()
    (program.folder / "blocked").write_text("")
    outputs = ("--endpoint", program.folder / "endpoint.json", "--url", program.folder / "blocked" / "url")
    fixed = ("--archive", program.archive, "--name", "traffic-signs", "--state", "s3://signs/run-9/endpoint")
    failed = program("deploy", *fixed, *outputs)
    assert failed.returncode == 1
    assert "rolled back: traffic-signs is removed" in failed.stderr
    assert program.served.api.kinds() == set()
