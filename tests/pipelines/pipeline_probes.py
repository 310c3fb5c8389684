"""Pipelines over the small components: each compiles, and runs, one thing that a target must know.

The SDK wants ``List``, defaults as they are and loops within loops as they would be written.
No ``from __future__ import annotations`` here: the KFP SDK reads the annotations as objects.
"""

# ruff: noqa: B006, SIM117, UP006, UP035

from typing import Dict, List

from kfp import dsl
from kfp import kubernetes as k8s
from probe_components import (
    after_all,
    boom,
    emit,
    emit_and_fail,
    emit_list,
    emit_structs,
    emit_two,
    emit_whole,
    final,
    flaky,
    forgetful,
    from_environment,
    input_of,
    join,
    make,
    metric,
    optional,
    say_all,
    shell_sleep,
    show,
    span,
)


@dsl.pipeline
def if_named(text: str = "good") -> str:
    e = emit(text=text)
    with dsl.If(e.outputs["said"] == "good"):
        emit(text="ran")
    return e.outputs["said"]


@dsl.pipeline
def if_param(flag: str = "yes") -> str:
    e = emit(text="x")
    with dsl.If(flag == "yes"):
        emit(text="ran")
    return e.outputs["said"]


@dsl.pipeline
def branches(n: int = 1, x: float = 0.5) -> str:
    with dsl.If(n == 1):
        a = emit(text="one")
    with dsl.Elif(x > 0.25):
        b = emit(text="large")
    with dsl.Else():
        c = emit(text="else")
    return dsl.OneOf(a.outputs["said"], b.outputs["said"], c.outputs["said"])


@dsl.pipeline
def branches_on_output(text: str = "3") -> str:
    n = emit_whole(text=text)
    with dsl.If(n.outputs["n"] > 2):
        a = make(text="more than two")
    with dsl.Else():
        b = make(text="few")
    return show(made=dsl.OneOf(a.outputs["made"], b.outputs["made"])).outputs["text"]


@dsl.pipeline
def loop_static() -> str:
    with dsl.ParallelFor(["a", "b", "c"]) as x:
        e = emit(text=x)
    return join(xs=dsl.Collected(e.outputs["said"])).outputs["out"]


@dsl.pipeline
def loop_param(xs: List[str] = ["p", "q"]) -> str:
    with dsl.ParallelFor(xs) as x:
        e = emit(text=x)
    return join(xs=dsl.Collected(e.outputs["said"])).outputs["out"]


@dsl.pipeline
def loop_named(text: str = '["a","b"]') -> str:
    listed = emit_list(text=text)
    with dsl.ParallelFor(listed.outputs["items"]) as x:
        e = emit(text=x)
    return join(xs=dsl.Collected(e.outputs["said"])).outputs["out"]


@dsl.pipeline
def loop_structs() -> str:
    listed = emit_structs(text='[{"k": "v", "l": "1"}, {"k": "w", "l": "2"}]')
    with dsl.ParallelFor(listed.outputs["items"]) as x:
        e = emit_two(a=x.k, b=x.l)
    return join(xs=dsl.Collected(e.outputs["said"])).outputs["out"]


@dsl.pipeline
def loop_in_loop() -> str:
    with dsl.ParallelFor(["a", "b"]) as x:
        with dsl.ParallelFor(["1", "2"]) as y:
            e = emit_two(a=x, b=y)
    return join(xs=dsl.Collected(e.outputs["said"])).outputs["out"]


@dsl.pipeline
def if_in_loop() -> str:
    with dsl.ParallelFor(["a", "b"]) as x:
        e = emit(text=x)
        with dsl.If(x == "a"):
            emit(text="inner")
    return join(xs=dsl.Collected(e.outputs["said"])).outputs["out"]


@dsl.pipeline
def loop_artifacts_collected() -> str:
    with dsl.ParallelFor(["a", "b"]) as x:
        m = make(text=x)
    return input_of(xs=dsl.Collected(m.outputs["made"])).outputs["out"]


@dsl.pipeline
def loop_failing() -> None:
    with dsl.ParallelFor([0, 3, 0]) as x:
        boom(status=x)


@dsl.pipeline
def same_component_twice() -> str:
    a = make(text="first")
    b = make(text="second").after(a)
    return show(made=a.outputs["made"]).after(b).outputs["text"]


@dsl.pipeline
def exit_ok() -> None:
    with dsl.ExitHandler(final()):
        emit(text="x")


@dsl.pipeline
def exit_after_failure() -> None:
    with dsl.ExitHandler(final(), name="guarded"):
        b = boom()
        emit(text="never").after(b)


@dsl.pipeline
def exit_without_status() -> None:
    with dsl.ExitHandler(after_all()):
        boom()


@dsl.pipeline
def retried(counter: str) -> None:
    flaky(counter=counter).set_retry(2, backoff_duration="0s")


@dsl.pipeline
def retried_in_vain() -> None:
    boom().set_retry(2, backoff_duration="0s")


@dsl.pipeline
def upstream_ignored() -> str:
    b = boom()
    e = emit(text="still").after(b).ignore_upstream_failure()
    return e.outputs["said"]


@dsl.pipeline
def upstream_ignored_with_default() -> None:
    e = emit_and_fail()
    optional(text=e.outputs["said"]).ignore_upstream_failure()


@dsl.pipeline
def inner(t: str = "dflt") -> str:
    return emit(text=t).outputs["said"]


@dsl.pipeline
def nested() -> str:
    return emit(text=inner(t="n").output).outputs["said"]


@dsl.pipeline
def inner_artifact(t: str) -> dsl.Dataset:
    return make(text=t).outputs["made"]


@dsl.pipeline
def nested_twice() -> str:
    x = inner_artifact(t="one")
    y = inner_artifact(t="two").after(x)
    return show(made=x.output).after(y).outputs["text"]


@dsl.pipeline
def if_artifact_oneof(flag: str = "no") -> str:
    with dsl.If(flag == "yes"):
        a = make(text="A")
    with dsl.Else():
        b = make(text="B")
    return show(made=dsl.OneOf(a.outputs["made"], b.outputs["made"])).outputs["text"]


@dsl.pipeline
def imported(uri: str) -> str:
    brought = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset, reimport=True, metadata={"from": uri})
    return show(made=brought.output).outputs["text"]


@dsl.pipeline
def timed_out() -> None:
    slow = shell_sleep()
    k8s.set_timeout(slow, 1)


@dsl.pipeline
def independent() -> None:
    span(text="a")
    span(text="b")


@dsl.pipeline
def chained() -> None:
    first = span(text="a")
    span(text="b").after(first)


@dsl.pipeline
def loop_limited() -> None:
    with dsl.ParallelFor(["a", "b", "c", "d"], parallelism=2) as x:
        span(text=x)


@dsl.pipeline
def everything_said(base: str = "x") -> None:
    say_all().set_display_name("Without base")
    say_all(base=base)


@dsl.pipeline
def run_placeholders() -> None:
    emit(text=dsl.PIPELINE_ROOT_PLACEHOLDER)
    emit(text=f"{dsl.PIPELINE_JOB_NAME_PLACEHOLDER} {dsl.PIPELINE_TASK_NAME_PLACEHOLDER}")
    emit(text=dsl.PIPELINE_JOB_ID_PLACEHOLDER)
    emit(text=dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER)


@dsl.pipeline
def with_metrics() -> str:
    m = metric()
    return show(made=m.outputs["out"]).outputs["text"]


@dsl.pipeline
def forgets() -> None:
    forgetful()


@dsl.pipeline
def environment() -> str:
    task = from_environment()
    task.set_env_variable("GIVEN", "value")
    return task.outputs["out"]


@dsl.pipeline
def secret() -> None:
    task = emit(text="x")
    k8s.use_secret_as_env(task, secret_name="s3", secret_key_to_env={"key": "ROADWORTHY_TEST_SECRET"})


@dsl.pipeline
def volume() -> None:
    task = emit(text="x")
    k8s.mount_pvc(task, pvc_name="models", mount_path="/models")


@dsl.pipeline(name="many-params")
def many_params(
    need: str, n: int = 3, x: float = 0.5, yes: bool = True, xs: List[str] = ["a"], d: Dict[str, int] = {"a": 1}
) -> str:
    return join(xs=xs).outputs["out"]


@dsl.pipeline
def cached_chain(text: str = "hello") -> str:
    m = make(text=text)
    s = show(made=m.outputs["made"])
    never = emit(text=s.outputs["text"])
    never.set_caching_options(False)
    return never.outputs["said"]


@dsl.pipeline
def two_loops_in_one_text() -> None:
    with dsl.ParallelFor(["a", "b"]) as x:
        with dsl.ParallelFor(["c"]) as y:
            emit(text=f"{x}{y}")


@dsl.pipeline
def two_fields_in_one_text() -> None:
    listed = emit_structs(text="[]")
    with dsl.ParallelFor(listed.outputs["items"]) as x:
        emit(text=f"{x.k}{x.l}")
