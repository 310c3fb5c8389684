"""The pods of an endpoint: an init container that fetches and verifies the model, and the server.

They hold to the Pod Security Standard ``restricted``, write to emptyDirs only, and have no rights in the cluster.
"""

from __future__ import annotations

from typing import Any

from components.package import keys
from components.serve.deploy.kubernetes.wanted import Endpoint

Object = dict[str, Any]

SERVICE_ACCOUNT = "roadworthy-serving"
STORAGE = "roadworthy-storage"
"""Secret with the environment of ``components.storage`` (``AWS_…``), where pods do not get it from the cloud."""

PORT = 8080
FETCH, SERVER = "fetch", "server"
USER = 65532
"""The images' own (images/*/Containerfile)."""

DRAIN_DELAY = 5
"""Seconds a server goes on listening after SIGTERM, until every proxy knows that the pod is leaving: what a preStop
hook would sleep, done by the server, which says at once that it is not ready."""

GRACE = DRAIN_DELAY + 20 + 5 + 10
"""Seconds until the kubelet kills: ``transport.DRAIN_SECONDS`` for requests at work, 5 for the capture, and some."""

_MODEL = "/model"
_SPOOL = "/spool"
_SCRATCH = "/tmp"  # noqa: S108 - in a pod of its own
_SHARED = "/dev/shm"  # noqa: S108 - the kernel's, which Kubernetes mounts a volume over
_START_SECONDS = 300
_SECURITY: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def specification(endpoint: Endpoint, selector: dict[str, str]) -> Object:
    """Returns the specification of a pod.

    Args:
        endpoint: What it serves.
        selector: Labels by which it and its like are found.
    """
    placement = endpoint.placement
    found: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "serviceAccountName": SERVICE_ACCOUNT,
        "terminationGracePeriodSeconds": GRACE,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [_fetch(endpoint)],
        "containers": [_server(endpoint)],
        "volumes": _volumes(endpoint),
        "topologySpreadConstraints": [_spread(key, selector) for key in _TOPOLOGIES],
    }
    if placement.node_selector:
        found["nodeSelector"] = dict(placement.node_selector)
    if placement.tolerations:
        found["tolerations"] = placement.tolerated()
    return found


def _fetch(endpoint: Endpoint) -> Object:
    given = ["--uri", "$(MODEL_URI)", "--digest", "$(MODEL_DIGEST)", "--folder", f"{_MODEL}/package"]
    return {
        **_container(FETCH, endpoint, {"MODEL_URI": endpoint.archive}),
        "command": ["python", "-m", "components.package", "fetch"],
        "args": given,
        "resources": _resources(endpoint, 0),
        "volumeMounts": [{"name": "model", "mountPath": _MODEL}, {"name": "tmp", "mountPath": _SCRATCH}],
    }


def _server(endpoint: Endpoint) -> Object:
    given = [
        *("--model", f"{_MODEL}/package", "--digest", "$(MODEL_DIGEST)", "--name", endpoint.name),
        *("--host", "0.0.0.0", "--port", str(PORT)),  # noqa: S104 - inside its container
        *("--spool", _SPOOL, "--drain-delay", str(DRAIN_DELAY)),
        *(() if _says_threads(endpoint) else ("--threads", str(endpoint.cores))),
        *endpoint.options,
    ]
    mounts: list[Object] = [
        {"name": "model", "mountPath": _MODEL, "readOnly": True},
        {"name": "spool", "mountPath": _SPOOL},
        {"name": "tmp", "mountPath": _SCRATCH},
    ]
    if endpoint.placement.shared_memory:
        mounts.append({"name": "shm", "mountPath": _SHARED})
    return {
        **_container(SERVER, endpoint, {}),
        "command": ["python", "-m", "components.serve", "run"],
        # A "$" in an argument would be the begin of a variable's name.
        "args": [one if one == "$(MODEL_DIGEST)" else one.replace("$", "$$") for one in given],
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "resources": _resources(endpoint, endpoint.placement.gpus),
        "volumeMounts": mounts,
        "startupProbe": _probe("ready", 2, _START_SECONDS // 2),
        "readinessProbe": _probe("ready", 2, 2),
        "livenessProbe": _probe("live", 10, 6),
    }


def _says_threads(endpoint: Endpoint) -> bool:
    return any(one.partition("=")[0] == "--threads" for one in endpoint.options)


def _container(name: str, endpoint: Endpoint, more: dict[str, str]) -> Object:
    # The digest as a variable: an overlay replaces it by its name, where arguments only have a number.
    env = {"HOME": _SCRATCH, "MODEL_DIGEST": endpoint.digest, **more}
    if endpoint.public_key:
        env[keys.PUBLIC] = endpoint.public_key
    return {
        "name": name,
        "image": endpoint.image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": key, "value": value} for key, value in sorted(env.items())],
        "envFrom": [{"secretRef": {"name": STORAGE, "optional": True}}],
        "securityContext": _SECURITY,
        # The last words come with the pod's status: whoever waits for it needs no right to read logs.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _resources(endpoint: Endpoint, gpus: int) -> Object:
    # No limit of cores: it only slows down a pod on an idle node. One of memory: it saves the others on a full one.
    limits = {"memory": endpoint.asked_memory, **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    return {"requests": {"cpu": endpoint.asked_cpu, **limits}, "limits": limits}


def _volumes(endpoint: Endpoint) -> list[Object]:
    # Of the pod and not of the container: a server that is started again finds its model, and what it had captured.
    found: list[Object] = [{"name": name, "emptyDir": {}} for name in ("model", "spool", "tmp")]
    if size := endpoint.placement.shared_memory:
        found.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": size}})
    return found


def _probe(what: str, period: int, failures: int) -> Object:
    return {
        "httpGet": {"path": f"/v2/health/{what}", "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 5 if what == "live" else 2,
        "failureThreshold": failures,
    }


_TOPOLOGIES = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")


def _spread(key: str, selector: dict[str, str]) -> Object:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector},
    }
