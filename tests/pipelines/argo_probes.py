"""Pipelines over the small components: what Argo in particular could get wrong.

No ``from __future__ import annotations`` here: the KFP SDK reads the annotations as objects.
"""

# ruff: noqa: B006, SIM117, UP006, UP035

from typing import Dict, List

from kfp import dsl
from kfp import kubernetes as k8s
from probe_components import boom, emit, emit_two, final, join, say_all, span


@dsl.pipeline
def two_handlers(status: int = 3) -> None:
    with dsl.ExitHandler(final()):
        boom(status=status)
    with dsl.ExitHandler(final()):
        emit(text="x")


@dsl.pipeline
def handler_and_output(status: int = 0) -> str:
    said = emit(text="x")
    with dsl.ExitHandler(final()):
        boom(status=status)
    return said.outputs["said"]


@dsl.pipeline
def handler_given(text: str = "a", status: int = 0) -> None:
    with dsl.ExitHandler(emit(text=f"ended {text} $(HOME)")):
        boom(status=status)


@dsl.pipeline
def conditions(b: bool = True, x: float = 1.5, n: int = 2, s: str = "a") -> None:
    with dsl.If(b == True):  # noqa: E712 -- the DSL overloads ==
        emit(text="b")
    with dsl.If(x >= 1.5):
        emit(text="x")
    with dsl.If(n != 2):
        emit(text="n")
    with dsl.If(x > n):
        emit(text="x over n")
    with dsl.Else():
        with dsl.If(s < "b"):
            emit(text="s")


@dsl.pipeline
def braces(text: str = "a") -> str:
    return emit_two(a=f"{{{text}}}", b=f"{{ {text}:?").outputs["said"]


@dsl.pipeline
def loop_of_unlike(xs: List[Dict[str, int]] = [{"k": 1}, {"k": 20000000}]) -> str:
    with dsl.ParallelFor(xs) as x:
        said = say_all(i=x.k)
    return join(xs=dsl.Collected(said.outputs["listed"])).outputs["out"]


@dsl.pipeline
def loop_fails_then() -> None:
    with dsl.ParallelFor([0, 3]) as x:
        failed = boom(status=x)
    emit(text="never").after(failed)


@dsl.pipeline
def failure_beside() -> None:
    boom()
    first = span(text="a")
    emit(text="b").after(first)


@dsl.pipeline
def ignored_in_group(text: str = "yes") -> None:
    with dsl.If(text == "yes"):
        failed = boom()
        emit(text="still").after(failed).ignore_upstream_failure()


@dsl.pipeline
def placed() -> None:
    task = say_all()
    task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
    task.set_cpu_request("3").set_cpu_limit("4").set_memory_request("12G").set_memory_limit("14G")
    task.set_retry(2, backoff_duration="10s", backoff_factor=3, backoff_max_duration="60s")
    task.set_env_variable("LEVEL", "$(HOME)")
    k8s.add_node_selector(task, "node.kubernetes.io/instance-type", "g4dn.xlarge")
    k8s.add_toleration(task, key="nvidia.com/gpu", operator="Exists", effect="NoSchedule", toleration_seconds=30)
    k8s.mount_pvc(task, pvc_name="models", mount_path="/models", sub_path="signs")
    k8s.use_secret_as_env(task, secret_name="keys", secret_key_to_env={"key": "KEY"})
    k8s.use_config_map_as_env(task, config_map_name="settings", config_map_key_to_env={"a": "A"}, optional=True)
    k8s.use_secret_as_volume(task, secret_name="keys", mount_path="/keys")
    k8s.use_config_map_as_volume(task, config_map_name="settings", mount_path="/settings")
    k8s.use_field_path_as_env(task, env_name="NODE", field_path="spec.nodeName")
    k8s.empty_dir_mount(task, volume_name="shm", mount_path="/dev/shm", medium="Memory", size_limit="2Gi")
    k8s.set_timeout(task, 600)
    k8s.add_pod_label(task, "team", "signs")
    k8s.add_pod_annotation(task, "why", "probe")
    k8s.set_image_pull_policy(task, "Always")
    k8s.set_image_pull_secrets(task, ["registry"])
    k8s.set_security_context(task, run_as_user=1001, run_as_group=1002, run_as_non_root=True)
    emit(text="beside")
