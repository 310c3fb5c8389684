"""Deploying to a real API server: its own admission, merging, controllers and scheduler.

No pod has to run for this, so no image has to be there: the endpoints ask for nodes that no cluster has, and the tests
say of their pods what a kubelet would. Needs a cluster whose KUBECONFIG may make namespaces.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.errors import EndpointError
from components.serve.deploy.kubernetes import fields, objects
from components.serve.deploy.kubernetes.cluster import MANAGER, Cluster
from components.serve.deploy.kubernetes.endpoints import Deploying, remove
from components.serve.deploy.kubernetes.placement import Placement
from components.serve.deploy.kubernetes.wanted import Endpoint

FIRST, SECOND = "sha256:" + "1" * 64, "sha256:" + "2" * 64
NOWHERE = Placement({"roadworthy/no-node-has-this": "true"})
NOW = "2026-01-01T00:00:00Z"

pytestmark = pytest.mark.timeout(300)


class Room:
    """A namespace of its own, under Pod Security ``restricted``."""

    def __init__(self, name: str) -> None:
        from lightkube import Client

        self.name = name
        self.client = Client(namespace=name)
        self.lines: list[str] = []

    def make(self, kind: str, name: str, **content: Any) -> None:
        from lightkube.resources import core_v1

        made = getattr(core_v1, kind)
        self.client.create(made.from_dict({"metadata": {"name": name, **content.pop("metadata", {})}, **content}))

    def deploy(self, wanted: Endpoint, timeout: float = 60.0) -> Deploying:
        with Cluster(self.name) as cluster:
            deploying = Deploying(cluster, wanted, self.lines.append)
            deploying.run(timeout, 5.0)
            return deploying

    def remove(self) -> bool:
        with Cluster(self.name) as cluster:
            return remove(cluster, "signs", "", 60.0, self.lines.append)

    def fails(self, wanted: Endpoint, timeout: float = 60.0) -> str:
        with pytest.raises(EndpointError) as raised:
            self.deploy(wanted, timeout)
        assert len(str(raised.value).splitlines()) == 1
        return str(raised.value)

    def applied(self) -> dict[str, Any]:
        with Cluster(self.name) as cluster:
            live = {kind: cluster.get(kind, "signs") for kind in objects.KINDS}
        return {kind: fields.applied(one, MANAGER) for kind, one in live.items() if one is not None}


RIGHTS = [
    {"apiGroups": [group], "resources": [resource], "verbs": ["get", "create", "patch", "delete"]}
    for group, resource in (
        ("apps", "deployments"),
        ("", "services"),
        ("autoscaling", "horizontalpodautoscalers"),
        ("policy", "poddisruptionbudgets"),
    )
] + [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
"""All that deploying needs, as components/serve/README.md says it."""


class Kubelet(threading.Thread):
    """Says of each pod of a model what ``states`` has for it, until it is stopped."""

    def __init__(self, room: Room, states: dict[str, dict[str, Any]]) -> None:
        super().__init__(daemon=True)
        self._room, self._states, self._over = room, states, threading.Event()

    def __enter__(self) -> Kubelet:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        from httpx2 import HTTPError

        while not self._over.wait(0.3):
            with suppress(HTTPError):  # a pod may have gone since, or the server be busy: there is a next time
                self._look()

    def _look(self) -> None:
        from lightkube.resources.core_v1 import Pod, PodStatus
        from lightkube.types import PatchType

        for pod in self._room.client.list(Pod):
            status = self._states.get((pod.metadata.annotations or {}).get(objects.MODEL, ""))
            if status is not None and not (pod.status and pod.status.containerStatuses):
                self._room.client.patch(PodStatus, pod.metadata.name, {"status": status}, patch_type=PatchType.MERGE)


def container(**state: Any) -> dict[str, Any]:
    return {
        "name": "server",
        "image": "roadworthy/torch:0.1.0",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
    } | state


READY = {
    "phase": "Running",
    "startTime": NOW,
    "conditions": [
        {"type": kind, "status": "True", "lastTransitionTime": NOW}
        for kind in ("PodScheduled", "ContainersReady", "Ready")
    ],
    "containerStatuses": [container(ready=True, state={"running": {"startedAt": NOW}})],
}
ENDED = {"exitCode": 1, "reason": "Error", "message": "serve: expected weights that fit, found others\n"}
CRASHED = {
    "phase": "Running",
    "startTime": NOW,
    "containerStatuses": [
        container(
            restartCount=1,
            state={"waiting": {"reason": "CrashLoopBackOff"}},
            lastState={"terminated": {**ENDED, "startedAt": NOW, "finishedAt": NOW}},
        )
    ],
}


@pytest.fixture
def room() -> Iterator[Room]:
    from httpx2 import HTTPError
    from lightkube.resources.core_v1 import Namespace

    found = Room(f"deploy-{uuid.uuid4().hex[:8]}")
    try:
        found.make("Namespace", found.name, metadata={"labels": {"pod-security.kubernetes.io/enforce": "restricted"}})
    except HTTPError as error:
        pytest.skip(f"no cluster: KUBECONFIG names one that gives no namespace ({type(error).__name__})")
    found.make("ServiceAccount", "roadworthy-serving")
    name = found.name
    yield found
    found.client.delete(Namespace, name)
    found.client.close()


def endpoint(**given: Any) -> Endpoint:
    fixed = {"name": "signs", "archive": "s3://models/signs/model.tar.gz", "image": "roadworthy/torch:0.1.0"}
    return Endpoint(**{**fixed, "digest": FIRST, "placement": NOWHERE, "replicas": 2, "max_replicas": 2, **given})


def test_an_endpoint_is_deployed_changed_and_removed(room: Room) -> None:
    with Kubelet(room, {FIRST: READY, SECOND: READY}):
        assert room.deploy(endpoint(max_replicas=4)).url == f"http://signs.{room.name}.svc"
        wanted = {one["kind"]: one for one in objects.rendered(endpoint(max_replicas=4))}
        assert room.applied() == wanted
        room.deploy(endpoint(digest=SECOND))
    assert set(room.applied()) == set(objects.KINDS) - {"HorizontalPodAutoscaler"}
    assert room.remove()
    assert room.applied() == {}
    with Cluster(room.name) as cluster:
        assert cluster.pods(objects.selector("signs")) == []
    assert not room.remove()


def test_pods_that_crash_are_taken_back_with_their_last_words(room: Room) -> None:
    with Kubelet(room, {FIRST: READY, SECOND: CRASHED}):
        room.deploy(endpoint(options=("--max-batch", "4")))
        before = room.applied()
        told = room.fails(endpoint(digest=SECOND, memory="4Gi"))
    assert "found it ended with 1: serve: expected weights that fit, found others" in told
    assert told.endswith(f"; rolled back to {FIRST}, which is ready")
    assert room.applied() == before


def test_no_node_for_the_pods_is_told_with_what_they_ask_for(room: Room) -> None:
    g4dn = Placement({"node.kubernetes.io/instance-type": "g4dn.no-such-size"}, ({"key": "nvidia.com/gpu"},), 1)
    told = room.fails(endpoint(placement=g4dn), timeout=8.0)
    assert "expected a node with node.kubernetes.io/instance-type=g4dn.no-such-size and room for the pod" in told
    assert told.endswith("rolled back: signs is removed, nothing ran before")
    assert room.applied() == {}


def test_a_namespace_without_the_service_account_is_told(room: Room) -> None:
    from lightkube.resources.core_v1 import ServiceAccount

    room.client.delete(ServiceAccount, "roadworthy-serving")
    assert 'serviceaccount "roadworthy-serving" not found' in room.fails(endpoint())


def test_a_quota_without_room_is_told(room: Room) -> None:
    room.make("ResourceQuota", "small", spec={"hard": {"pods": "0"}})
    time.sleep(1.0)
    told = room.fails(endpoint())
    assert "expected room in the namespace's quota, found" in told
    assert "exceeded quota: small" in told


def test_a_field_that_another_has_set_is_named_and_stays(room: Room) -> None:
    from lightkube.resources.apps_v1 import Deployment
    from lightkube.types import PatchType

    with Kubelet(room, {FIRST: READY}):
        room.deploy(endpoint())
        scaled = {"spec": {"replicas": 3}}
        room.client.patch(Deployment, "signs", scaled, patch_type=PatchType.MERGE, field_manager="someone")
        told = room.fails(endpoint(replicas=4, max_replicas=4))
    assert "fields that others have set" in told
    assert 'conflict with "someone"' in told
    assert ".spec.replicas" in told
    with Cluster(room.name) as cluster:
        live = cluster.get("Deployment", "signs")
    assert live is not None
    assert live["spec"]["replicas"] == 3


def as_account(room: Room, folder: Path, rules: list[dict[str, Any]]) -> Path:
    """A kubeconfig for a service account with these rights in the namespace."""
    from lightkube.resources import core_v1, rbac_authorization_v1

    named = {"metadata": {"name": "deployer"}}
    subject = {"kind": "ServiceAccount", "name": "deployer", "namespace": room.name}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"}
    room.make("ServiceAccount", "deployer")
    room.client.create(rbac_authorization_v1.Role.from_dict({**named, "rules": rules}))
    bound = {**named, "roleRef": reference, "subjects": [subject]}
    room.client.create(rbac_authorization_v1.RoleBinding.from_dict(bound))
    asked = core_v1.ServiceAccountToken.from_dict(
        {"metadata": {}, "spec": {"audiences": [], "expirationSeconds": 3600}}
    )
    token = room.client.create(asked, "deployer").status.token
    content = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    content["users"] = [{"name": "deployer", "user": {"token": token}}]
    for context in content["contexts"]:
        context["context"] |= {"user": "deployer", "namespace": room.name}
    (folder / "kubeconfig").write_text(yaml.safe_dump(content))
    return folder / "kubeconfig"


def test_a_service_account_needs_the_rights_that_the_readme_lists_and_no_other(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = as_account(room, tmp_path, RIGHTS)
    with Kubelet(room, {FIRST: READY, SECOND: READY}):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        room.deploy(endpoint(max_replicas=4))
        room.deploy(endpoint(digest=SECOND))
        assert room.remove()


def test_a_service_account_without_a_right_is_told_which(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [rule for rule in RIGHTS if rule["resources"] != ["poddisruptionbudgets"]]
    monkeypatch.setenv("KUBECONFIG", str(as_account(room, tmp_path, few)))
    told = room.fails(endpoint())
    assert "get PodDisruptionBudget signs: expected the right to do so in the namespace" in told
    assert 'cannot get resource "poddisruptionbudgets" in API group "policy"' in told


def test_a_namespace_that_is_not_there_is_told(room: Room) -> None:
    room.name += "-not"
    with pytest.raises(EndpointError, match=r"expected the namespace .*-not, found none of this name"):
        room.deploy(endpoint())
