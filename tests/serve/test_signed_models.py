"""From a signed package to an endpoint: who signed the model is asked before it is loaded, here and on a cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from components.package.archive import sign, unpack, verify
from components.package.keys import PUBLIC
from components.storage import place
from tests.package import bundles
from tests.serve.kubernetes_api import Api, Served
from tests.serve.programs import program
from tests.storage.s3_server import serving

HTTP = urllib3.PoolManager(retries=False)
KEY, OTHER = bundles.made(), bundles.made()


@pytest.fixture
def signed(tmp_path: Path, handler_archive: Path) -> Path:
    shutil.copy(handler_archive, tmp_path / "model.tar.gz")
    sign(tmp_path / "model.tar.gz", KEY)
    return tmp_path / "model.tar.gz"


class Endpoint:
    """An endpoint on this machine, by its stages."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"

    def deploy(self, archive: Path, *options: object, **environment: str) -> subprocess.CompletedProcess[str]:
        outputs = ("--endpoint", self.folder / "endpoint.json", "--url", self.folder / "url")
        fixed = ("--archive", archive, "--name", "signs", "--state", self.state, "--allow-code", "true", *outputs)
        return program("deploy", *fixed, *options, **environment)

    def invoke(self) -> Any:
        url = (self.folder / "url").read_text()
        return HTTP.request("POST", url + "/invocations", body=b"123", headers={"Content-Type": "text/plain"}).json()

    @property
    def status(self) -> dict[str, Any]:
        return json.loads((self.state / "status.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    found = Endpoint(tmp_path)
    yield found
    program("undeploy", "--name", "signs", "--state", found.state)


def environment_of(process: int) -> dict[str, str]:
    entries = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def test_a_signed_classifier_answers_under_its_key(tmp_path: Path, archive: Path, picture: Any) -> None:
    shutil.copy(archive, tmp_path / "model.tar.gz")
    sign(tmp_path / "model.tar.gz", KEY)
    endpoint = Endpoint(tmp_path)
    done = endpoint.deploy(tmp_path / "model.tar.gz", "--threads", "1", "--public-key", KEY.public.pem)
    try:
        assert done.returncode == 0, done.stderr
        url = (tmp_path / "url").read_text()
        answer = HTTP.request("POST", url + "/invocations", body=picture(), headers={"Content-Type": "image/png"})
        assert answer.status == 200
    finally:
        program("undeploy", "--name", "signs", "--state", endpoint.state)


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_the_server_refuses_another_key_as_it_refuses_a_damaged_archive(
    form: str, tmp_path: Path, signed: Path
) -> None:
    found = signed
    if form == "folder":
        unpack(signed, tmp_path / "model")
        found = tmp_path / "model"
    wrong = program("run", "--model", found, "--port", 0, "--allow-code", "--public-key", OTHER.public.pem)
    assert wrong.stderr == (
        f"serve: expected a model signed by the key {OTHER.public.name}…, found one by {KEY.public.name}…\n"
    )
    told = program("run", "--model", found, "--port", 0, "--allow-code", ROADWORTHY_PUBLIC_KEY=OTHER.public.pem)
    assert told.stderr == wrong.stderr
    damaged = tmp_path / "damaged.tar.gz"
    damaged.write_bytes(signed.read_bytes()[:-1])
    broken = program("run", "--model", damaged, "--port", 0, "--allow-code")
    assert {one.returncode for one in (wrong, told, broken)} == {1}
    none = program("run", "--model", found, "--port", 0, "--allow-code", "--public-key", "nothing")
    assert (none.returncode, none.stderr.count("\n")) == (1, 1)


def test_a_server_that_is_deployed_knows_the_key_and_starts_again_with_it(endpoint: Endpoint, signed: Path) -> None:
    public = endpoint.folder / "key.pub"
    public.write_text(KEY.public.pem)
    secret = {"ROADWORTHY_SIGNING_KEY": KEY.pem().decode(), "ROADWORTHY_SIGNING_KEY_PASSWORD": "secret"}
    done = endpoint.deploy(signed, "--public-key", public, **secret)
    assert done.returncode == 0, done.stderr
    public.unlink()
    assert endpoint.invoke()["length"] == 4
    first = endpoint.status["server"]
    inherited = environment_of(first)
    assert inherited[PUBLIC] == KEY.public.pem
    assert not {name for name in inherited if "SIGNING" in name}  # a model's own code runs there
    os.kill(first, 9)
    end = time.monotonic() + 30
    while endpoint.status["server"] in (first, None) and time.monotonic() < end:
        time.sleep(0.05)
    assert endpoint.invoke()["length"] == 4


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_a_model_of_another_signer_is_not_deployed(way: str, endpoint: Endpoint, signed: Path) -> None:
    given = ("--public-key", OTHER.public.pem) if way == "argument" else ()
    wanted = {} if way == "argument" else {PUBLIC: OTHER.public.pem}
    done = endpoint.deploy(signed, *given, **wanted)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "expected a model signed by the key" in done.stderr
    assert not (endpoint.state / "model").exists()
    assert not (endpoint.folder / "endpoint.json").exists()


# On a cluster


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serving(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"]}


@pytest.fixture
def cluster(served: Served, api: Api, s3: dict[str, str]) -> dict[str, str]:
    del api
    return {**s3, "KUBECONFIG": str(served.kubeconfig)}


def deployed(folder: Path, archive: Path, cluster: dict[str, str], *more: object) -> subprocess.CompletedProcess[str]:
    outputs = ("--endpoint", folder / "endpoint.json", "--url", folder / "url")
    fixed = ("--archive", archive, "--name", "signs", *outputs, "--state", "s3://signs/endpoint")
    return program("deploy", *fixed, *more, **cluster)


def test_pods_fetch_and_serve_under_the_key_that_the_step_was_given(
    tmp_path: Path, signed: Path, served: Served, cluster: dict[str, str]
) -> None:
    done = deployed(tmp_path, signed, cluster, "--public-key", KEY.public.pem)
    assert done.returncode == 0, done.stderr
    pod = served.api.get("Deployment", "signs")["spec"]["template"]["spec"]
    init, server = pod["initContainers"][0], pod["containers"][0]
    assert variables(init)[PUBLIC] == variables(server)[PUBLIC] == KEY.public.pem
    told = variables(init)
    fetch = ("fetch", "--uri", told["MODEL_URI"], "--digest", told["MODEL_DIGEST"], "--folder")
    asked = {**cluster, PUBLIC: told[PUBLIC]}
    assert program(*fetch, tmp_path / "one", module="package", **asked).returncode == 0
    refused = program(*fetch, tmp_path / "two", module="package", **{**asked, PUBLIC: OTHER.public.pem})
    assert (refused.returncode, (tmp_path / "two").exists()) == (1, False)


def test_one_model_signed_by_two_lies_at_two_places(
    tmp_path: Path, signed: Path, handler_archive: Path, cluster: dict[str, str]
) -> None:
    """Else the pods of a new key would fetch what the old one signed."""
    found = []
    for archive, key in ((handler_archive, None), (signed, KEY), (signed, OTHER)):
        if key is OTHER:
            sign(signed, OTHER)
        given = ("--public-key", key.public.pem) if key else ()
        done = deployed(tmp_path, archive, cluster, *given)
        assert done.returncode == 0, done.stderr
        found.append(json.loads((tmp_path / "endpoint.json").read_text())["archive"])
    digest = verify(signed).digest.replace(":", "-")
    assert found[0] == f"s3://signs/endpoint/models/signs/{digest}/model.tar.gz"
    assert len(set(found)) == 3
    assert all(f"/{digest}" in one for one in found)


def test_nothing_is_uploaded_or_applied_of_a_model_of_another_signer(
    tmp_path: Path, signed: Path, served: Served, cluster: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = deployed(tmp_path, signed, cluster, "--public-key", OTHER.public.pem, "--models", "s3://signs/untouched")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert served.api.kinds() == set()
    for name, value in cluster.items():
        monkeypatch.setenv(name, value)
    assert list(place("s3://signs/untouched").entries()) == []


def test_printed_manifests_hold_the_public_key_and_only_where_one_is_given() -> None:
    given = ("--name", "signs", "--archive", "s3://models/signs/model.tar.gz", "--digest", "sha256:" + "0" * 64)
    assert PUBLIC not in program("manifests", *given).stdout
    said = program("manifests", *given, "--public-key", KEY.public.pem).stdout
    assert said.count(f"name: {PUBLIC}") == 2
    wrong = program("manifests", *given, "--public-key", KEY.pem().decode())
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (1, "", 1)
    assert "PRIVATE KEY" not in wrong.stderr
