"""What a step sees of the cluster: variables out of Secrets and ConfigMaps, volumes and where they are mounted."""

from __future__ import annotations

from components.errors import UnsupportedError
from pipelines.targets import store
from pipelines.targets.argo.names import label
from pipelines.targets.argo.values import Object
from pipelines.targets.fields import Fields

_SHARED = "/dev/shm"  # noqa: S108 - the kernel's, which Kubernetes mounts a volume over


def environment(fields: Fields) -> list[Object]:
    """Takes the variables that come out of Secrets, ConfigMaps and the pod's own fields."""
    found: list[Object] = []
    for key, reference, name, item_key in (
        ("secretAsEnv", "secretKeyRef", "secretName", "secretKey"),
        ("configMapAsEnv", "configMapKeyRef", "configMapName", "configMapKey"),
    ):
        for item in fields.objects(key):
            source, optional = constant(item, name), item.flag("optional")
            for pair in item.objects("keyToEnv"):
                selected = {"name": source, "key": pair.text(item_key), "optional": optional}
                variable = pair.text("envVar")
                pair.end()
                if selected != {"name": store.SECRET, "key": variable, "optional": True}:  # which each pod has whole
                    found.append({"name": variable, "valueFrom": {reference: selected}})
            item.end()
    for item in fields.objects("fieldPathAsEnv"):
        path = {"fieldRef": {"fieldPath": item.text("fieldPath")}}
        found.append({"name": item.text("name"), "valueFrom": path})
        item.end()
    return found


def mounted(fields: Fields) -> list[tuple[Object, Object]]:
    """Takes the volumes; returns each with its mount."""
    found: list[tuple[Object, Object]] = []
    for item in fields.objects("pvcMount"):
        item.ignore("constant")  # an older field for the same name
        source = {"persistentVolumeClaim": {"claimName": constant(item, "pvcName")}}
        path = item.text("subPath")
        _mount(found, "claim", item, source, {"subPath": path} if path else {})
    for key, kind, name, named in (
        ("secretAsVolume", "secret", "secretName", "secretName"),
        ("configMapAsVolume", "configMap", "configMapName", "name"),
    ):
        for item in fields.objects(key):
            _mount(found, kind, item, {kind: {named: constant(item, name), "optional": item.flag("optional")}})
    for item in fields.objects("emptyDirMounts"):
        empty = {key: item.text(key) for key in ("medium", "sizeLimit") if key in item}
        _mount(found, item.text("volumeName"), item, {"emptyDir": empty})
    if "enabledSharedMemory" in fields:
        shared = fields.part("enabledSharedMemory")
        size, name = shared.text("size"), shared.text("volumeName", "shm")
        shared.end()
        _add(found, name, _SHARED, {"emptyDir": {"medium": "Memory"} | ({"sizeLimit": size} if size else {})}, {})
    return found


def _mount(
    found: list[tuple[Object, Object]], name: str, item: Fields, source: Object, extra: Object | None = None
) -> None:
    path = item.text("mountPath")
    item.end()
    _add(found, name, path, source, extra or {})


def _add(found: list[tuple[Object, Object]], name: str, path: str, source: Object, extra: Object) -> None:
    # The index keeps two of one name apart, and apart from the volumes that every step has.
    name = label(f"{name}-{len(found)}")
    found.append(({"name": name, **source}, {"name": name, "mountPath": path, **extra}))


def constant(fields: Fields, name: str) -> str:
    """Takes the name of a Secret, ConfigMap or claim, which the SDK writes twice, in one of them as a constant."""
    fields.ignore(name)
    given = fields.part(f"{name}Parameter")
    value = given.part("runtimeValue").take("constant")
    if not isinstance(value, str) or not value:
        raise UnsupportedError(f"{fields.where}: expected a constant as {name}, found {value or 'a parameter'}")
    given.end()
    return value
