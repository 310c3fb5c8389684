"""Every pod holds to the Pod Security Standard ``restricted``, and to what we ask of containers beside it.

Source: kubernetes.io/docs/concepts/security/pod-security-standards, of version 1.34.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Object = Mapping[str, Any]

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
}
SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
PROFILES = {"RuntimeDefault", "Localhost"}
HANDLERS = ("livenessProbe", "readinessProbe", "startupProbe")


class Template(NamedTuple):
    """The pods that an object makes.

    Attributes:
        owner: ``Deployment/name``.
        labels: Of the pods.
        spec: Of the pods.
        whole: Whether ``spec`` is all of the pod, and not a part that a controller completes.
    """

    owner: str
    labels: Mapping[str, str]
    spec: Object
    whole: bool = True


def templates(documents: list[Object]) -> list[Template]:
    """Returns what pods the objects make, workflows' left out: they have a lint of their own."""
    found = []
    for one in documents:
        owner = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
            template = one["spec"]["template"]
            found.append(Template(owner, template.get("metadata", {}).get("labels", {}), template["spec"]))
        elif one["kind"] == "CronJob":
            template = one["spec"]["jobTemplate"]["spec"]["template"]
            found.append(Template(owner, template.get("metadata", {}).get("labels", {}), template["spec"]))
        elif one["kind"] == "ServingRuntime":
            # A runtime says nothing of the pod as a whole, so its containers must say it all.
            found.append(Template(owner, {}, one["spec"], whole=False))
    return found


def containers(spec: Object) -> Iterator[tuple[str, Object]]:
    """Yields each container with the list that it is in."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for one in spec.get(key, []):
            yield key, one


def problems(documents: list[Object]) -> Iterator[str]:
    """Yields what is wrong with the pods of some objects, a line each."""
    for template in templates(documents):
        for problem in _pod(template):
            yield f"{template.owner}: {problem}"
        for key, container in containers(template.spec):
            for problem in [*_restricted(container, template), *_ours(container, key)]:
                yield f"{template.owner}: {container['name']}: {problem}"


def _pod(template: Template) -> Iterator[str]:
    spec = template.spec
    yield from (f"{key} is set" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))
    for volume in spec.get("volumes", []):
        yield from (f"a volume of the kind {kind}" for kind in sorted(volume.keys() - {"name"} - VOLUMES))
    security = spec.get("securityContext", {})
    yield from (f"the sysctl {one['name']}" for one in security.get("sysctls", []) if one["name"] not in SYSCTLS)
    yield from _contexts(security)
    if template.whole and spec.get("automountServiceAccountToken") is not False:
        yield "the token of the service account is mounted"


def _contexts(security: Object) -> Iterator[str]:
    """What a security context may not say, a pod's as well as a container's."""
    if security.get("runAsNonRoot") is False or security.get("runAsUser") == 0:
        yield "runs as root"
    if security.get("windowsOptions", {}).get("hostProcess"):
        yield "a process of the host"
    if security.get("seccompProfile", {}).get("type", "RuntimeDefault") not in PROFILES:
        yield f"the seccomp profile {security['seccompProfile']['type']}"
    if security.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in PROFILES:
        yield f"the AppArmor profile {security['appArmorProfile']['type']}"
    linux = security.get("seLinuxOptions", {})
    if linux.get("type", "") not in SELINUX or linux.get("user") or linux.get("role"):
        yield "SELinux options of its own"


def _restricted(container: Object, template: Template) -> Iterator[str]:
    security, pod = container.get("securityContext", {}), template.spec.get("securityContext", {})
    yield from _contexts(security)
    if security.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not said"
    if security.get("seccompProfile", pod.get("seccompProfile", {})).get("type") not in PROFILES:
        yield "no seccomp profile"
    if security.get("privileged"):
        yield "is privileged"
    if security.get("allowPrivilegeEscalation") is not False:
        yield "may escalate its privileges"
    capabilities = security.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield "keeps capabilities"
    yield from (f"the capability {one}" for one in capabilities.get("add", []) if one != "NET_BIND_SERVICE")
    if security.get("procMount", "Default") != "Default":
        yield f"the proc mount {security['procMount']}"
    yield from (f"the host's port {port['hostPort']}" for port in container.get("ports", []) if port.get("hostPort"))
    for handler in _handlers(container):
        if handler.get("httpGet", {}).get("host") or handler.get("tcpSocket", {}).get("host"):
            yield "a probe of another host"


def _handlers(container: Object) -> list[Object]:
    lifecycle = container.get("lifecycle", {})
    return [*(container.get(key, {}) for key in HANDLERS), *lifecycle.values()]


def _ours(container: Object, key: str) -> Iterator[str]:
    if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
        yield "the root file system can be written"
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition("@")
    if not tag[2] and tag[0].partition(":")[2] in ("", "latest"):
        yield f"an image without a version: {image}"
    resources = container.get("resources", {})
    wanted = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
    yield from (f"no {part}.{what}" for part, what in wanted if what not in resources.get(part, {}))
    if key == "containers":
        yield from (f"no {probe}" for probe in HANDLERS[:2] if probe not in container)
