"""What a step asks of the cluster, for its pod: resources, where it may run, volumes, secrets, limits.

Read from both documents of an IR file, since the typed views pass over what means nothing on one machine. Every field
is accounted for: one without a counterpart in a pod raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.errors import UnsupportedError
from pipelines.targets.argo import volumes
from pipelines.targets.argo.values import Object, refused
from pipelines.targets.fields import Fields

_TTL = {
    "resourceTtlOnCompletion": "secondsAfterCompletion",
    "resourceTtlOnSuccess": "secondsAfterSuccess",
    "resourceTtlOnFailure": "secondsAfterFailure",
}


@dataclass
class Placed:
    """The parts of one step's pod: ``template`` for the Argo template, ``container`` for the container in it."""

    template: Object = field(default_factory=dict)
    container: Object = field(default_factory=dict)
    env: list[Object] = field(default_factory=list)
    mounts: list[Object] = field(default_factory=list)
    volumes: list[Object] = field(default_factory=list)
    pull_secrets: list[str] = field(default_factory=list)


@dataclass
class Platform:
    """The steps' placements by component, and what holds for the whole workflow."""

    steps: dict[str, Placed] = field(default_factory=dict)
    spec: Object = field(default_factory=dict)


def read(content: Sequence[Any], source: str) -> Platform:
    """Reads the resources and the PlatformSpec of a compiled pipeline.

    Raises:
        UnsupportedError: A step asks for something that has no counterpart; it is named.
    """
    executors = Fields(content[0], source).part("deploymentSpec").take("executors", {})
    platform = Platform()
    kubernetes: Mapping[str, Any] = {}
    if len(content) > 1:
        platforms = Fields(content[1], source).part("platforms")
        fields = platforms.part("kubernetes")
        platforms.end()
        kubernetes = fields.part("deploymentSpec").take("executors", {})
        platform.spec = _whole(fields.part("pipelineConfig", "pipeline"))
    for component, fields in Fields(content[0], source).named("components").items():
        name = fields.text("executorLabel")
        where = f"step '{name.removeprefix('exec-')}'"
        if name not in executors:
            continue
        placed = Placed()
        resources = Fields(executors[name], where).part("container").take("resources")
        for text in _texts([resources, kubernetes.get(name)]):
            _fixed(text, where)
        _resources(Fields(resources, where), placed)
        _placed(Fields(kubernetes.get(name), where), placed)
        platform.steps[component] = placed
    return platform


def _whole(fields: Fields) -> Object:
    """The pipeline's own settings, for the workflow's spec."""
    ttl = {argo: fields.whole(name) for name, argo in _TTL.items() if name in fields}
    fields.end()
    return {"ttlStrategy": ttl} if ttl else {}


def _resources(fields: Fields, placed: Placed) -> None:
    found: Object = {}
    for side, suffix in (("requests", "Request"), ("limits", "Limit")):
        for name in ("Cpu", "Memory"):
            quantity = fields.text(f"resource{name}{suffix}")
            if quantity:
                # An older field says the same as a number, and less exactly; alone, it is refused.
                fields.ignore(f"{name.lower()}{suffix}")
                found.setdefault(side, {})[name.lower()] = quantity
    accelerator = fields.part("accelerator")
    kind, count = accelerator.text("resourceType"), accelerator.text("resourceCount")
    if kind:
        accelerator.ignore("type", "count")
    accelerator.end()
    if count and not count.isdigit():
        raise UnsupportedError(f"{fields.where}: expected a whole number of {kind}, found {count!r}")
    if int(count or 0):
        found.setdefault("limits", {})[kind] = count
    fields.end()
    if found:
        placed.container["resources"] = found


def _placed(fields: Fields, placed: Placed) -> None:
    if "nodeSelector" in fields:
        placed.template["nodeSelector"] = _selector(fields.part("nodeSelector"))
    tolerations = [_toleration(item) for item in fields.objects("tolerations")]
    if tolerations:
        placed.template["tolerations"] = tolerations
    metadata = fields.part("podMetadata")
    given = {key: metadata.take(key) for key in ("labels", "annotations") if key in metadata}
    metadata.end()
    if given:
        placed.template["metadata"] = given
    if limit := fields.whole("activeDeadlineSeconds"):
        placed.template["activeDeadlineSeconds"] = limit
    if policy := fields.text("imagePullPolicy"):
        placed.container["imagePullPolicy"] = policy
    if "securityContext" in fields:
        placed.container["securityContext"] = _security(fields.part("securityContext"))
    for item in fields.objects("imagePullSecret"):
        placed.pull_secrets.append(volumes.constant(item, "secretName"))
        item.end()
    placed.env += volumes.environment(fields)
    for volume, mount in volumes.mounted(fields):
        placed.volumes.append(volume)
        placed.mounts.append(mount)
    fields.end()


def _selector(fields: Fields) -> Object:
    labels = fields.take("labels", {})
    fields.end()
    if not labels or not all(isinstance(part, str) and part for pair in labels.items() for part in pair):
        raise UnsupportedError(f"{fields.where}: expected labels of nodes as texts that are not empty, found {labels}")
    return dict(labels)


def _toleration(fields: Fields) -> Object:
    texts = ("key", "operator", "value", "effect")
    found: Object = {key: fields.text(key) for key in texts if key in fields}
    if "tolerationSeconds" in fields:
        found["tolerationSeconds"] = fields.whole("tolerationSeconds")
    fields.end()
    return found


def _security(fields: Fields) -> Object:
    found: Object = {key: fields.whole(key) for key in ("runAsUser", "runAsGroup") if key in fields}
    root = "runAsNonRoot" in fields and not fields.flag("runAsNonRoot")
    if root or found.get("runAsUser") == 0:
        raise UnsupportedError(f"{fields.where}: expected a user other than root (Pod Security restricted), found root")
    fields.end()
    return found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value


def _fixed(text: str, where: str) -> None:
    """Raises for a setting from a parameter, or one that Argo would fill."""
    try:
        refused(text)
    except UnsupportedError as error:
        raise UnsupportedError(f"{where}: {error}") from None
