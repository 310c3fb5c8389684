"""The simulator falls into Argo's traps: a manifest without the compiler's care tells another story in it."""

from __future__ import annotations

import copy
import json

import argo_expressions
import argo_probes
import pipeline_probes as probes
import pytest
from argo_simulator import Simulator

from pipelines.targets import argo, kfp


@pytest.fixture
def told(tmp_path):
    """Runs a probe's manifest after a change to its text or its templates."""

    def start(pipeline, change=None, **given):
        found = copy.deepcopy(argo.workflow_template(kfp.compiled(pipeline)))
        if change:
            change({one["name"]: one for one in found["spec"]["templates"]})
        simulator = Simulator(found, tmp_path / str(len(list(tmp_path.iterdir()))), {})
        return simulator.submit(**given), simulator

    return start


def bare(templates):
    templates["join"]["container"]["args"][-1] = "{{inputs.parameters.xs}}"


def test_without_a_shield_a_parameter_names_a_variable_into_the_command(told):
    given = {"need": "x", "xs": '["$(HOME)"]'}
    assert json.loads(told(probes.many_params, **given)[0].parameters["Output"]) == ["$(HOME)"]
    assert json.loads(told(probes.many_params, bare, **given)[0].parameters["Output"]) == ["/tmp"]


def test_without_targets_a_failure_that_something_ran_after_is_forgotten(told):
    def change(templates):
        del templates["main"]["dag"]["target"]

    assert told(probes.upstream_ignored)[0].phase == "Failed"
    assert told(probes.upstream_ignored, change)[0].phase == "Succeeded"


def test_without_quotes_collected_texts_become_numbers(told):
    def change(templates):
        (each,) = (one for name, one in templates.items() if name.endswith("-each"))
        (output,) = each["outputs"]["parameters"]
        output["valueFrom"] = {"parameter": "{{tasks.emit.outputs.parameters.said}}"}

    given = {"xs": '["1", "2"]'}
    assert json.loads(told(probes.loop_param, **given)[0].parameters["Output"]) == ["1", "2"]
    assert json.loads(told(probes.loop_param, change, **given)[0].parameters["Output"]) == [1, 2]


def test_a_choice_within_a_call_is_never_resolved(told):
    def change(templates):
        (task,) = templates["on-exit"]["dag"]["tasks"]
        choice = "{{=toJson({'state': workflow.status == 'Succeeded' ? 'SUCCEEDED' : 'FAILED' })}}"
        task["arguments"]["parameters"] = [{"name": "status", "value": choice}]

    assert told(probes.exit_ok)[1].nodes["final",].phase == "Succeeded"
    with pytest.raises(ValueError, match=r"toJson"):
        told(probes.exit_ok, change)


def test_a_tag_in_a_value_is_filled_by_the_next_pass(told):
    """Why what a run is given must be asked of ``values.refused`` before it is submitted."""
    outcome, simulator = told(probes.if_named, text="{{workflow.name}}")
    assert outcome.parameters["Output"] == simulator.name


def test_artifacts_of_one_key_are_an_error(told):
    def change(templates):
        for name in ("make", "make-2"):
            templates[name]["outputs"]["artifacts"][0]["s3"]["key"] = "one/for/all"

    with pytest.raises(ValueError, match="two artifacts of the key"):
        told(probes.same_component_twice, change)


def test_a_missing_output_is_an_error_of_the_pod(told):
    assert told(probes.forgets)[1].nodes["forgetful",].phase == "Error"


def test_a_parameter_without_a_value_is_asked_for(told):
    with pytest.raises(ValueError, match=r"spec\.arguments\.need\.value is required"):
        told(probes.many_params)


def test_a_loop_goes_over_what_a_step_gave(told):
    outcome, _ = told(argo_probes.loop_fails_then)
    assert outcome.phase == "Failed"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 < 2 && !(a == 'b')", True),
        ("asFloat(n) >= -2.5 || missing.x", True),
        ("a in ['x', 'y']", True),
        ("a == 'y' ? '1' : (a == 'x' ? '2' : '3')", "2"),
        ("toJson({'b': n, 'a': ['\\u007b', a + a] })", '{"a":["{","xx"],"b":"3"}'),
        ("jsonpath('[[1,2],[3]]', '$[*][*]')", [1, 2, 3]),
    ],
)
def test_expressions_are_those_of_expr_lang(expression, value):
    assert argo_expressions.evaluate(expression, {"a": "x", "n": "3"}) == value


@pytest.mark.parametrize("text", ["{{absent}}", "{{=absent.a == 'x'}}", "{{=a.b ? 'x' : 'y'}}", "{{", "}}"])
def test_what_is_not_known_stays(text):
    assert argo_expressions.fill(text, {"a": {}}) == text


@pytest.mark.parametrize("text", ["{{=a +}}", "{{=a = 'x'}}", "{{=1}}", '{{=a == "x"}}'])
def test_what_is_outside_the_subset_raises(text):
    with pytest.raises(ValueError, match=r"\S"):
        argo_expressions.fill(text, {"a": "x"})
