"""What kfp.local 2.17 gets wrong for container components, one test a defect; ours must get it right.

Found by running it: outputs not listed in executor_output.json are lost; failures read as success; a condition on a
named output is skipped; a loop over one crashes; OneOf over artifacts crashes; parallelism is two at most; print
stays patched; there is no task timeout, and logs of quick steps get lost.
"""

import builtins
import json

import pipeline_probes as probes
import pytest


def test_1_an_output_that_is_not_listed_in_executor_output_is_handed_on(run):
    ran = run(probes.same_component_twice)
    assert not (ran.folder / "make" / "out" / "executor_output.json").exists()
    assert ran.outputs == {"Output": "first"}


def test_1_also_when_other_outputs_are_listed(run):
    ran = run(probes.with_metrics)
    assert ran.state == "SUCCEEDED"
    assert ran.artifact("metric", "metrics")["metadata"] == {"accuracy": 0.9}
    assert ran.artifact("metric", "out")["type"] == "system.Dataset"


def test_2_a_failed_step_is_a_failure_and_what_follows_does_not_run(run):
    ran = run(probes.exit_after_failure)
    assert (ran.state, ran.states["boom"], ran.states["emit"]) == ("FAILED", "FAILED", "OMITTED")


def test_3_a_condition_on_a_named_output_is_decided(run):
    assert run(probes.if_named, text="good").states["emit-2"] == "SUCCEEDED"
    assert run(probes.if_named, text="bad").states["emit-2"] == "SKIPPED"


def test_4_a_loop_over_a_named_output_runs(run):
    assert json.loads(run(probes.loop_named, text='["x","y","z"]').outputs["Output"]) == ["x", "y", "z"]


@pytest.mark.parametrize(("text", "shown"), [("3", "more than two"), ("2", "few")])
def test_5_oneof_hands_on_the_artifact_of_the_branch_that_ran(run, text, shown):
    assert run(probes.branches_on_output, text=text).outputs == {"Output": shown}


def test_5_oneof_over_artifacts_by_a_parameter(run):
    assert run(probes.if_artifact_oneof, flag="yes").outputs == {"Output": "A"}
    assert run(probes.if_artifact_oneof, flag="no").outputs == {"Output": "B"}


def overlap(spans):
    """The largest number of spans that cover one moment."""
    times = [tuple(map(float, span.split())) for span in spans]
    return max(sum(a <= moment <= b for a, b in times) for moment, _ in times)


def spans(ran):
    return [ran.value(name, "times") for name in ran.states]


def test_6_independent_steps_run_at_the_same_time(run):
    assert overlap(spans(run(probes.independent))) == 2


def test_6_steps_that_wait_for_each_other_do_not(run):
    assert overlap(spans(run(probes.chained))) == 1


def test_6_no_more_steps_at_a_time_than_workers(run):
    assert overlap(spans(run(probes.independent, workers=1))) == 1


def test_6_a_loop_keeps_its_own_limit(run):
    assert overlap(spans(run(probes.loop_limited, workers=8))) == 2


def test_7_a_run_leaves_print_alone(run, capsys):
    before = builtins.print
    run(probes.independent)
    assert builtins.print is before
    assert capsys.readouterr().out == ""


def test_8_the_log_of_a_quick_step_is_whole(run):
    assert run(probes.exit_after_failure).log("boom") == "the boom\n"


def test_8_a_task_has_a_time_limit(run):
    assert "ran longer than" in run(probes.timed_out).steps["shell-sleep"]["error"]
