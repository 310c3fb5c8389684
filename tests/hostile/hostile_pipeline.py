"""Three steps, each of which writes a file slowly and refuses a file that is not whole.

No ``from __future__ import annotations`` here: the KFP SDK reads the annotations as objects.
"""

from kfp import dsl

IMAGE = "registry.example/roadworthy/dev:test"
LINES = 40
SCRIPT = f"""
import os, sys, time
source, log, target = sys.argv[1:]
lines = open(source).read().splitlines() if source else []
if source and len(lines) % {LINES}:
    sys.exit("half a file was read as a whole one")
with open(log, "a") as told:
    told.write(target + chr(10))
os.makedirs(os.path.dirname(target), exist_ok=True)
with open(target, "w") as file:
    for number in range(len(lines) + {LINES}):
        print(number, file=file, flush=True)
        time.sleep(1.0 / {LINES})
"""


def _python(*args: object) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=IMAGE, command=["python3", "-c", SCRIPT], args=list(args))


@dsl.container_component
def first(log: str, made: dsl.Output[dsl.Dataset]):
    return _python("", log, made.path)


@dsl.container_component
def further(source: dsl.Input[dsl.Dataset], log: str, made: dsl.Output[dsl.Dataset]):
    return _python(source.path, log, made.path)


@dsl.pipeline(name="chain")
def chain(log: str) -> dsl.Dataset:
    one = first(log=log)
    two = further(source=one.output, log=log)
    return further(source=two.output, log=log).output
