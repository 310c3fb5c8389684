"""The objects of an endpoint: the golden file, and what holds for every one of them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import InputError
from components.serve import program, transport
from components.serve.deploy.kubernetes import objects, pods, rollout
from components.serve.deploy.kubernetes.placement import Placement
from components.serve.deploy.kubernetes.wanted import Endpoint

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "manifests" / "base" / "serving" / "endpoint.yaml"
FIXED = {
    "name": "signs",
    "archive": "s3://models/signs/model.tar.gz",
    "digest": "sha256:" + "1" * 64,
    "image": "roadworthy/torch:0.1.0",
}

LABELS = st.dictionaries(st.text("abc./", min_size=1), st.text("abc", min_size=1), max_size=2)
TOLERATIONS = st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from(["nvidia.com/gpu", "spot"])}, optional={"toleration_seconds": st.just(3)}
    )
)
QUANTITIES = st.sampled_from(["1", "500m", "2.5", "3"])
SIZES = st.sampled_from(["512Mi", "14G", "2Gi"])
PLACEMENTS = st.builds(
    lambda labels, taints, gpus, *more: Placement(labels, taints, gpus if labels or taints else 0, *more),
    LABELS,
    TOLERATIONS,
    st.integers(0, 8),
    st.just("") | QUANTITIES,
    st.just("") | SIZES,
    st.just("") | SIZES,
)
ENDPOINTS = st.builds(
    lambda fewest, more, **given: Endpoint(**FIXED, replicas=fewest, max_replicas=fewest + more, **given),
    st.integers(1, 9),
    st.integers(0, 9),
    owner=st.text(),
    namespace=st.sampled_from(["", "traffic"]),
    cpu=QUANTITIES,
    memory=SIZES,
    placement=PLACEMENTS,
    options=st.lists(st.text(max_size=8), max_size=3),
)


# A machine that is busy is no failure.
LAW = settings(max_examples=40)


def manifests(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components.serve", "manifests", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def by_kind(endpoint: Endpoint) -> dict[str, Any]:
    return {one["kind"]: one for one in objects.rendered(endpoint)}


def test_the_file_in_the_repository_is_what_its_command_prints() -> None:
    recipe = (ROOT / "Makefile").read_text().replace("\\\n", " ").replace("$$(printf '%064d' 0)", "0" * 64)
    (line,) = (one for one in recipe.splitlines() if "components.serve manifests" in one)
    arguments = shlex.split(line.partition("manifests")[2].partition(">")[0])
    printed = manifests(*arguments)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout == GOLDEN.read_text()


@LAW
@given(ENDPOINTS)
def test_the_same_endpoint_gives_the_same_bytes_and_they_say_what_the_objects_say(endpoint: Endpoint) -> None:
    text = objects.as_yaml(objects.rendered(endpoint))
    assert text == objects.as_yaml(objects.rendered(endpoint))
    assert list(yaml.safe_load_all(text)) == objects.rendered(endpoint)
    assert not re.search(r"[&*]id0", text)


@LAW
@given(ENDPOINTS)
def test_every_pod_holds_to_pod_security_restricted(endpoint: Endpoint) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, rule by rule."""
    pod = by_kind(endpoint)["Deployment"]["spec"]["template"]["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all(set(volume) - {"name"} == {"emptyDir"} for volume in pod["volumes"])
    for container in [*pod["initContainers"], *pod["containers"]]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
        assert "privileged" not in security
        assert not any("hostPort" in port for port in container.get("ports", []))
    assert pod["automountServiceAccountToken"] is False


@LAW
@given(ENDPOINTS)
def test_whatever_is_mounted_is_a_volume_and_every_volume_is_mounted(endpoint: Endpoint) -> None:
    pod = by_kind(endpoint)["Deployment"]["spec"]["template"]["spec"]
    mounted = {one["name"] for part in ("initContainers", "containers") for c in pod[part] for one in c["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


@LAW
@given(ENDPOINTS)
def test_all_objects_find_the_pods_and_each_other(endpoint: Endpoint) -> None:
    found = by_kind(endpoint)
    template = found["Deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    assert found["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels
    assert found["Service"]["spec"]["selector"].items() <= labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels
    (port,) = template["spec"]["containers"][0]["ports"]
    assert found["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    for one in found.values():
        assert one["metadata"]["labels"] | {"app.kubernetes.io/part-of": "roadworthy"} == one["metadata"]["labels"]
        assert one["metadata"].get("namespace", "") == endpoint.namespace


@LAW
@given(ENDPOINTS)
def test_the_number_of_pods_has_one_owner(endpoint: Endpoint) -> None:
    found = by_kind(endpoint)
    assert ("HorizontalPodAutoscaler" in found) != ("replicas" in found["Deployment"]["spec"])


@LAW
@given(ENDPOINTS, ENDPOINTS)
def test_pods_are_of_one_revision_if_and_only_if_they_are_alike(one: Endpoint, other: Endpoint) -> None:
    first, second = (by_kind(endpoint)["Deployment"] for endpoint in (one, other))
    alike = first["spec"]["template"]["spec"] == second["spec"]["template"]["spec"]
    assert alike == (objects.revision(first) == objects.revision(second))


@LAW
@given(st.lists(st.text(alphabet="$(ab)", max_size=6), max_size=3))
def test_the_kubelet_gives_the_servers_arguments_back_as_they_were(options: list[str]) -> None:
    (server,) = by_kind(Endpoint(**FIXED, options=options))["Deployment"]["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one["value"] for one in server["env"]}

    def kubelet(text: str) -> str:
        """As k8s.io/kubernetes/third_party/forked/golang/expansion does it."""
        return re.sub(r"\$\$|\$\((\w*)\)", lambda m: "$" if m[0] == "$$" else variables.get(m[1], m[0]), text)

    found = [kubelet(one) for one in server["args"]]
    assert found[found.index("--digest") + 1] == FIXED["digest"]
    assert found[len(found) - len(options) :] == options


def test_the_servers_arguments_are_ones_it_takes() -> None:
    placed = Placement(gpus=1, cpu="3", node_selector={"a": "b"})
    (server,) = by_kind(Endpoint(**FIXED, placement=placed))["Deployment"]["spec"]["template"]["spec"]["containers"]
    args = program.parser().parse_args(server["args"])
    assert (args.host, args.port, args.threads, args.drain_delay) == ("0.0.0.0", pods.PORT, 3, pods.DRAIN_DELAY)
    assert server["command"] == ["python", "-m", "components.serve", "run"]


def test_the_kubelet_waits_for_as_long_as_the_server_may_drain() -> None:
    capture = 5.0  # app.Server closes it within that
    assert transport.DRAIN_SECONDS + pods.DRAIN_DELAY + capture < pods.GRACE
    assert rollout.POLL_SECONDS < pods.DRAIN_DELAY


def test_gpus_are_the_servers_alone_and_nodes_the_pods() -> None:
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "toleration_seconds": 3}
    g4dn = Placement({"node.kubernetes.io/instance-type": "g4dn.xlarge"}, [toleration], 1, "3", "14G", "2Gi")
    pod = by_kind(Endpoint(**FIXED, placement=g4dn))["Deployment"]["spec"]["template"]["spec"]
    asked = {"cpu": "3", "memory": "14G"}
    assert pod["initContainers"][0]["resources"] == {"requests": asked, "limits": {"memory": "14G"}}
    assert pod["containers"][0]["resources"] == {
        "requests": {**asked, "nvidia.com/gpu": "1"},
        "limits": {"memory": "14G", "nvidia.com/gpu": "1"},
    }
    assert pod["nodeSelector"] == {"node.kubernetes.io/instance-type": "g4dn.xlarge"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "tolerationSeconds": 3}]
    assert {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}} in pod["volumes"]


@pytest.mark.parametrize(
    ("given_wrong", "said"),
    [
        ({"name": "Signs"}, "name: expected at most 63 of a-z, 0-9 and '-'"),
        ({"name": "a" * 64}, "name: expected at most 63"),
        ({"name": "-a"}, "name: expected"),
        ({"digest": "sha256:1"}, "digest: expected sha256: and 64 hexadecimal digits, found 'sha256:1'"),
        ({"image": "a b"}, "image: expected the name of an image"),
        ({"replicas": 0}, "replicas: expected 1 ≤ replicas ≤ max_replicas, found 0 and 1"),
        ({"replicas": 2}, "found 2 and 1"),
        ({"cpu": "one"}, "cpu: expected a quantity as Kubernetes writes it, found 'one'"),
        ({"cpu": ""}, "cpu: expected a quantity, found none"),
        ({"memory": "2GiB"}, "memory: expected a quantity"),
        ({"namespace": "a.b"}, "namespace: expected"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_here(given_wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as raised:
        Endpoint(**{**FIXED, **given_wrong})
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "placement: expected a JSON object of node_selector, tolerations, gpus"),
        ("{", "placement: expected a JSON object"),
        ('{"nodeSelector": {}}', "placement: expected a JSON object"),
        ('{"node_selector": {"gpu": true}}', "placement: node_selector: expected labels and values as texts"),
        ('{"node_selector": {"gpu": ""}}', "texts that are not empty"),
        ('{"gpus": true}', "placement: gpus: expected a whole number from 0 to 64"),
        ('{"gpus": 1}', "expected one of them with gpus, found neither"),
        ('{"tolerations": [{"taint": "x"}]}', "tolerations: expected objects of effect, key"),
        ('{"tolerations": "x"}', "tolerations: expected a list"),
        ('{"cpu": 3}', "cpu: expected a quantity"),
    ],
)
def test_a_placement_without_sense_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        Placement.from_json(text)
    assert said in str(raised.value)


def test_wrong_manifests_are_one_line_and_nothing_is_printed() -> None:
    fixed = ("--name", "signs", "--digest", FIXED["digest"], "--archive")
    for wrong, said in (
        ((*fixed, "models/model.tar.gz"), "--archive: expected a place that pods share, s3://…, found file://"),
        ((*fixed, FIXED["archive"], "--capture-to", "captured"), "--capture-to: expected a place that pods share"),
        ((*fixed, FIXED["archive"], "--cpu", "much"), "cpu: expected a quantity"),
    ):
        found = manifests(*wrong)
        assert (found.returncode, found.stdout, found.stderr.count("\n")) == (1, "", 1)
        assert said in found.stderr
