"""A program, a component that agrees with it, and components that do not."""

import argparse

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from components.artifacts import Outputs, Stage, boolean, number

IMAGE = "roadworthy/dev:test"
COMMAND = ["python", "-m", "component_sample"]

stage = Stage("sample", "A stage.")
stage.input("data", "input", kind="Dataset")
stage.input("hint", "input that a component may leave out", kind="Dataset", optional=True)
stage.output("model", "Model", "output")
stage.result("score", "result")
stage.parameter("name", "required")
stage.parameter("rate", "a number", type=number(float, 0, 1), default=0.5)
stage.parameter("epochs", "an integer", type=number(int, 1), default=3)
stage.parameter("fast", "a boolean", type=boolean, default=False)


def work(args: argparse.Namespace, outputs: Outputs) -> None:
    """Not called: the tests only compare the declarations."""


def spec(**values: object) -> dsl.ContainerSpec:
    args = [word for flag, value in values.items() for word in ("--" + flag.replace("_", "-"), value)]
    return dsl.ContainerSpec(image=IMAGE, command=COMMAND, args=[*args, "--executor-input", "{{$}}"])


@dsl.container_component
def good(
    data: Input[Dataset],
    model: Output[Model],
    score: dsl.OutputPath(float),
    name: str,
    rate: float = 0.5,
    epochs: int = 3,
    fast: bool = False,
):
    return spec(data=data.path, model=model.path, score=score, name=name, rate=rate, epochs=epochs, fast=fast)


@dsl.container_component
def unknown_and_missing_flags(
    data: Input[Dataset],
    model: Output[Model],
    score: dsl.OutputPath(float),
    name: str,
    rate: float = 0.5,
    fast: bool = False,
):
    return spec(data=data.path, model=model.path, score=score, name=name, rate=rate, quick=fast)


@dsl.container_component
def crossed(
    data: Input[Dataset],
    model: Output[Model],
    score: dsl.OutputPath(float),
    name: str,
    rate: float = 0.5,
    epochs: int = 3,
    fast: bool = False,
):
    return spec(data=model.path, model=data.path, score=score, name=name, rate=epochs, epochs=rate, fast=fast)


@dsl.container_component
def wrong_kinds_and_types(
    data: Input[Model],
    model: Output[Dataset],
    score: dsl.OutputPath(float),
    name: str,
    rate: str = "0.5",
    epochs: float = 3.0,
    fast: bool = False,
):
    return spec(data=data.path, model=model.path, score=score, name=name, rate=rate, epochs=epochs, fast=fast)


@dsl.container_component
def wrong_defaults(
    data: Input[Dataset],
    model: Output[Model],
    score: dsl.OutputPath(float),
    epochs: int,
    name: str = "x",
    rate: float = 0.25,
    fast: bool = True,
):
    return spec(data=data.path, model=model.path, score=score, name=name, rate=rate, epochs=epochs, fast=fast)


@dsl.container_component
def no_executor_input(
    data: Input[Dataset],
    model: Output[Model],
    score: dsl.OutputPath(float),
    name: str,
    rate: float = 0.5,
    epochs: int = 3,
    fast: bool = False,
):
    with_it = spec(data=data.path, model=model.path, score=score, name=name, rate=rate, epochs=epochs, fast=fast)
    return dsl.ContainerSpec(image=IMAGE, command=COMMAND, args=with_it.args[:-2])
