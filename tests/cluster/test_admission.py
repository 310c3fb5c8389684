"""Pod Security ``restricted`` on the namespace that ``manifests/cluster`` makes: it refuses, and admits all of ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from cluster_overlay import MANIFESTS, kubectl
from cluster_room import RESTRICTED, USER, Room

from components.artifacts import image

SOUND: dict[str, Any] = {
    "securityContext": USER,
    "containers": [{"name": "main", "image": image("analysis"), "securityContext": RESTRICTED}],
}
SPOILT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "privileged": lambda pod: pod["containers"][0].update(securityContext={"privileged": True}),
    "runAsNonRoot": lambda pod: pod.update(securityContext={**USER, "runAsNonRoot": False}),
    "seccompProfile": lambda pod: pod["securityContext"].pop("seccompProfile"),
    "unrestricted capabilities": lambda pod: pod["containers"][0]["securityContext"].pop("capabilities"),
    "allowPrivilegeEscalation": lambda pod: pod["containers"][0]["securityContext"].pop("allowPrivilegeEscalation"),
    "host namespaces": lambda pod: pod.update(hostNetwork=True),
    "hostPath": lambda pod: pod.update(volumes=[{"name": "host", "hostPath": {"path": "/"}}]),
}

pytestmark = pytest.mark.timeout(900)


def asked(room: Room, spec: dict[str, Any]) -> None:
    """Asks the API server for a pod without making it.

    Raises:
        AssertionError: It refuses.
    """
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "asked-"}, "spec": spec}
    room.kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(pod))


@pytest.mark.parametrize("what", SPOILT)
def test_a_pod_that_wants_more_is_refused(ground: Room, what: str) -> None:
    asked(ground, SOUND)
    spoilt = copy.deepcopy(SOUND)
    SPOILT[what](spoilt)
    with pytest.raises(AssertionError, match=f'violates PodSecurity "restricted.*{what}'):
        asked(ground, spoilt)


@pytest.mark.parametrize("overlay", ["kind", "prod", "g4dn"])
def test_every_pod_of_an_overlay_is_admitted(ground: Room, overlay: str) -> None:
    text = kubectl("kustomize", str(MANIFESTS / "overlays" / overlay))
    deployments = [one for one in yaml.safe_load_all(text) if one["kind"] == "Deployment"]
    assert deployments
    for one in deployments:
        spec = one["spec"]["template"]["spec"]
        spec.pop("priorityClassName", None)  # of the cluster, not of the namespace
        asked(ground, spec)
