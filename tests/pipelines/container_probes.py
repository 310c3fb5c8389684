"""Pipelines whose steps say what they may do in their container.

No ``from __future__ import annotations`` here: the KFP SDK reads the annotations as objects.
"""

from kfp import dsl
from kfp import kubernetes as k8s
from probe_components import emit, shell

SECRET = "ROADWORTHY_TEST_SECRET"
LOOK = 'id -u; id -g; sed -nE "s/^(CapEff|CapBnd|NoNewPrivs):\\t//p" /proc/self/status'
TRY = 'for place in / /usr/bin /etc /tmp "$HOME" .; do touch "$place/probe" 2> /dev/null && echo "wrote $place"; done'


@dsl.container_component
def look(said: dsl.OutputPath(str)):
    return shell(f'mkdir -p "$(dirname "$0")"; {{ {LOOK}; {TRY}; }} > "$0"', said)


@dsl.container_component
def leave(made: dsl.Output[dsl.Dataset]):
    return shell('umask 077; mkdir -p "$0/inner"; echo x > "$0/inner/file"', made.path)


@dsl.container_component
def read_secret(ready: str, said: dsl.OutputPath(str)):
    script = f'mkdir -p "$(dirname "$1")"; echo "${SECRET}" | tr a-z b-za > "$1"; echo up > "$0"; sleep 3'
    return shell(script, ready, said)


@dsl.pipeline
def rights() -> str:
    return look().outputs["said"]


@dsl.pipeline
def left() -> str:
    made = leave()
    return emit(text="done").after(made).outputs["said"]


@dsl.pipeline
def secret(ready: str) -> str:
    task = read_secret(ready=ready)
    k8s.use_secret_as_env(task, secret_name="s3", secret_key_to_env={"key": SECRET})
    return task.outputs["said"]
