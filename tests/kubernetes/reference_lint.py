"""Every name outside of pods leads somewhere: selectors, ports, roles, scaled Deployments, workflows' templates."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pod_lint
import pod_references
from pod_lint import Object, Template
from pod_references import Known, config, exists, selects, settings


def problems(documents: list[Object], beside: list[Object]) -> Iterator[str]:
    """Yields what leads nowhere, a line each.

    Args:
        documents: The objects of one installation.
        beside: Objects that an administrator has applied before.
    """
    names = {(one["kind"], one["metadata"]["name"]): one for one in [*documents, *beside]}
    configs, services = (_named(documents, kind) for kind in ("ConfigMap", "Service"))
    known = Known(names, configs, services, pod_lint.templates(documents))
    yield from _twice(documents)
    for template in known.pods:
        found = [*pod_references.pod(template, known), *settings(template.spec, known)]
        yield from (f"{template.owner}: {problem}" for problem in found)
    for one in documents:
        look = _LOOKS.get(one["kind"])
        found = [*_labels(one), *(look(one, known) if look else ())]
        yield from (f"{one['kind']}/{one['metadata']['name']}: {problem}" for problem in found)


def _named(documents: list[Object], kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == kind}


def _twice(documents: list[Object]) -> Iterator[str]:
    seen: set[tuple[str, str, str]] = set()
    for one in documents:
        key = (one["apiVersion"].rpartition("/")[0], one["kind"], one["metadata"]["name"])
        if key in seen:
            yield f"{key[1]}/{key[2]}: twice"
        seen.add(key)


def _labels(one: Object) -> Iterator[str]:
    labels = one["metadata"].get("labels", {})
    if labels.get("app.kubernetes.io/part-of") != "roadworthy":
        yield "no label app.kubernetes.io/part-of: roadworthy"
    if one["kind"] != "PipelineVersion" and labels.get("app.kubernetes.io/name") != one["metadata"]["name"]:
        yield "no label app.kubernetes.io/name with its own name"


def _selected(selector: Object, pods: list[Template]) -> list[Template]:
    return [one for one in pods if one.whole and selects(selector, one.labels)]


def _port_names(pods: list[Template]) -> set[str]:
    return {port["name"] for one in pods for _, c in pod_lint.containers(one.spec) for port in c.get("ports", [])}


def _workload(one: Object, known: Known) -> Iterator[str]:
    if not selects(one["spec"]["selector"], one["spec"]["template"]["metadata"]["labels"]):
        yield "the selector is not that of its pods"


def _service(one: Object, known: Known) -> Iterator[str]:
    found = _selected({"matchLabels": one["spec"]["selector"]}, known.pods)
    if not found:
        yield "selects no pods"
    for port in one["spec"]["ports"]:
        if isinstance(port["targetPort"], str) and found and port["targetPort"] not in _port_names(found):
            yield f"no port {port['targetPort']}"


def _budget(one: Object, known: Known) -> Iterator[str]:
    if not _selected(one["spec"]["selector"], known.pods):
        yield "selects no pods"
    if one["spec"].get("maxUnavailable") in (0, "0%") or one["spec"].get("minAvailable") == "100%":
        yield "lets no node be drained"


def _scaler(one: Object, known: Known) -> Iterator[str]:
    target = one["spec"]["scaleTargetRef"]
    yield from exists(target["kind"], target["name"], known)
    if "replicas" in known.names.get((target["kind"], target["name"]), {"spec": {}})["spec"]:
        yield "its target says a number of replicas of its own, which every apply would go back to"
    for pod in known.pods:
        if pod.owner == f"{target['kind']}/{target['name']}" and not all(
            "cpu" in container.get("resources", {}).get("requests", {}) for container in pod.spec["containers"]
        ):
            yield "scales by a share of cores that its pods do not ask for"


def _binding(one: Object, known: Known) -> Iterator[str]:
    yield from exists(one["roleRef"]["kind"], one["roleRef"]["name"], known)
    for subject in one["subjects"]:
        yield from exists(subject["kind"], subject["name"], known)


def _pod_monitor(one: Object, known: Known) -> Iterator[str]:
    found = _selected(one["spec"]["selector"], known.pods)
    if not found:
        yield "selects no pods"
    for endpoint in one["spec"]["podMetricsEndpoints"]:
        if found and endpoint["port"] not in _port_names(found):
            yield f"no port {endpoint['port']}"


def _service_monitor(one: Object, known: Known) -> Iterator[str]:
    found = [s for s in known.services.values() if selects(one["spec"]["selector"], s["metadata"].get("labels", {}))]
    if not found:
        yield "selects no services"
    ports = {port["name"] for service in found for port in service["spec"]["ports"]}
    yield from (f"no port {e['port']}" for e in one["spec"]["endpoints"] if found and e["port"] not in ports)


def _cron(one: Object, known: Known) -> Iterator[str]:
    yield from exists("WorkflowTemplate", one["spec"]["workflowSpec"]["workflowTemplateRef"]["name"], known)
    for parameter in one["spec"]["workflowSpec"].get("arguments", {}).get("parameters", []):
        reference = parameter.get("valueFrom", {}).get("configMapKeyRef")
        if reference:
            yield from config(reference, reference["key"], known)
            labels = known.configs.get(reference["name"], {}).get("metadata", {}).get("labels", {})
            if labels.get("workflows.argoproj.io/configmap-type") != "Parameter":
                yield f"ConfigMap {reference['name']} has not the label that Argo reads parameters by"


def _workflow(one: Object, known: Known) -> Iterator[str]:
    yield from exists("ServiceAccount", one["spec"].get("serviceAccountName"), known)
    yield from exists("PriorityClass", one["spec"].get("podPriorityClassName"), known)
    for template in one["spec"]["templates"]:
        yield from settings({"containers": [template["container"]]} if "container" in template else {}, known)


def _inference(one: Object, known: Known) -> Iterator[str]:
    predictor = one["spec"]["predictor"]
    yield from exists("ServingRuntime", predictor["model"].get("runtime"), known)
    yield from exists("ServiceAccount", predictor.get("serviceAccountName"), known)
    if "logger" in predictor:
        yield from exists("Service", urlsplit(predictor["logger"]["url"]).hostname, known)


_LOOKS = {
    "Deployment": _workload,
    "StatefulSet": _workload,
    "Service": _service,
    "PodDisruptionBudget": _budget,
    "HorizontalPodAutoscaler": _scaler,
    "RoleBinding": _binding,
    "PodMonitor": _pod_monitor,
    "ServiceMonitor": _service_monitor,
    "CronWorkflow": _cron,
    "WorkflowTemplate": _workflow,
    "InferenceService": _inference,
}
