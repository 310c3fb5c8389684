"""Steps as Argo templates: a container with its command resolved, its files in a volume, nothing of KFP in the pod.

Artifacts travel through the cluster's artifact repository, under ``namespace/workflow/pod/name``.
"""

from __future__ import annotations

from components.errors import UnsupportedError
from pipelines.targets import ir, store
from pipelines.targets.argo import metrics, values
from pipelines.targets.argo.placeholders import EXECUTOR_OUTPUT, IN, OUT, Filled, Given
from pipelines.targets.argo.platform import Placed
from pipelines.targets.argo.values import Object
from pipelines.targets.local import placeholders

VOLUMES = ({"name": "out", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}})
"""What every pod may write to: its root file system is read-only."""

_KEY = "{{workflow.namespace}}/{{workflow.name}}/{{pod.name}}"
_SCRATCH = "/tmp"  # noqa: S108 - in a pod of its own
_SECURITY: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def template(
    component: ir.Component, container: ir.Container, given: Given, task: ir.Task, placed: Placed, pipeline: str
) -> Object:
    """Returns the template of one use of a step, without its name.

    Args:
        component: The step, whose body is ``container``.
        container: Image, command and environment.
        given: What this use gets.
        task: The use: its name and its retries.
        placed: What it asks of the cluster.
        pipeline: The pipeline's name, for the metrics.

    Raises:
        UnsupportedError: There is no faithful counterpart.
    """
    if "{{" in container.image:
        raise UnsupportedError(f"expected a fixed image, found one from a parameter: {container.image}")
    if not (*container.command, *container.args):
        raise UnsupportedError("expected a command, found only an image")
    texts = (*container.command, *container.args, *container.env.values())
    placeholders.check(texts, component)
    lists = [*component.outputs.artifacts.items(), *component.inputs.artifacts.items()]
    for name, kind in lists:
        if kind.many:
            raise UnsupportedError(f"expected single artifacts, found the list {name!r}")
    filled = Filled(component, given, task.name)
    env = [{"name": key, "value": filled.text(value)} for key, value in container.env.items()]
    own = {entry["name"] for entry in (*env, *placed.env)}
    keys = [_key(name) for name in store.signing(container.command) if name not in own]
    main: Object = {
        "name": "main",
        "image": container.image,
        "command": filled.command(container.command) or [filled.command(container.args)[0]],
        "args": filled.command(container.args)[0 if container.command else 1 :],
        # The image's own home is read-only.
        "env": [*env, *placed.env, *keys, *([] if "HOME" in own else [{"name": "HOME", "value": _SCRATCH}])],
        "envFrom": [{"secretRef": {"name": store.SECRET, "optional": True}}],
        "volumeMounts": _mounts(placed),
        **placed.container,
        "securityContext": {**_SECURITY, **placed.container.get("securityContext", {})},
    }
    return {
        "inputs": _inputs(component, given),
        "outputs": _outputs(component),
        "container": main,
        **placed.template,
        **({"volumes": placed.volumes} if placed.volumes else {}),
        **_retried(task.retry),
        "metrics": metrics.of_step(pipeline, task.name),
    }


def _key(name: str) -> Object:
    chosen = {"name": store.SIGNING, "key": name, "optional": True}
    return {"name": name, "valueFrom": {"secretKeyRef": chosen}}


def _mounts(placed: Placed) -> list[Object]:
    taken = {mount["mountPath"].rstrip("/") for mount in placed.mounts}
    if any(path == OUT or OUT.startswith(f"{path}/") or path.startswith(f"{OUT}/") for path in taken):
        raise UnsupportedError(f"expected no volume at {OUT}, where the step's outputs lie, found one")
    own = [{"name": "out", "mountPath": OUT}, {"name": "tmp", "mountPath": _SCRATCH}]
    return [*(mount for mount in own if mount["mountPath"] not in taken), *placed.mounts]


def _inputs(component: ir.Component, given: Given) -> Object:
    found: Object = {}
    if given.parameters:
        found["parameters"] = [
            {"name": values.checked(name), **default(component, name)} for name in sorted(given.parameters)
        ]
    if given.artifacts:
        found["artifacts"] = [{"name": values.checked(n), "path": f"{IN}/{n}"} for n in sorted(given.artifacts)]
    return found


def default(component: ir.Component, name: str) -> Object:
    """Returns the value that a parameter has where it is not given one."""
    declared = component.inputs.parameters.get(name)
    if declared is None or declared.default in (ir.ABSENT, None):
        return {}
    return {"value": values.constant(declared.default, declared.kind)}


def _outputs(component: ir.Component) -> Object:
    found: Object = {}
    if component.outputs.parameters:
        found["parameters"] = [
            {"name": values.checked(name), "valueFrom": {"path": f"{OUT}/{name}"}}
            for name in sorted(component.outputs.parameters)
        ]
    if component.outputs.artifacts:
        found["artifacts"] = [_stored(values.checked(name), name) for name in sorted(component.outputs.artifacts)]
        # Metrics and other metadata, as KFP's UI would show them.
        found["artifacts"].append({**_stored("executor-output", EXECUTOR_OUTPUT), "optional": True})
    return found


def _stored(name: str, file: str) -> Object:
    # Not packed: so that Argo's UI shows a report, and a model lies in the bucket as what it is.
    return {"name": name, "path": f"{OUT}/{file}", "archive": {"none": {}}, "s3": {"key": f"{_KEY}/{file}"}}


def _retried(retry: ir.Retry) -> Object:
    if not retry.times:
        return {}
    if retry.factor != int(retry.factor):
        raise UnsupportedError(f"expected a whole backoff factor, found {retry.factor:g}")
    backoff = {"duration": f"{retry.wait:g}s", "factor": str(int(retry.factor)), "cap": f"{retry.most:g}s"}
    return {
        "retryStrategy": {
            "limit": str(retry.times),
            "retryPolicy": "Always",
            **({"backoff": backoff} if retry.wait else {}),
        }
    }
