"""Each component and the program it calls say the same; kfp is in component.py and nowhere else."""

import ast
import importlib
from pathlib import Path

import component_agreement as agreement
import component_sample as sample
import pytest

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted(ROOT.glob("components/**/component.py"))
OTHERS = sorted(path for path in ROOT.glob("components/**/*.py") if path.name != "component.py")


def named(path):
    return str(path.relative_to(ROOT))


def found_in(path):
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return dict(agreement.components_in(module))


COMPONENTS = [(path.parent.name, name, one) for path in SPECS for name, one in found_in(path).items()]


def test_components_are_found():
    assert SPECS
    assert {folder for folder, _, _ in COMPONENTS} == {path.parent.name for path in SPECS}


@pytest.mark.parametrize(
    ("folder", "name", "component"), COMPONENTS, ids=[f"{folder}.{name}" for folder, name, _ in COMPONENTS]
)
def test_a_component_and_its_program_agree(folder, name, component):
    assert agreement.disagreements(component) == []


@pytest.mark.parametrize("path", SPECS, ids=named)
def test_a_specification_is_short(path):
    assert len(path.read_text().splitlines()) < 80


@pytest.mark.parametrize("path", OTHERS, ids=named)
def test_only_specifications_import_kfp(path):
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [alias.name for alias in getattr(node, "names", [])] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [name for name in names if name.split(".")[0] == "kfp"]


def test_a_sample_that_agrees_is_passed():
    assert agreement.disagreements(sample.good, sample.stage) == []


@pytest.mark.parametrize(
    ("component", "caught"),
    [
        (
            sample.unknown_and_missing_flags,
            ["--quick: passed, but the program does not take it", "--epochs: taken", "--fast: taken"],
        ),
        (sample.crossed, ["--data: expected {{$.inputs", "--model: expected {{$.outputs", "--rate: ", "--epochs: "]),
        (
            sample.wrong_kinds_and_types,
            [
                "--data: expected the kind Dataset",
                "--model: expected the kind Model",
                "--rate: expected a number",
                "--epochs: expected a integer",
            ],
        ),
        (
            sample.wrong_defaults,
            [
                "--name: expected no default",
                "--rate: expected the program's default 0.5, found 0.25",
                "--epochs: ",
                "--fast: ",
            ],
        ),
        (sample.no_executor_input, ["--executor-input: expected {{$}}"]),
    ],
    ids=["flags", "crossed", "kinds", "defaults", "executor-input"],
)
def test_a_sample_that_disagrees_is_caught_in_every_point(component, caught):
    found = agreement.disagreements(component, sample.stage)
    for beginning in caught:
        assert any(line.startswith(beginning) for line in found), (beginning, found)
    assert len([line for line in found if line.startswith("--")]) == len(caught)


def test_a_program_with_sub_commands_is_found_by_its_command():
    for folder, name, component in COMPONENTS:
        command = component.component_spec.implementation.container.command
        assert agreement.stage_of(tuple(command)).name == " ".join(
            [command[2].removeprefix("components."), *command[3:]]
        ), (folder, name)
