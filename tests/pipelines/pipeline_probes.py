"""Small container components, shell one-liners in the developer's environment, and pipelines over them.

The SDK wants ``List``, defaults as they are and loops within loops as they would be written.
No ``from __future__ import annotations`` here: the KFP SDK reads the annotations as objects.
"""

# ruff: noqa: B006, SIM117, UP006, UP035, UP045

from typing import Dict, List, Optional

from kfp import dsl
from kfp import kubernetes as k8s

IMAGE = "registry.example/roadworthy/dev:test"
WRITE = 'mkdir -p "$(dirname "$0")"; printf "%s" "$1" > "$0"'


def shell(script: str, *args: object) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", script], args=list(args))


def python(script: str, *args: object) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=IMAGE, command=["python", "-c", script], args=list(args))


@dsl.container_component
def emit(text: str, said: dsl.OutputPath(str)):
    return shell(WRITE, said, text)


@dsl.container_component
def emit_two(a: str, b: str, said: dsl.OutputPath(str)):
    return shell(WRITE, said, f"{a}{b}")


@dsl.container_component
def emit_list(text: str, items: dsl.OutputPath(List[str])):
    return shell(WRITE, items, text)


@dsl.container_component
def emit_structs(text: str, items: dsl.OutputPath(List[Dict[str, str]])):
    return shell(WRITE, items, text)


@dsl.container_component
def emit_whole(text: str, n: dsl.OutputPath(int)):
    return shell(WRITE, n, text)


@dsl.container_component
def make(text: str, made: dsl.Output[dsl.Dataset]):
    return shell(WRITE, made.path, text)


@dsl.container_component
def show(made: dsl.Input[dsl.Dataset], text: dsl.OutputPath(str)):
    return shell('mkdir -p "$(dirname "$0")"; cat "$1" > "$0"', text, made.path)


@dsl.container_component
def join(xs: List[str], out: dsl.OutputPath(str)):
    return shell(WRITE, out, xs)


@dsl.container_component
def input_of(xs: dsl.Input[List[dsl.Dataset]], out: dsl.OutputPath(str)):
    return shell(WRITE, out, "{{$}}")


@dsl.container_component
def boom(status: int = 7):
    return shell('echo "the boom"; exit "$0"', status)


@dsl.container_component
def final(status: dsl.PipelineTaskFinalStatus, seen: dsl.OutputPath(str)):
    return shell(WRITE, seen, status)


@dsl.container_component
def after_all(seen: dsl.OutputPath(str)):
    return shell(WRITE, seen, "ran")


@dsl.container_component
def optional(out: dsl.OutputPath(str), text: str = "by default"):
    return shell(WRITE, out, text)


SPAN = "import sys, time; a = time.time(); time.sleep({}); open(sys.argv[1], 'w').write(f'{{a}} {{time.time()}}')"


@dsl.container_component
def span(text: str, times: dsl.OutputPath(str)):
    return python(SPAN.format(0.4), times, text)


@dsl.container_component
def flaky(counter: str, out: dsl.OutputPath(str)):
    script = 'echo try; echo x >> "$0"; [ "$(wc -l < "$0")" -ge 3 ] && mkdir -p "$(dirname "$1")" && echo ok > "$1"'
    return shell(script, counter, out)


@dsl.container_component
def emit_and_fail(said: dsl.OutputPath(str)):
    return shell("exit 1", said)


@dsl.container_component
def shell_sleep():
    return shell("sleep 60 & sleep 61")


@dsl.container_component
def say_all(
    out: dsl.Output[dsl.Model],
    listed: dsl.OutputPath(str),
    n: float = 1e-05,
    i: int = 3,
    b: bool = True,
    big: float = 1e21,
    xs: List[float] = [3.0, 0.5],
    d: Dict[str, str] = {"b": "<&>", "a": "ü"},
    base: Optional[str] = None,
):
    # Writes its arguments, one a line, to its last but one; both outputs are written.
    return dsl.ContainerSpec(
        image=IMAGE,
        command=[
            "python",
            "-c",
            "import sys; a = sys.argv; open(a[1], 'w').write('\\n'.join(a[3:])); open(a[2], 'w').close()",
        ],
        args=[
            listed,
            out.path,
            n,
            i,
            b,
            big,
            xs,
            d,
            dsl.IfPresentPlaceholder(input_name="base", then=["--base", base], else_=["--none"]),
            dsl.ConcatPlaceholder(["--tag=", i, dsl.ConcatPlaceholder(["-", b])]),
            f"{out.uri}",
        ],
    )


@dsl.container_component
def metric(metrics: dsl.Output[dsl.Metrics], out: dsl.Output[dsl.Dataset]):
    script = (
        "import json, sys; e = json.loads(sys.argv[3]); [open(p, 'w').close() for p in sys.argv[1:3]];"
        "a = e['outputs']['artifacts']['metrics']['artifacts'][0]; a['metadata'] = {'accuracy': 0.9};"
        "json.dump({'artifacts': {'metrics': {'artifacts': [a]}}}, open(e['outputs']['outputFile'], 'w'))"
    )
    return python(script, metrics.path, out.path, "{{$}}")


@dsl.container_component
def forgetful(said: dsl.OutputPath(str), made: dsl.Output[dsl.Dataset]):
    return shell("exit 0", said, made.path)


@dsl.container_component
def from_environment(out: dsl.OutputPath(str)):
    script = "import os, sys; open(sys.argv[1], 'w').write(os.environ['GIVEN'] + ' ' + sys.prefix)"
    return python(script, out)


@dsl.container_component
def start_server(pids: str):
    # A daemon in a session of its own, and a child that is none: only the first may outlive the step.
    script = (
        'sleep 300 & echo "child $!" >> "$0"; '
        'setsid sh -c \'echo "daemon $$" >> "$0"; exec sleep 301\' "$0" & sleep 0.3'
    )
    return shell(script, pids)


@dsl.container_component
def stop_server(pids: str, stopped: str):
    return shell('sed -n "s/daemon //p" "$0" | xargs -r kill; echo stopped > "$1"', pids, stopped)


@dsl.container_component
def wait_long(ready: str):
    return shell('sleep 302 & sleep 303 & echo up > "$0"; wait', ready)


@dsl.container_component
def start_and_fail(pids: str):
    return shell('setsid sh -c \'echo "daemon $$" >> "$0"; exec sleep 304\' "$0" & sleep 0.3; exit 4', pids)


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
def served(pids: str, stopped: str) -> None:
    with dsl.ExitHandler(stop_server(pids=pids, stopped=stopped)):
        start_server(pids=pids)


@dsl.pipeline
def interrupted(pids: str, stopped: str, ready: str) -> None:
    with dsl.ExitHandler(stop_server(pids=pids, stopped=stopped)):
        started = start_server(pids=pids)
        waiting = wait_long(ready=ready).after(started)
        emit(text="never").after(waiting)


@dsl.pipeline
def server_left_by_failure(pids: str) -> None:
    start_and_fail(pids=pids)


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


@dsl.pipeline
def server_left_running(pids: str) -> None:
    start_server(pids=pids)


@dsl.container_component
def wait_stubbornly(ready: str):
    return shell("trap '' TERM; echo up > \"$0\"; while true; do sleep 1; done", ready)


@dsl.pipeline
def stubborn(ready: str) -> None:
    with dsl.ExitHandler(wait_stubbornly(ready=ready)):
        wait_long(ready=ready)


@dsl.container_component
def serve_until_told(state: str, made: dsl.Output[dsl.Dataset]):
    # What `deploy` does: a daemon that ends when a file asks it to, and says so in another.
    script = (
        'mkdir -p "$0"; setsid sh -c \''
        'echo up > "$0/up"; while [ ! -e "$0/stop" ]; do sleep 0.1; done; echo down > "$0/down"\' "$0" & '
        'while [ ! -e "$0/up" ]; do sleep 0.05; done; echo made > "$1"'
    )
    return shell(script, state, made.path)


@dsl.container_component
def ask(state: str, answer: dsl.OutputPath(str)):
    return shell('[ -e "$0/down" ] && exit 9; cat "$0/up" > "$1"', state, answer)


@dsl.container_component
def tell(state: str):
    return shell('touch "$0/stop"; while [ ! -e "$0/down" ]; do sleep 0.05; done', state)


STATE = f"{dsl.PIPELINE_ROOT_PLACEHOLDER}/state"


@dsl.pipeline
def deployed() -> None:
    with dsl.ExitHandler(tell(state=STATE)):
        up = serve_until_told(state=STATE)
        ask(state=STATE).after(up)


@dsl.pipeline
def deployed_for_good() -> None:
    serve_until_told(state=STATE)


@dsl.pipeline
def deployed_and_interrupted(ready: str) -> None:
    with dsl.ExitHandler(tell(state=STATE)):
        up = serve_until_told(state=STATE)
        wait_long(ready=ready).after(up)
