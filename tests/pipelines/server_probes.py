"""Pipelines whose steps start servers, wait for them, and are interrupted meanwhile."""

from kfp import dsl
from probe_components import emit, shell


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
