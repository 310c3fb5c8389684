"""Every name in a pod leads somewhere: accounts, claims, ConfigMaps, secrets, volumes, ports, variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pod_lint
from pod_lint import Object, Template

SECRETS = {"roadworthy-storage", "roadworthy-signing"}
"""Made by hand, since no secret is committed (``manifests/README.md``)."""


class Known(NamedTuple):
    """What there is to be named.

    Attributes:
        names: Objects by kind and name.
        configs: ConfigMaps by their names.
        services: Likewise.
        pods: What is made of the objects.
    """

    names: Mapping[tuple[str, str], Object]
    configs: Mapping[str, Object]
    services: Mapping[str, Object]
    pods: list[Template]


def pod(template: Template, known: Known) -> Iterator[str]:
    """Yields what leads nowhere in a pod, what its containers are told by ConfigMaps and secrets apart."""
    spec = template.spec
    yield from exists("ServiceAccount", spec.get("serviceAccountName"), known)
    yield from exists("PriorityClass", spec.get("priorityClassName"), known)
    volumes = {one["name"]: one for one in spec.get("volumes", [])}
    mounted = set()
    for volume in volumes.values():
        yield from exists("PersistentVolumeClaim", volume.get("persistentVolumeClaim", {}).get("claimName"), known)
        yield from exists("ConfigMap", volume.get("configMap", {}).get("name"), known)
        yield from _secret(volume.get("secret", {}).get("secretName"))
    for _, container in pod_lint.containers(spec):
        mounted |= {mount["name"] for mount in container.get("volumeMounts", [])}
        ports = {port["name"] for port in container.get("ports", [])}
        for handler in pod_lint.HANDLERS:
            port = container.get(handler, {}).get("httpGet", {}).get("port")
            if isinstance(port, str) and port not in ports:
                yield f"{handler}: no port {port}"
    yield from (f"no volume {name}" for name in sorted(mounted - volumes.keys()))
    yield from (f"the volume {name} is not mounted" for name in sorted(volumes.keys() - mounted))
    for spread in spec.get("topologySpreadConstraints", []):
        if not selects(spread["labelSelector"], template.labels):
            yield "topologySpreadConstraints: not its own labels"


def settings(spec: Object, known: Known) -> Iterator[str]:
    """Yields what leads nowhere in the environment and arguments of a pod's containers."""
    for _, container in pod_lint.containers(spec):
        for source in container.get("envFrom", []):
            yield from _secret(source.get("secretRef", {}).get("name"))
            yield from config(source.get("configMapRef", {}), None, known)
        for variable in container.get("env", []):
            given = variable.get("valueFrom", {})
            yield from _secret(given.get("secretKeyRef", {}).get("name"))
            if "configMapKeyRef" in given:
                yield from config(given["configMapKeyRef"], given["configMapKeyRef"]["key"], known)
        declared = {variable["name"] for variable in container.get("env", [])}
        for text in [*container.get("command", []), *container.get("args", [])]:
            used = re.findall(r"(?<!\$)\$\((\w+)\)", text)
            yield from (f"{container['name']}: no variable {name}" for name in used if name not in declared)


def config(reference: Object, key: str | None, known: Known) -> Iterator[str]:
    """Yields what is wrong with a reference to a ConfigMap, or to one of its keys."""
    name = reference.get("name")
    if name is None:
        return
    if name not in known.configs:
        yield f"no ConfigMap {name}"
    elif key is not None and key not in known.configs[name].get("data", {}):
        yield f"no key {key} in ConfigMap {name}"


def _secret(name: str | None) -> Iterator[str]:
    if name is not None and name not in SECRETS:
        yield f"no Secret {name} is told of in the README"


def exists(kind: str, name: str | None, known: Known) -> Iterator[str]:
    """Yields a line where a name is given and nobody has it."""
    if name is not None and (kind, name) not in known.names:
        yield f"no {kind} {name}"


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Returns whether a label selector, with ``matchLabels`` and ``matchExpressions``, takes these labels."""
    for one in selector.get("matchExpressions", []):
        value, operator = labels.get(one["key"]), one["operator"]
        if not {
            "Exists": value is not None,
            "DoesNotExist": value is None,
            "In": value is not None and value in one.get("values", []),
            "NotIn": value not in one.get("values", []),
        }[operator]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
