"""Deploying to a cluster: through the program and over HTTP, with a test in the place of controllers and kubelet."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from components.errors import EndpointError
from components.serve.deploy.kubernetes import fields, objects
from components.serve.deploy.kubernetes.cluster import MANAGER, Cluster
from components.serve.deploy.kubernetes.endpoints import Deploying, remove
from components.serve.deploy.kubernetes.placement import Placement
from components.serve.deploy.kubernetes.wanted import Endpoint
from tests.serve.kubernetes_api import Api, Served
from tests.serve.kubernetes_statuses import FETCH, SERVER, crashed, stuck, waiting

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND = "sha256:" + "1" * 64, "sha256:" + "2" * 64
G4DN = Placement({"node.kubernetes.io/instance-type": "g4dn.xlarge"}, ({"key": "nvidia.com/gpu"},), 1)


def endpoint(**given: Any) -> Endpoint:
    archive = "s3://models/traffic-signs/model.tar.gz"
    fixed = {"name": "traffic-signs", "archive": archive, "digest": FIRST, "image": "roadworthy/torch:0.1.0"}
    return Endpoint(**{**fixed, "replicas": 2, "max_replicas": 2, **given})


class Run:
    """One deployment, and what was said meanwhile."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, wanted: Endpoint, timeout: float = 5.0, patience: float = 0.1) -> Deploying:
        with Cluster() as cluster:
            deploying = Deploying(cluster, wanted, self.lines.append)
            deploying.run(timeout, patience)
            return deploying

    def remove(self, owner: str = "", timeout: float = 5.0) -> bool:
        with Cluster() as cluster:
            return remove(cluster, "traffic-signs", owner, timeout, self.lines.append)

    def fails(self, wanted: Endpoint, timeout: float = 5.0, patience: float = 0.1) -> str:
        with pytest.raises(EndpointError) as raised:
            self(wanted, timeout, patience)
        assert len(str(raised.value).splitlines()) == 1
        return str(raised.value)


@pytest.fixture
def run() -> Run:
    return Run()


# All goes well


def test_an_endpoint_is_applied_and_waited_for(api: Api, run: Run) -> None:
    deploying = run(endpoint(max_replicas=4))
    assert api.kinds() == set(objects.KINDS)
    assert deploying.url == "http://traffic-signs.signs.svc"
    assert "replicas" not in fields.applied(api.get("Deployment"), MANAGER)["spec"]  # they are the autoscaler's
    assert run.lines[-1].endswith("pods are ready")


def test_what_was_applied_is_read_back_from_the_object_just_as_it_was(api: Api, run: Run) -> None:
    wanted = endpoint(max_replicas=4, placement=G4DN, owner="me", options=("--capture-to", "s3://b/c"))
    run(wanted)
    for one in objects.rendered(wanted):
        assert fields.applied(api.get(one["kind"]), MANAGER) == one


def test_a_new_model_rolls_the_pods_and_the_same_one_does_not(api: Api, run: Run) -> None:
    run(endpoint())
    generation = api.get("Deployment")["metadata"]["generation"]
    run(endpoint())
    assert api.get("Deployment")["metadata"]["generation"] == generation
    run(endpoint(digest=SECOND))
    template = api.get("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert template["roadworthy/model"] == SECOND


def test_it_is_not_ready_while_an_old_pod_is_left(api: Api, run: Run) -> None:
    run(endpoint())

    def play(deployment: dict[str, Any]) -> None:
        api.ready(deployment)
        deployment["status"]["replicas"] = 3
        threading.Timer(0.3, lambda: deployment["status"].update(replicas=2)).start()

    api.on_apply = play
    run(endpoint(digest=SECOND))
    assert "traffic-signs: 1 of 2 pods are ready" in run.lines


def test_an_autoscaler_that_is_wanted_no_longer_is_removed(api: Api, run: Run) -> None:
    run(endpoint(max_replicas=4))
    run(endpoint())
    assert api.kinds() == set(objects.KINDS) - {"HorizontalPodAutoscaler"}


def test_an_api_server_that_is_busy_is_asked_again(api: Api, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.serve.deploy.kubernetes.cluster._PAUSE_SECONDS", 0.001)
    api.failing = 3
    run(endpoint())
    assert ("Deployment", "traffic-signs") in api.objects


# Why it cannot run

CASES = {
    "init container": (
        {FETCH: crashed("fetch: copying\nfetch: expected the model sha256:1, found sha256:2\n")},
        (),
        "expected the init container fetch to go on, found it ended with 1: fetch: copying fetch: expected the model",
    ),
    "crash": (
        {SERVER: crashed("\n".join(f"line {n}" for n in range(9)), 3)},
        (),
        "expected the container server to go on, found it ended with 3: line 6 line 7 line 8",
    ),
    "memory": (
        {SERVER: crashed("", 137, reason="OOMKilled")},
        (),
        "found it killed for more memory than it may use: give it more",
    ),
    "image": (
        {SERVER: waiting("ImagePullBackOff", "Back-off pulling image")},
        (),
        "expected to pull the image roadworthy/torch:0.1.0, found Back-off pulling image",
    ),
    "image's name": (
        {FETCH: waiting("InvalidImageName")},
        (),
        "expected the name of an image, found 'roadworthy/torch",
    ),
    "configuration": (
        {SERVER: waiting("CreateContainerConfigError", 'secret "x" not found')},
        (),
        'expected the container server to be made, found secret "x" not found',
    ),
    "eviction": (
        {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
        (),
        "expected the pod to run, found it ended: Evicted: The node was low on resource: memory.",
    ),
    "Pod Security": (
        {},
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',),
        "expected Pod Security to admit the pods, found pods",
    ),
    "quota": (
        {},
        ('pods "x" is forbidden: exceeded quota: few',),
        "expected room in the namespace's quota, found pods",
    ),
    "service account": (
        {},
        ('pods "x" is forbidden: serviceaccount "roadworthy-serving" not found',),
        "expected the pods' service account, found pods",
    ),
    "anything else": (
        {},
        ('admission webhook "w" denied it',),
        "expected the cluster to take the pods, found admission",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_says_why_and_takes_back_what_it_applied(case: str, api: Api, run: Run) -> None:
    status, messages, said = CASES[case]
    conditions = [{"type": "ReplicaFailure", "status": "True", "message": message} for message in messages]
    api.on_apply = stuck(api, *conditions, **status)
    told = run.fails(endpoint())
    assert said in told
    assert told.endswith("; rolled back: traffic-signs is removed, nothing ran before")
    assert api.kinds() == set()


def test_no_node_for_it_is_told_while_it_waits_and_when_the_time_is_over(api: Api, run: Run) -> None:
    message = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    api.on_apply = stuck(api, phase="Pending", conditions=[scheduled])
    told = run.fails(endpoint(placement=G4DN), timeout=0.3)
    assert "expected 2 pods of traffic-signs to be ready within 0.3 s, found 0" in told
    assert "expected a node with node.kubernetes.io/instance-type=g4dn.xlarge and room for the pod, found none" in told
    assert message in told
    assert message in run.lines[0]


def test_a_container_that_failed_once_is_given_another_chance(api: Api, run: Run) -> None:
    once = {**crashed("expected an object, found none of this key"), "restartCount": 0}
    api.on_apply = stuck(api, **{FETCH: once})
    threading.Timer(0.3, lambda: api.ready(api.get("Deployment"))).start()
    run(endpoint())
    assert any("found none of this key" in line for line in run.lines)


def test_what_passes_within_the_patience_is_no_failure(api: Api, run: Run) -> None:
    api.on_apply = stuck(api, **{SERVER: waiting("ErrImagePull", "registry is slow")})
    threading.Timer(0.3, lambda: api.ready(api.get("Deployment"))).start()
    run(endpoint(), patience=5.0)


def test_pods_of_an_older_revision_are_not_blamed(api: Api, run: Run) -> None:
    run(endpoint())

    def play(deployment: dict[str, Any]) -> None:
        api.waiting(deployment, old=1)
        for key, pod in api.objects.items():
            if key[0] == "Pod":
                pod["status"] = {SERVER: [{"name": "server", **crashed("old and broken")}]}
        threading.Timer(0.3, lambda: api.ready(deployment)).start()

    api.on_apply = play
    run(endpoint(digest=SECOND))
    assert not any("old and broken" in line for line in run.lines)


# The way back


def test_a_failed_rollout_leaves_what_ran_before(api: Api, run: Run) -> None:
    run(endpoint(max_replicas=4, options=("--max-batch", "4")))
    before = {kind: fields.applied(api.get(kind), MANAGER) for kind in objects.KINDS}

    def play(deployment: dict[str, Any]) -> None:
        broken = deployment["metadata"]["annotations"]["roadworthy/model"] == SECOND
        (stuck(api, old=2, **{SERVER: crashed("no such gadget")}) if broken else api.ready)(deployment)

    api.on_apply = play
    told = run.fails(endpoint(digest=SECOND, memory="4Gi"))
    assert "no such gadget" in told
    assert told.endswith(f"; rolled back to {FIRST}, which is ready")
    assert {kind: fields.applied(api.get(kind), MANAGER) for kind in objects.KINDS} == before


def test_what_ran_before_is_told_if_it_is_not_whole_either(api: Api, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.serve.deploy.kubernetes.endpoints.SETTLE_SECONDS", 0.1)
    run(endpoint())
    api.on_apply = stuck(api, **{SERVER: crashed("the store is gone")})
    told = run.fails(endpoint(digest=SECOND))
    assert f"; rolled back to {FIRST}, which is not whole: expected the container server to go on" in told


def test_a_rollback_that_is_refused_is_told_beside_the_reason(api: Api, run: Run) -> None:
    api.on_apply = stuck(api, **{SERVER: crashed("no such gadget")})
    api.denied.add(("delete", "Deployment"))
    told = run.fails(endpoint())
    assert "no such gadget" in told
    assert "; could not be rolled back: delete Deployment traffic-signs: expected the right to do so" in told


def test_a_deployment_that_someone_changes_meanwhile_is_not_waited_for(api: Api, run: Run) -> None:
    api.on_apply = stuck(api)

    def change() -> None:
        api.get("Deployment")["spec"]["template"]["metadata"]["annotations"]["roadworthy/revision"] = "another"

    threading.Timer(0.2, change).start()
    assert "found it removed or changed since" in run.fails(endpoint())


def test_whoever_stops_the_deployment_gets_what_ran_before(api: Api, run: Run) -> None:
    class Stopped(BaseException):
        pass

    def tell(line: str) -> None:
        run.lines.append(line)
        if "rolled back" not in line:
            raise Stopped

    api.on_apply = stuck(api)
    with pytest.raises(Stopped), Cluster() as cluster:
        Deploying(cluster, endpoint(), tell).run(5.0)
    assert run.lines[-1] == "rolled back: traffic-signs is removed, nothing ran before"
    assert api.kinds() == set()


# What is not ours


def test_a_field_that_another_has_set_is_named(api: Api, run: Run) -> None:
    run(endpoint())
    path = ("f:spec", "f:replicas")
    api.edit("kubectl-edit", "Deployment", lambda live: live["spec"].update(replicas=5), path)
    told = run.fails(endpoint(replicas=3, max_replicas=3))
    assert "expected all that is applied to be ours, found fields that others have set: " in told
    assert '.spec.replicas (conflict with "kubectl-edit")' in told
    assert told.endswith("which is ready")


@pytest.mark.parametrize("kind", objects.KINDS)
def test_an_object_of_another_maker_is_neither_changed_nor_removed(kind: str, api: Api, run: Run) -> None:
    (made,) = (one for one in objects.rendered(endpoint(max_replicas=4)) if one["kind"] == kind)
    api.apply(kind, "traffic-signs", made, "kustomize-controller", False)
    before = json.dumps(api.get(kind))
    refusal = f"expected no {kind} traffic-signs but one that we applied, found one that kustomize-controller made"
    assert refusal in run.fails(endpoint(max_replicas=4))
    with pytest.raises(EndpointError, match=refusal):
        run.remove()
    assert json.dumps(api.get(kind)) == before
    assert api.kinds() == {kind}


def test_the_endpoint_of_another_run_is_neither_changed_nor_removed(api: Api, run: Run) -> None:
    run(endpoint(owner="s3://runs/a/endpoint"))
    told = run.fails(endpoint(owner="s3://runs/b/endpoint"))
    assert "found the one of s3://runs/a/endpoint: undeploy it first, or give this one another name" in told
    assert not run.remove("s3://runs/b/endpoint")
    assert run.lines[-1] == "traffic-signs was deployed by s3://runs/a/endpoint: it stays"
    assert run.remove("s3://runs/a/endpoint")
    assert api.kinds() == set()


def test_an_endpoint_that_stands_is_removed_by_whoever_names_no_owner(api: Api, run: Run) -> None:
    run(endpoint(owner="s3://runs/a/endpoint"))
    assert run.remove()
    assert not run.remove()


@pytest.mark.parametrize(
    ("verb", "kind"), [("patch", "Deployment"), ("get", "Service"), ("list", "Pod"), ("patch", "PodDisruptionBudget")]
)
def test_a_right_that_is_missing_is_named(verb: str, kind: str, api: Api, run: Run) -> None:
    api.on_apply = stuck(api)
    api.denied.add((verb, kind))
    told = run.fails(endpoint())
    assert f"{verb} {kind}" in told
    assert f"expected the right to do so in the namespace signs, found {kind.lower()[:-1]}" in told


def test_the_service_goes_last_and_only_when_the_pods_have_left(api: Api, run: Run) -> None:
    run(endpoint(max_replicas=4))
    leaving = api.pod(api.get("Deployment"), phase="Running")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"

    def linger(kind: str, name: str) -> None:
        if kind == "Deployment":
            api.objects["Pod", "leaving"] = leaving
            threading.Timer(0.3, lambda: api.objects.pop(("Pod", "leaving"))).start()

    api.on_delete = linger
    started = time.monotonic()
    assert run.remove()
    assert time.monotonic() - started >= 0.3
    assert [one for one in api.asked if one.startswith("delete")][-1] == "delete Service"


def test_pods_that_do_not_even_begin_to_leave_are_an_error(api: Api, run: Run) -> None:
    run(endpoint())
    staying = api.pod(api.get("Deployment"), phase="Running")
    api.on_delete = lambda kind, name: (
        api.objects.update({("Pod", "staying"): staying}) if kind == "Deployment" else None
    )
    with pytest.raises(
        EndpointError, match=r"expected the pods of traffic-signs to leave within 0\.2 s, found traffic"
    ):
        run.remove("", 0.2)
    assert ("Service", "traffic-signs") not in api.objects
    staying["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"
    api.apply("Service", "traffic-signs", objects.service(endpoint()), MANAGER, False)
    assert run.remove("", 0.2)


# Reaching the cluster


def test_a_cluster_that_is_not_there_is_told(run: Run, monkeypatch: pytest.MonkeyPatch, served: Served) -> None:
    monkeypatch.setattr("components.serve.deploy.kubernetes.cluster._PAUSE_SECONDS", 0.001)
    served.configure("another-token")
    told = run.fails(endpoint())
    assert "takes, found them refused" in told
    assert "another-token" not in told
    served.server.server_close()
    monkeypatch.setenv("KUBECONFIG", str(ROOT / "nothing"))
    assert "expected a cluster, by KUBECONFIG or as a pod of one, found none" in run.fails(endpoint())


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{", "a: 1", "clusters: 3", "\0", "&a [*a]"),
        "current-context: x\nclusters: []\ncontexts: []",
        "contexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'https://c'}}]",
        "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 3}}]",
    ],
)
def test_a_file_that_names_no_cluster_is_told_in_one_line(
    content: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "broken"))
    assert "expected a cluster, by KUBECONFIG or as a pod of one, found none: " in run.fails(endpoint())


def test_a_step_that_is_a_pod_gives_its_endpoint_its_own_image(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    containers = [{"name": "wait", "image": "argoexec"}, {"name": "main", "image": "mirror/roadworthy/torch@sha256:1"}]
    api.objects["Pod", "step-7"] = {"metadata": {"name": "step-7"}, "spec": {"containers": containers}}
    monkeypatch.setenv("HOSTNAME", "step-7")
    with Cluster() as cluster:
        assert cluster.own_image() == ""
        cluster.inside = True
        assert cluster.own_image() == "mirror/roadworthy/torch@sha256:1"
        api.denied.add(("get", "Pod"))
        assert cluster.own_image() == ""
