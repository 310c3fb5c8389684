"""The objects of one endpoint, as plain dicts: Deployment, Service, HorizontalPodAutoscaler, PodDisruptionBudget.

A pure function of what is wanted: the manifests in the repository, what ``deploy`` applies and what a test compares are
the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import yaml

from components.serve.deploy.kubernetes import pods
from components.serve.deploy.kubernetes.wanted import Endpoint

Object = dict[str, Any]

KINDS = ("Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "Deployment")
"""In the order in which they are applied: pods come last, when all that concerns them is there."""

MODEL = "roadworthy/model"
"""Annotation of Deployment and pods: the digest of the model they serve."""

OWNER = "roadworthy/owner"
"""Annotation of the Deployment: who deployed it."""

REVISION = "roadworthy/revision"
"""Annotation of the pods: a digest of all that is said about them, by which a rollout knows its own."""

_BUSY_PERCENT = 70


class _Dumper(yaml.SafeDumper):
    """Writes every part out: no anchors where two parts are the same object."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def rendered(endpoint: Endpoint) -> list[Object]:
    """Returns the endpoint's objects in the order of ``KINDS``; no autoscaler where the number of pods is fixed."""
    scaler = [autoscaler(endpoint)] if endpoint.max_replicas > endpoint.replicas else []
    return [service(endpoint), budget(endpoint), *scaler, deployment(endpoint)]


def as_yaml(objects: Sequence[Object]) -> str:
    """Returns the objects as YAML documents, keys sorted: the same objects give the same bytes."""
    return str(yaml.dump_all(objects, Dumper=_Dumper, default_flow_style=False, explicit_start=True, width=120))


def labels(name: str) -> dict[str, str]:
    """Returns the labels of an endpoint's objects."""
    return {**selector(name), "app.kubernetes.io/part-of": "roadworthy"}


def selector(name: str) -> dict[str, str]:
    """Returns the labels by which its pods are found; a Deployment's selector can never be changed."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "endpoint"}


def revision(deployed: Object) -> str:
    """Returns the revision that a Deployment asks its pods to be of; empty for one that tells none."""
    template = deployed["spec"]["template"]["metadata"]
    return str((template.get("annotations") or {}).get(REVISION, ""))


def deployment(endpoint: Endpoint) -> Object:
    """Returns the Deployment. Old pods go when new ones are ready; how many there are may be the autoscaler's."""
    pod = pods.specification(endpoint, selector(endpoint.name))
    digest = hashlib.sha256(json.dumps(pod, sort_keys=True).encode()).hexdigest()
    found = _object("apps/v1", "Deployment", endpoint)
    found["metadata"]["annotations"] = {MODEL: endpoint.digest, **({OWNER: endpoint.owner} if endpoint.owner else {})}
    found["spec"] = {
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": selector(endpoint.name)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {
            "metadata": {
                "annotations": {MODEL: endpoint.digest, REVISION: digest[:16]},
                "labels": labels(endpoint.name),
            },
            "spec": pod,
        },
    }
    if endpoint.max_replicas == endpoint.replicas:
        # Where there is an autoscaler the number is its own, and a number here would fight it at each apply.
        found["spec"]["replicas"] = endpoint.replicas
    return found


def service(endpoint: Endpoint) -> Object:
    """Returns the Service: port 80 to the pods' port ``http``."""
    found = _object("v1", "Service", endpoint)
    found["spec"] = {
        "type": "ClusterIP",
        "selector": selector(endpoint.name),
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http", "appProtocol": "http"}],
    }
    return found


def autoscaler(endpoint: Endpoint) -> Object:
    """Returns the HorizontalPodAutoscaler, over the share of the asked cores that is used."""
    found = _object("autoscaling/v2", "HorizontalPodAutoscaler", endpoint)
    found["spec"] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": endpoint.name},
        "minReplicas": endpoint.replicas,
        "maxReplicas": endpoint.max_replicas,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": _BUSY_PERCENT}},
            }
        ],
    }
    return found


def budget(endpoint: Endpoint) -> Object:
    """Returns the PodDisruptionBudget: one pod at a time, so that a node can be drained even where there is one."""
    found = _object("policy/v1", "PodDisruptionBudget", endpoint)
    found["spec"] = {"maxUnavailable": 1, "selector": {"matchLabels": selector(endpoint.name)}}
    return found


def _object(version: str, kind: str, endpoint: Endpoint) -> Object:
    metadata: Object = {"name": endpoint.name, "labels": labels(endpoint.name)}
    if endpoint.namespace:
        metadata["namespace"] = endpoint.namespace
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
