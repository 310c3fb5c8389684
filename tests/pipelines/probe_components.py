"""Small container components: shell one-liners in the developer's environment.

The SDK wants ``List`` and defaults as they are. No ``from __future__ import annotations`` here: the KFP SDK reads the
annotations as objects.
"""

# ruff: noqa: B006, UP006, UP035, UP045

from typing import Dict, List, Optional

from kfp import dsl

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
