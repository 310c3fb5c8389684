"""Pipelines that end as they should not, each for one reason that lies in the cluster."""

# No ``from __future__ import annotations`` here: the KFP SDK reads the annotations as objects.

from kfp import dsl

from components.artifacts import image
from pipelines.placement import on_gpu

SAY = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('said')"
FILL = "b = bytearray(1 << 30); b[::4096] = bytes(len(b[::4096]))"


@dsl.container_component
def python(code: str, said: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]
    """Runs a line of Python with the path of its output as its argument."""
    return dsl.ContainerSpec(image=image("analysis"), command=["python", "-c"], args=[code, said.path])


@dsl.container_component
def word(code: str, said: dsl.OutputPath(str)):  # type: ignore[valid-type,no-untyped-def]
    """The same, whose output is a text."""
    return dsl.ContainerSpec(image=image("analysis"), command=["python", "-c"], args=[code, said])


@dsl.pipeline(name="says-twice")
def says_twice() -> None:
    """Two steps, the second with the first's word."""
    first = word(code=SAY)
    word(code=f"{SAY}; print('after {first.outputs['said']}')")


@dsl.pipeline(name="says")
def says() -> None:
    """One step that does what it should."""
    python(code=SAY)


@dsl.pipeline(name="asks-for-a-gpu")
def asks_for_a_gpu() -> None:
    """One step that takes the profile it is compiled with."""
    on_gpu(python(code=SAY))


@dsl.pipeline(name="fills")
def fills() -> None:
    """One step that wants a gigabyte and gets a sixteenth."""
    python(code=FILL).set_memory_limit("64Mi")
