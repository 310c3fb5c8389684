"""NetworkPolicies let through what each part needs, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import kustomize  # noqa: E402
import network_lint  # noqa: E402
from network_lint import Peer  # noqa: E402

NAMES = Peer(namespace={"kubernetes.io/metadata.name": "kube-system"})
BUCKET = Peer(address="52.219.1.1")
METADATA = Peer(address="169.254.169.254")
API = Peer(address="10.0.0.10")
CLIENT = Peer(namespace={"kubernetes.io/metadata.name": "shop", "roadworthy/clients": "allowed"})
STRANGER = Peer(namespace={"kubernetes.io/metadata.name": "shop"})
PROMETHEUS = Peer(namespace={"kubernetes.io/metadata.name": "monitoring"})
ARGO = Peer(namespace={"kubernetes.io/metadata.name": "argo"})

ENDPOINT, SINK, STEP = "Deployment/traffic-signs", "Deployment/capture-sink", "WorkflowTemplate/monitoring"
GATEWAY, STORAGE, MODEL = "Deployment/push-gateway", "Deployment/storage", "InferenceService/traffic-signs-kserve"

# folder, source, target, port, protocol
NEEDED = [
    *(("overlays/prod", one, NAMES, 53, protocol) for one in (ENDPOINT, SINK, STEP) for protocol in ("UDP", "TCP")),
    *(("overlays/prod", one, BUCKET, 443, "TCP") for one in (ENDPOINT, SINK, STEP)),
    *(("overlays/prod", STEP, API, port, "TCP") for port in (443, 6443)),
    ("overlays/prod", STEP, ENDPOINT, 8080, "TCP"),
    ("overlays/prod", STEP, GATEWAY, 9091, "TCP"),
    ("overlays/prod", CLIENT, ENDPOINT, 8080, "TCP"),
    *(("overlays/prod", PROMETHEUS, one, 8080, "TCP") for one in (ENDPOINT, SINK)),
    ("overlays/prod", PROMETHEUS, GATEWAY, 9091, "TCP"),
    *(("overlays/kind", one, STORAGE, 7070, "TCP") for one in (ENDPOINT, SINK, STEP, ARGO)),
    ("examples/kserve", MODEL, SINK, 8080, "TCP"),
    ("examples/kserve", MODEL, BUCKET, 443, "TCP"),
    *(("examples/kserve", CLIENT, MODEL, port, "TCP") for port in (8080, 9081)),
]
REFUSED = [
    *(("overlays/prod", STRANGER, one, 8080, "TCP") for one in (ENDPOINT, SINK)),
    ("overlays/prod", CLIENT, SINK, 8080, "TCP"),
    ("overlays/prod", STRANGER, GATEWAY, 9091, "TCP"),
    ("overlays/prod", ENDPOINT, GATEWAY, 9091, "TCP"),
    ("overlays/prod", ENDPOINT, API, 6443, "TCP"),
    ("overlays/prod", ENDPOINT, SINK, 8080, "TCP"),
    ("overlays/prod", SINK, ENDPOINT, 8080, "TCP"),
    ("overlays/prod", ENDPOINT, BUCKET, 80, "TCP"),
    ("overlays/prod", GATEWAY, BUCKET, 443, "TCP"),
    *(("overlays/prod", one, METADATA, port, "TCP") for one in (ENDPOINT, SINK, STEP) for port in (80, 443)),
    *(("overlays/prod", one, STEP, 8080, "TCP") for one in (CLIENT, PROMETHEUS, ENDPOINT)),
    ("overlays/kind", STRANGER, STORAGE, 7070, "TCP"),
    ("overlays/kind", STORAGE, BUCKET, 443, "TCP"),
    ("examples/kserve", STRANGER, MODEL, 8080, "TCP"),
    ("examples/kserve", MODEL, METADATA, 443, "TCP"),
]


def shown(value: object) -> str:
    if isinstance(value, Peer):
        return value.address or value.namespace["kubernetes.io/metadata.name"]
    return str(value).rpartition("/")[2]


def allowed(folder: str, source: Peer | str, target: Peer | str, port: int, protocol: str) -> bool:
    documents = kustomize.objects(folder)
    pods = network_lint.pods(documents)
    ends = [pods[one] if isinstance(one, str) else one for one in (source, target)]
    return network_lint.allowed(documents, *ends, port, protocol)


@pytest.mark.parametrize("flow", NEEDED, ids=lambda flow: " ".join(map(shown, flow)))
def test_a_flow_that_is_needed_is_let_through(flow):
    assert allowed(*flow)


@pytest.mark.parametrize("flow", REFUSED, ids=lambda flow: " ".join(map(shown, flow)))
def test_a_flow_that_nobody_needs_is_refused(flow):
    assert not allowed(*flow)


@pytest.mark.parametrize("folder", ["overlays/prod", "examples/kserve"])
def test_without_its_policies_every_flow_is_open(folder):
    documents = [one for one in kustomize.objects(folder) if one["kind"] != "NetworkPolicy"]
    pods = network_lint.pods(documents)
    assert network_lint.allowed(documents, STRANGER, pods[SINK], 8080)
