"""Every construct of the DSL that our DAGs may use, compiled and run with container components.

kfp.local gets much of this wrong for them: those cases are in test_kfp_local_defects.py.
"""

import json
from pathlib import Path

import pipeline_probes as probes
import pytest


def test_a_condition_on_a_parameter_takes_or_leaves_its_branch(run):
    assert run(probes.if_param, flag="yes").states == {"emit": "SUCCEEDED", "emit-2": "SUCCEEDED"}
    assert run(probes.if_param, flag="no").states == {"emit": "SUCCEEDED", "emit-2": "SKIPPED"}


@pytest.mark.parametrize(("n", "x", "said"), [(1, 0.9, "one"), (2, 0.9, "large"), (2, 0.1, "else")])
def test_of_if_elif_else_one_runs_and_oneof_hands_on_its_parameter(run, n, x, said):
    ran = run(probes.branches, n=n, x=x)
    assert ran.outputs == {"Output": said}
    assert sorted(ran.states.values()) == ["SKIPPED", "SKIPPED", "SUCCEEDED"]


def test_a_loop_over_a_static_list_collects_in_the_items_order(run):
    assert json.loads(run(probes.loop_static).outputs["Output"]) == ["a", "b", "c"]


@pytest.mark.parametrize("xs", [["p", "q"], ["one"], []])
def test_a_loop_over_a_parameter_collects_as_many_as_it_has(run, xs):
    assert json.loads(run(probes.loop_param, xs=xs).outputs["Output"]) == xs


def test_a_loop_over_structs_reads_their_fields(run):
    assert json.loads(run(probes.loop_structs).outputs["Output"]) == ["v1", "w2"]


def test_a_loop_in_a_loop_collects_one_flat_list(run):
    assert json.loads(run(probes.loop_in_loop).outputs["Output"]) == ["a1", "a2", "b1", "b2"]


def test_a_condition_in_a_loop_is_decided_for_each_item(run):
    ran = run(probes.if_in_loop)
    assert json.loads(ran.outputs["Output"]) == ["a", "b"]
    assert ran.states["for-loop-2/0/emit-2"] == "SUCCEEDED"
    assert ran.states["for-loop-2/1/emit-2"] == "SKIPPED"


def test_each_iteration_has_its_own_folder_and_log(run):
    ran = run(probes.loop_static)
    folders = [ran.folder / "for-loop-2" / str(index) / "emit" for index in range(3)]
    assert [(folder / "out" / "said").read_text() for folder in folders] == ["a", "b", "c"]
    assert all((folder / "log.txt").is_file() for folder in folders)


def test_a_failed_iteration_fails_the_run_but_not_the_others(run):
    ran = run(probes.loop_failing)
    assert ran.state == "FAILED"
    assert sorted(ran.states.values()) == ["FAILED", "SUCCEEDED", "SUCCEEDED"]


def test_collected_artifacts_arrive_as_one_list(run):
    ran = run(probes.loop_artifacts_collected)
    given = json.loads(ran.outputs["Output"])["inputs"]["artifacts"]["xs"]["artifacts"]
    assert [Path(artifact["uri"]).read_text() for artifact in given] == ["a", "b"]


def test_two_uses_of_a_component_keep_their_outputs_apart(run):
    assert run(probes.same_component_twice).outputs == {"Output": "first"}


def test_the_exit_handler_sees_success(run):
    ran = run(probes.exit_ok)
    status = json.loads(ran.value("final", "seen"))
    assert ran.state == "SUCCEEDED"
    assert (status["state"], status["pipelineTaskName"]) == ("SUCCEEDED", "exit-handler-1")
    assert status["pipelineJobName"] == ran.folder.name


def test_the_exit_handler_runs_after_a_failure_and_sees_it(run):
    ran = run(probes.exit_after_failure)
    status = json.loads(ran.value("final", "seen"))
    assert ran.states == {"boom": "FAILED", "emit": "OMITTED", "final": "SUCCEEDED"}
    assert ran.state == status["state"] == "FAILED"
    assert "exit status 7" in status["error"]["message"]


def test_an_exit_handler_that_asks_for_no_status_runs_too(run):
    ran = run(probes.exit_without_status)
    assert (ran.state, ran.value("after-all", "seen")) == ("FAILED", "ran")


def test_ignore_upstream_failure_runs_after_a_failure_and_the_run_still_fails(run):
    ran = run(probes.upstream_ignored)
    assert ran.states == {"boom": "FAILED", "emit": "SUCCEEDED"}
    assert ran.state == "FAILED"


def test_ignore_upstream_failure_falls_back_on_the_default_of_what_was_not_made(run):
    assert run(probes.upstream_ignored_with_default).value("optional", "out") == "by default"


def test_a_nested_pipeline_takes_and_gives_parameters(run):
    ran = run(probes.nested)
    assert ran.outputs == {"Output": "n"}
    assert ran.states == {"inner/emit": "SUCCEEDED", "emit": "SUCCEEDED"}


def test_a_pipeline_nested_twice_gives_each_its_own_artifact(run):
    assert run(probes.nested_twice).outputs == {"Output": "one"}


def test_an_import_hands_on_a_file_and_its_metadata(run, tmp_path):
    file = tmp_path / "data.txt"
    file.write_text("brought along")
    ran = run(probes.imported, uri=str(file))
    assert ran.outputs == {"Output": "brought along"}
    assert ran.artifact("importer", "artifact")["metadata"] == {"from": str(file)}


def test_an_import_of_nothing_fails_by_name(run, tmp_path):
    ran = run(probes.imported, uri=str(tmp_path / "absent"))
    assert ran.states == {"importer": "FAILED", "show": "OMITTED"}
    assert "expected a file or folder to import" in ran.steps["importer"]["error"]


def test_a_flaky_step_succeeds_at_its_third_try(run, tmp_path):
    ran = run(probes.retried, counter=str(tmp_path / "counter"))
    assert (ran.state, ran.steps["flaky"]["attempts"]) == ("SUCCEEDED", 3)
    assert ran.log("flaky").count("try") == 3


def test_retries_end(run):
    ran = run(probes.retried_in_vain)
    assert (ran.state, ran.steps["boom"]["attempts"]) == ("FAILED", 3)


def test_a_step_over_its_time_is_ended_with_its_children(run):
    ran = run(probes.timed_out)
    assert ran.state == "FAILED"
    assert "ran longer than 1 s" in ran.steps["shell-sleep"]["error"]
    assert ran.steps["shell-sleep"]["seconds"] < 20


def test_a_step_gets_its_environment_and_that_of_its_image(run):
    given, prefix = run(probes.environment).outputs["Output"].split()
    assert given == "value"
    assert prefix.endswith(".venvs/dev")


def test_a_secret_comes_from_the_callers_environment(run, monkeypatch):
    ran = run(probes.secret)
    assert "ROADWORTHY_TEST_SECRET" in ran.steps["emit"]["error"]
    monkeypatch.setenv("ROADWORTHY_TEST_SECRET", "here")
    assert run(probes.secret).state == "SUCCEEDED"


def test_run_placeholders_say_what_the_documentation_says(run):
    ran = run(probes.run_placeholders)
    said = {name: ran.value(name, "said") for name in ran.states}
    assert said["emit"] == str(ran.folder)
    assert said["emit-2"] == f"{ran.folder.name} emit-2"
    assert len(said["emit-3"]) == 36
    assert said["emit-4"].endswith("Z")
