"""Who may speak with whom: NetworkPolicies as a cluster reads them, and the lint of the policies themselves.

Source: kubernetes.io/docs/concepts/services-networking/network-policies. Policies only add up: a pod that none selects
may everything, one that some select may what any of these allow; both ends must allow a flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import NamedTuple

import pod_lint
from pod_lint import Object
from pod_references import selects

ENDPOINT = "app.kubernetes.io/component"
WORKFLOW = "workflows.argoproj.io/workflow"
KSERVE = "serving.kserve.io/inferenceservice"


class Peer(NamedTuple):
    """One end of a flow: a pod here, a pod of another namespace, or an address.

    Attributes:
        labels: Of the pod.
        namespace: Labels of its namespace; None for this one.
        ports: Names of its ports.
        address: Of an end that is no pod.
    """

    labels: Mapping[str, str] = {}
    namespace: Mapping[str, str] | None = None
    ports: Mapping[str, int] = {}
    address: str = ""

    @property
    def here(self) -> bool:
        """Whether policies of this namespace select it."""
        return not self.address and self.namespace is None


LATER = (Peer({ENDPOINT: "endpoint"}, ports={"http": 8080}), Peer({WORKFLOW: "any"}))
"""Pods that no object of an installation makes, and that come with its use: what pipelines deploy, and their own."""


def allowed(documents: list[Object], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Returns whether the policies among some objects let a flow through."""
    policies = [one["spec"] for one in documents if one["kind"] == "NetworkPolicy"]
    ends = ((source, target, "Egress", "to"), (target, source, "Ingress", "from"))
    return all(
        _end(policies, near, far, target, (port, protocol), direction, key) for near, far, direction, key in ends
    )


def _end(
    policies: list[Object], near: Peer, far: Peer, target: Peer, port: tuple[int, str], direction: str, key: str
) -> bool:
    if not near.here:
        return True
    holding = [one for one in policies if direction in one["policyTypes"] and selects(one["podSelector"], near.labels)]
    rules = [rule for one in holding for rule in one.get(direction.lower(), [])]
    return not holding or any(
        (key not in rule or any(_peer(one, far) for one in rule[key])) and _port(rule, target, *port) for rule in rules
    )


def _peer(one: Object, far: Peer) -> bool:
    if "ipBlock" in one:
        if not far.address:
            return False
        address = ip_address(far.address)
        block = one["ipBlock"]
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(e) for e in block.get("except", [])
        )
    if far.address:
        return False
    if "namespaceSelector" in one:
        own = {"kubernetes.io/metadata.name": "roadworthy"}
        if not selects(one["namespaceSelector"], own if far.namespace is None else far.namespace):
            return False
    elif far.namespace is not None:
        return False
    return selects(one.get("podSelector", {}), far.labels)


def _port(rule: Object, target: Peer, port: int, protocol: str) -> bool:
    if "ports" not in rule:
        return True
    for one in rule["ports"]:
        number = target.ports.get(one["port"]) if isinstance(one["port"], str) else one["port"]
        if one.get("protocol", "TCP") == protocol and number == port:
            return True
    return False


def pods(documents: list[Object]) -> dict[str, Peer]:
    """Returns the pods that the objects make, workflows' and KServe's among them, by what makes them."""
    found = {}
    for template in pod_lint.templates(documents):
        if template.whole:
            ports = {p["name"]: p["containerPort"] for c in template.spec["containers"] for p in c.get("ports", [])}
            found[template.owner] = Peer(template.labels, ports=ports)
    for one in documents:
        name = one["metadata"]["name"]
        if one["kind"] == "WorkflowTemplate":
            labels = one["spec"].get("podMetadata", {}).get("labels", {})
            found[f"WorkflowTemplate/{name}"] = Peer({**labels, WORKFLOW: f"{name}-1"})
        elif one["kind"] == "InferenceService":
            # The agent of the logger listens on 9081, the server behind it on 8080.
            ports = {"http": 8080, "agent-port": 9081}
            found[f"InferenceService/{name}"] = Peer({KSERVE: name}, ports=ports)
    return found


def problems(documents: list[Object]) -> Iterator[str]:
    """Yields what is wrong with the policies themselves, a line each."""
    there = pods(documents)
    policies = [one for one in documents if one["kind"] == "NetworkPolicy"]
    closed = [one for one in policies if one["spec"]["podSelector"] == {} and _nothing(one["spec"])]
    if there and not closed:
        yield "no NetworkPolicy denies what no other allows"
    for policy in policies:
        name, spec = f"NetworkPolicy/{policy['metadata']['name']}", policy["spec"]
        everyone = [*there.values(), *LATER]
        selected = [peer for peer in everyone if selects(spec["podSelector"], peer.labels)]
        if not selected:
            yield f"{name}: selects no pods"
        yield from (f"{name}: {problem}" for problem in _directions(spec, selected, everyone))


def _nothing(spec: Object) -> bool:
    both = sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
    return both and not spec.get("ingress") and not spec.get("egress")


def _directions(spec: Object, selected: list[Peer], there: list[Peer]) -> Iterator[str]:
    for direction, key in (("ingress", "from"), ("egress", "to")):
        if spec.get(direction) and direction.capitalize() not in spec["policyTypes"]:
            yield f"{direction} rules without effect: policyTypes does not name it"
        for rule in spec.get(direction, []):
            if not rule.get(key) or not rule.get("ports"):
                yield f"{direction}: everyone, or every port"
            targets = selected if direction == "ingress" else _targets(rule, there)
            names = [one["port"] for one in rule.get("ports", []) if isinstance(one["port"], str)]
            yield from (f"{direction}: no port {n}" for n in names if not any(n in one.ports for one in targets))
            yield from (
                f"{direction}: {key} no pods: {one['podSelector']}" for one in rule.get(key, []) if _lost(one, there)
            )


def _targets(rule: Object, there: list[Peer]) -> list[Peer]:
    return [peer for peer in there if any(_peer(one, peer) for one in rule.get("to", []))]


def _lost(one: Object, there: list[Peer]) -> bool:
    own = "podSelector" in one and "namespaceSelector" not in one
    return own and not any(selects(one["podSelector"], peer.labels) for peer in there)
