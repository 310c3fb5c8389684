"""The second document of an IR file: how Kubernetes is to run each step.

Where a step runs (node selectors, tolerations, labels) means nothing on one machine and is passed over. What a step
*sees* (volumes, secrets) does mean something: environment variables out of Secrets are taken from the caller's own
environment, and volumes raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.errors import UnsupportedError
from pipelines.targets.fields import Fields

_PLACEMENT = (
    "nodeSelector",
    "nodeAffinity",
    "podAffinity",
    "tolerations",
    "podMetadata",
    "imagePullPolicy",
    "imagePullSecret",
    "securityContext",
    "enabledSharedMemory",
)
_SCRATCH = ("/dev/shm", "/tmp")  # noqa: S108 - these exist on every machine, so an empty volume there changes nothing


@dataclass(frozen=True)
class Placed:
    """What of a step's placement holds on any machine: its time limit in seconds, its secret environment variables."""

    timeout: float | None = None
    secrets: Mapping[str, bool] = field(default_factory=dict)


def parse(document: object, source: str) -> dict[str, Placed]:
    """Reads a PlatformSpec; returns the placements by executor."""
    platforms = Fields(document, source).named("platforms")
    placed = {}
    for name, fields in platforms.items():
        if name != "kubernetes":
            raise UnsupportedError(f"{source}: expected the platform kubernetes, found {name}")
        config = fields.part("pipelineConfig")
        config.ignore(
            "resourceTtlOnCompletion", "resourceTtlOnSuccess", "resourceTtlOnFailure"
        )  # no pods to sweep away
        config.end()
        fields.ignore("platform")
        for label, executor in fields.part("deploymentSpec").named("executors").items():
            executor.where = f"step '{label.removeprefix('exec-')}'"
            placed[label] = _placed(executor)
        fields.end()
    return placed


def _placed(fields: Fields) -> Placed:
    fields.ignore(*_PLACEMENT)
    for volume in fields.objects("emptyDirMounts"):
        path = volume.text("mountPath")
        if not path.startswith(_SCRATCH):
            raise UnsupportedError(f"{fields.where}: expected no volume outside {' and '.join(_SCRATCH)}, found {path}")
    secrets: dict[str, bool] = {}
    for kind, names in (("secretAsEnv", "keyToEnv"), ("configMapAsEnv", "keyToEnv")):
        for item in fields.objects(kind):
            optional = item.flag("optional")  # a field is read once, and holds for all keys
            secrets |= {key.text("envVar"): optional for key in item.objects(names)}
    limit = fields.whole("activeDeadlineSeconds")
    fields.end()
    return Placed(float(limit) if limit else None, secrets)
