"""What a cluster lacks: ``roadworthy submit`` says what was expected, and its exit status is the run's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from cluster_overlay import kubectl
from cluster_room import Room

from pipelines.placement import PROFILES

PATIENCE = ("--timeout", "240")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def ended(done: subprocess.CompletedProcess[str], status: int) -> str:
    """The one text with line ends as spaces, of a run that ended as it should."""
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    return " ".join(done.stderr.split())


def test_no_gpu_node(ground: Room) -> None:
    selector = PROFILES["g4dn"].node_selector
    labels = ",".join(f"{name}={value}" for name, value in selector.items())
    if json.loads(kubectl("get", "nodes", "-l", labels, "-o", "json"))["items"]:
        pytest.skip(f"expected a cluster without nodes of {labels}, found some")
    text = ended(ground.submit("cluster_probes:asks_for_a_gpu", "--profile", "g4dn", "--timeout", "40"), 124)
    ground.kubectl("delete", "workflows", "-l", "app.kubernetes.io/name=asks-for-a-gpu")
    assert "step 'python' waits: Unschedulable" in text
    assert f"expected a node with the label {labels.replace(',', ' and ')}, " in text
    assert "nvidia.com/gpu 1" in text
    assert "choose another --profile" in text


def test_too_little_memory(ground: Room) -> None:
    text = ended(ground.submit("cluster_probes:fills", *PATIENCE), 1)
    assert "OOMKilled" in text
    assert "expected it to fit into its memory (limit 64Mi)" in text


def test_no_bucket_for_what_a_pipeline_is_given(ground: Room) -> None:
    absent = "s3://no-such-bucket"
    given = {"place": f"{absent}/captured", "archive": f"{absent}/model.tar.gz", "baseline": f"{absent}/baseline"}
    text = ended(ground.submit("monitoring", *PATIENCE, **given), 1)
    assert "step 'capture' failed" in text
    assert f"capture: listing {absent}/captured: found no bucket no-such-bucket" in text


@pytest.fixture
def without_a_bucket(ground: Room) -> Iterator[Room]:
    """The room while its artifact repository names a bucket that is not there."""
    before = ground.get("configmap", "artifact-repositories")["data"]
    settings = yaml.safe_load(before["s3"])
    settings["s3"]["bucket"] = "no-such-bucket"
    for data in ({"s3": yaml.safe_dump(settings)}, before):
        ground.kubectl("patch", "configmap", "artifact-repositories", "--type=merge", "-p", json.dumps({"data": data}))
        if data is not before:
            yield ground


def test_no_bucket_for_what_a_pipeline_makes(without_a_bucket: Room) -> None:
    text = ended(without_a_bucket.submit("cluster_probes:says", *PATIENCE), 1)
    assert "step 'python' failed" in text
    assert "expected an artifact repository of the S3 kind as the namespace's default" in text
    assert "no-such-bucket" in text or "bucket does not exist" in text


@pytest.fixture
def without_rights(ground: Room) -> Iterator[Room]:
    """The room while the pipelines' account may not say what a step made."""
    (binding,) = (
        one for one in ground.objects if (one["kind"], one["metadata"]["name"]) == ("RoleBinding", "workflow-executor")
    )
    ground.kubectl("delete", "rolebinding", "workflow-executor")
    yield ground
    ground.apply(binding)


def test_an_account_without_the_rights_of_argos_executor(without_rights: Room) -> None:
    text = ended(without_rights.submit("cluster_probes:says", *PATIENCE), 1)
    assert "expected roadworthy-pipelines to have the right to create and patch workflowtaskresults" in text


@pytest.fixture
def without_an_account(ground: Room) -> Iterator[Room]:
    """The room while the pipelines' account is not there."""
    (account,) = (
        one
        for one in ground.objects
        if (one["kind"], one["metadata"]["name"]) == ("ServiceAccount", "roadworthy-pipelines")
    )
    ground.kubectl("delete", "serviceaccount", "roadworthy-pipelines")
    yield ground
    ground.apply(account)


def test_an_account_that_is_not_there(without_an_account: Room) -> None:
    text = ended(without_an_account.submit("cluster_probes:says", *PATIENCE), 2)
    assert (
        f"expected the ServiceAccount roadworthy-pipelines in namespace {without_an_account.name}, found none" in text
    )
