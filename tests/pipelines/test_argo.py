"""What `roadworthy compile --target argo` writes: goldens, names, hostile values, exit handlers, the schedule."""

from __future__ import annotations

import copy
import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import argo_probes
import pipeline_probes as probes
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.errors import ParameterError, UnsupportedError
from pipelines import cli, registry
from pipelines.targets import argo, kfp
from pipelines.targets.argo import cron, names, values, workflow

ROOT = Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "manifests" / "pipelines"
KUBERNETES = ROOT / ".venvs" / "kubernetes" / "bin" / "python"


def manifest(pipeline):
    return argo.workflow_template(kfp.compiled(pipeline))


def templates(found):
    return {one["name"]: one for one in found["spec"]["templates"]}


def test_the_manifests_are_what_the_pipelines_compile_to(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert cli.main(["compile", "--target", "all", "--check"]) == 0, capsys.readouterr().out


def test_every_pipeline_is_compiled_to_every_target_in_under_three_seconds():
    """From a cold start, as processor time: what else the machine does is not the compiler's."""
    took = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "pipelines", "compile", "--target", "all", "--check"]
        assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(took) < 3.0


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_process(roadworthy, tmp_path):
    contents = []
    for seed in ("0", "4242"):
        folder = tmp_path / seed
        done = roadworthy("compile", "--target", "all", "--output", str(folder), PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
        contents.append({str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.yaml"))})
    assert contents[0] == contents[1]
    assert {path.parent.name for path in (tmp_path / "0").rglob("*.yaml")} == {"kfp", "kfp-k8s", "argo"}


def test_a_compiled_file_gives_the_same_manifest(tmp_path):
    content = kfp.compiled(argo_probes.placed)
    again = list(yaml.safe_load_all(kfp.text(content)))
    assert argo.text(argo.compiled(again)) == argo.text(argo.compiled(content))


def test_every_object_that_a_probe_or_pipeline_gives_is_valid(tmp_path):
    """Against hera's models and the lint, which need an environment of their own."""
    if not KUBERNETES.exists():
        pytest.skip(f"expected the environment {KUBERNETES.parents[1]}, found none: make environments")
    pipelines = [entry.load() for entry in registry.entries().values()]
    for module in (probes, argo_probes):
        pipelines += [one for one in vars(module).values() if type(one).__name__ == "GraphComponent"]
    for number, pipeline in enumerate(pipelines):
        try:
            text = argo.text(argo.compiled(kfp.compiled(pipeline)))
        except UnsupportedError:
            continue
        (tmp_path / f"{number}-{pipeline.name}.yaml").write_text(text)
    files = sorted(map(str, tmp_path.iterdir()))
    assert len(files) > 40
    done = subprocess.run(
        [KUBERNETES, ROOT / "tests" / "kubernetes" / "argo_objects.py", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{len(files)} files, nothing wrong\n"), done.stdout + done.stderr


def test_what_one_target_refuses_is_written_for_none(tmp_path, capsys):
    name = "pipeline_probes:loop_artifacts_collected"
    assert cli.main(["compile", name, "--target", "all", "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("roadworthy compile: step 'for-loop-2': expected a loop that collects parameters")
    assert not (tmp_path / "out").exists()
    assert cli.main(["compile", name, "--output", str(tmp_path / "out")]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["loop-artifacts-collected.yaml"]


# Names


@given(st.text(max_size=300), st.integers(20, 63))
def test_any_name_becomes_a_label_that_begins_with_a_letter(name, limit):
    found = names.label(name, limit)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", found)
    assert len(found) <= limit


@given(st.lists(st.text(max_size=80), unique=True, max_size=20))
def test_two_members_of_a_group_never_share_a_name(members):
    group = names.Names()
    found = [group(member) for member in members]
    assert len(set(found)) == len(members)
    assert [group(member) for member in members] == found


def test_names_that_are_alike_after_cutting_are_told_apart():
    long = "a" * 254
    assert names.label(long + "b") != names.label(long + "c")
    assert names.label("evaluate-it") == "evaluate-it"
    assert names.label("2nd_Try-") == "x-2nd-try"


def test_a_long_pipeline_name_leaves_room_for_its_schedule():
    content = kfp.compiled(probes.if_named)
    content[0]["pipelineInfo"]["name"] = "p" * 100
    name = argo.workflow_template(content)["metadata"]["name"]
    assert len(name) == names.PIPELINE == 63 - len("-1700000000")


def test_a_step_that_is_called_like_the_whole_stands_beside_it():
    text = kfp.text(kfp.compiled(probes.if_named)).replace("comp-emit", "comp-main").replace("exec-emit", "exec-main")
    content = list(yaml.safe_load_all(text.replace("\n      emit:", "\n      main:").replace("- emit", "- main")))
    for task in (content[0]["root"]["dag"]["tasks"],):
        task["condition-1"]["inputs"]["parameters"]["pipelinechannel--emit-said"]["taskOutputParameter"][
            "producerTask"
        ] = "main"
    content[0]["root"]["dag"]["outputs"]["parameters"]["Output"]["valueFromParameter"]["producerSubtask"] = "main"
    found = argo.workflow_template(content)
    assert "dag" in templates(found)[found["spec"]["entrypoint"]]
    assert {"main", "main-2"} <= set(templates(found))


# Values that look like templates


@pytest.mark.parametrize("text", ["{{workflow.name}}", "{{=sprig.env('HOME')}}", "a{{b", "{{{{"])
def test_a_constant_that_argo_would_fill_is_refused_by_the_steps_name(text):
    content = kfp.compiled(probes.exit_after_failure)
    tasks = content[0]["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    tasks["emit"]["inputs"]["parameters"]["text"]["runtimeValue"]["constant"] = text
    with pytest.raises(UnsupportedError, match=r"step 'emit': expected text without {{"):
        argo.workflow_template(content)


@pytest.mark.parametrize("text", ["{{workflow.name}}", "{{=1}}"])
def test_a_default_that_argo_would_fill_is_refused_by_name(text):
    content = kfp.compiled(probes.if_param)
    content[0]["root"]["inputDefinitions"]["parameters"]["flag"]["defaultValue"] = text
    with pytest.raises(UnsupportedError, match=r"pipeline parameter 'flag': expected text without {{"):
        argo.workflow_template(content)
    content = kfp.compiled(probes.everything_said)
    content[0]["components"]["comp-say-all"]["inputDefinitions"]["parameters"]["d"]["defaultValue"] = {"a": text}
    with pytest.raises(UnsupportedError, match=r"step 'say-all': expected text without {{"):
        argo.workflow_template(content)


@pytest.mark.parametrize(
    "text",
    ["no", "on", "1e3", "08", "0x10", "1:30", "null", "~", "-", "$(HOME)", "a\nb", "😀", "&a *a", "!!python/x", "- x"],
)
def test_a_text_stays_the_text_it_was_through_yaml(text):
    content = kfp.compiled(probes.if_param)
    content[0]["root"]["inputDefinitions"]["parameters"]["flag"]["defaultValue"] = text
    written = argo.text(argo.compiled(content))
    found = yaml.safe_load(written)["spec"]["arguments"]["parameters"]
    assert found == [{"name": "flag", "value": text}]
    assert yaml.load(written, yaml.BaseLoader)["spec"]["arguments"]["parameters"] == found


def test_items_commands_and_environments_that_argo_would_fill_are_refused():
    content = kfp.compiled(probes.loop_static)
    content[0]["root"]["dag"]["tasks"]["for-loop-2"]["parameterIterator"]["items"]["raw"] = '["{{item}}"]'
    with pytest.raises(UnsupportedError, match="step 'for-loop-2'"):
        argo.workflow_template(content)
    for change in ({"args": ["{{workflow.name}}"]}, {"env": [{"name": "A", "value": "{{pod.name}}"}]}):
        content = kfp.compiled(probes.if_param)
        content[0]["deploymentSpec"]["executors"]["exec-emit"]["container"] |= change
        with pytest.raises(UnsupportedError, match="step 'emit'"):
            argo.workflow_template(content)


@given(st.text(), st.text())
def test_a_quoted_text_ends_no_tag_and_splits_no_choice(first, second):
    found = values.quoted(first + second)
    assert not set("{}?:'\"\\`") & set(re.sub(r"\\u[0-9a-f]{4}", "", found[1:-1]))


@given(st.text(alphabet="$()aA{ ", max_size=12))
def test_kubernetes_gives_a_shielded_text_back(text):
    def kubelet(given: str) -> str:
        return re.sub(r"\$\$|\$\((\w*)\)", lambda m: "$" if m[0] == "$$" else "LEAKED", given)

    assert kubelet(values.shielded_text(text)) == text


@given(st.lists(st.tuples(st.text(alphabet="$()aA", max_size=4), st.text(alphabet="$()aA", max_size=4)), max_size=3))
def test_no_value_joins_a_text_before_it_to_a_variable(pairs):
    def kubelet(given: str) -> str:
        return re.sub(r"\$\$|\$\((\w*)\)", lambda m: "$" if m[0] == "$$" else "LEAKED", given)

    written = "".join(values.shielded_text(fixed) + known.replace("$", "$$") for fixed, known in pairs)
    assert kubelet(written) == "".join(fixed + known for fixed, known in pairs)


def test_a_runs_parameters_are_asked_before_they_are_submitted():
    _, pipeline = kfp.checked(probes.many_params)
    given = {"need": "x", "n": 3, "x": 1e-05, "yes": True, "xs": ["$(A)", "}}"], "d": {"a": 1}}
    assert argo.arguments(pipeline, given) == [
        {"name": "d", "value": '{"a":1}'},
        {"name": "n", "value": "3"},
        {"name": "need", "value": "x"},
        {"name": "x", "value": "0.00001"},
        {"name": "xs", "value": '["$(A)","}}"]'},
        {"name": "yes", "value": "true"},
    ]
    with pytest.raises(ParameterError) as raised:
        argo.arguments(pipeline, {**given, "need": "{{=1}}", "xs": ["{{workflow.name}}"]})
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == ["many-params", "  need", "  xs"]


def test_names_that_argo_would_fill_are_refused():
    content = kfp.compiled(probes.if_param)
    content[0]["pipelineInfo"]["name"] = "{{=1}}"
    with pytest.raises(UnsupportedError, match=r"without \{\{"):
        argo.workflow_template(content)
    content = kfp.compiled(probes.if_param)
    tasks = content[0]["root"]["dag"]["tasks"]
    tasks["{{=1}}"] = tasks.pop("emit")
    content[0]["root"]["dag"]["outputs"]["parameters"]["Output"]["valueFromParameter"]["producerSubtask"] = "{{=1}}"
    with pytest.raises(UnsupportedError, match=r"without \{\{"):
        argo.workflow_template(content)


def test_a_parameter_is_never_bare_in_a_command():
    found = templates(manifest(probes.many_params))["join"]["container"]
    assert found["args"][-1] == "{{=sprig.replace('$', '$$', inputs.parameters['xs'])}}"


def test_a_brace_beside_a_value_makes_no_tag():
    (task,) = templates(manifest(argo_probes.braces))["main"]["dag"]["tasks"]
    given = {one["name"]: one["value"] for one in task["arguments"]["parameters"]}
    a, b = given["a"], given["b"]
    assert a == "{{='\\u007b' + inputs.parameters['text'] + '\\u007d'}}"
    assert "{{{" not in a + b


# What is refused


def test_an_image_from_a_parameter_is_refused():
    content = kfp.compiled(probes.if_param)
    content[0]["deploymentSpec"]["executors"]["exec-emit"]["container"]["image"] = "{{$.inputs.parameters['text']}}"
    with pytest.raises(UnsupportedError, match="step 'emit': expected a fixed image"):
        argo.workflow_template(content)


def test_an_output_of_a_step_that_may_be_skipped_is_refused():
    content = kfp.compiled(probes.if_named)
    tasks = content[0]["root"]["dag"]["tasks"]
    tasks["emit"]["triggerPolicy"] = {"condition": "inputs.parameter_values['text'] == 'a'"}
    with pytest.raises(UnsupportedError, match="may be skipped"):
        argo.workflow_template(content)


def test_a_parameter_that_may_be_absent_is_refused_by_name():
    content = kfp.compiled(probes.if_param)
    del content[0]["root"]["inputDefinitions"]["parameters"]["flag"]["defaultValue"]
    content[0]["root"]["inputDefinitions"]["parameters"]["flag"]["isOptional"] = True
    with pytest.raises(UnsupportedError, match="pipeline parameter 'flag'"):
        argo.workflow_template(content)


def test_more_than_etcd_or_argo_takes_is_refused():
    content = kfp.compiled(probes.loop_static)
    items = content[0]["root"]["dag"]["tasks"]["for-loop-2"]["parameterIterator"]["items"]
    items["raw"] = json.dumps([str(number) for number in range(10_000)])
    assert argo.workflow_template(content)
    items["raw"] = json.dumps(["x" * 300_000])
    with pytest.raises(UnsupportedError, match="step 'for-loop-2': expected at most 262144 bytes"):
        argo.workflow_template(content)
    content = kfp.compiled(probes.if_param)
    container = content[0]["deploymentSpec"]["executors"]["exec-emit"]["container"]
    container["args"] = ["y" * 200_000] * 10
    with pytest.raises(UnsupportedError, match=f"if-param: expected a workflow of at most {workflow.LIMIT} bytes"):
        argo.workflow_template(content)


@pytest.mark.parametrize(
    "condition",
    [
        "inputs.parameter_values['pipelinechannel--flag'] < 3",
        "int(inputs.parameter_values['pipelinechannel--flag']) == 1",
        "inputs.parameter_values['absent'] == 'a'",
        "inputs.parameter_values['pipelinechannel--flag']",
    ],
)
def test_a_condition_that_argo_cannot_decide_is_refused(condition):
    content = kfp.compiled(probes.if_param)
    content[0]["root"]["dag"]["tasks"]["condition-1"]["triggerPolicy"]["condition"] = condition
    with pytest.raises(UnsupportedError, match="step 'condition-1'"):
        argo.workflow_template(content)


# Exit handlers, loops, the schedule


def test_a_handler_of_the_whole_pipeline_also_runs_after_a_stop():
    found = manifest(argo_probes.handler_given)
    assert [task["name"] for task in templates(found)["main"]["dag"]["tasks"]] == ["exit-handler-1"]
    (task,) = templates(found)[found["spec"]["onExit"]]["dag"]["tasks"]
    assert "depends" not in task
    assert templates(found)["on-exit"]["inputs"]["parameters"][1]["value"] == "{{workflow.parameters.text}}"


@pytest.mark.parametrize("pipeline", [argo_probes.two_handlers, argo_probes.handler_and_output])
def test_a_handler_of_a_part_runs_when_that_part_is_over(pipeline):
    found = manifest(pipeline)
    assert "onExit" not in found["spec"]
    tasks = {task["name"]: task for task in templates(found)["main"]["dag"]["tasks"]}
    assert "exit-handler-1.Failed" in tasks["final"]["depends"]
    assert set(templates(found)["main"]["dag"]["target"].split()) == set(tasks)


def test_a_loop_keeps_its_limit_for_itself():
    found = templates(manifest(probes.loop_limited))
    assert {name: one["parallelism"] for name, one in found.items() if "parallelism" in one} == {"for-loop-2": 2}
    assert found["for-loop-2"]["dag"]["tasks"][0]["withParam"] == '["a","b","c","d"]'


def test_monitoring_runs_every_hour_and_never_twice_at_once():
    text = (GOLDENS / "argo" / "monitoring.yaml").read_text()
    template, schedule = yaml.safe_load_all(text)
    assert schedule["kind"] == "CronWorkflow"
    spec = schedule["spec"]
    assert (spec["schedules"], spec["timezone"]) == (["10 * * * *"], "Etc/UTC")
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Forbid", 600)
    told = {one["name"]: one["valueFrom"]["configMapKeyRef"] for one in spec["workflowSpec"]["arguments"]["parameters"]}
    assert told == {name: {"name": "monitoring-parameters", "key": name} for name in ("archive", "baseline", "place")}
    assert spec["workflowSpec"]["workflowTemplateRef"] == {"name": template["metadata"]["name"]}


def test_a_schedule_of_a_pipeline_without_needs_gives_no_arguments():
    found = cron.cron_workflow(manifest(probes.if_param), cron.Schedule("0 3 * * *", "Europe/Berlin"))
    assert found["spec"]["workflowSpec"] == {"workflowTemplateRef": {"name": "if-param"}}
    assert found["spec"]["timezone"] == "Europe/Berlin"


def test_the_places_of_a_run_lie_below_a_root_that_the_cluster_names():
    found = yaml.safe_load((GOLDENS / "argo" / "traffic-signs.yaml").read_text())
    (root,) = (one for one in found["spec"]["arguments"]["parameters"] if one["name"] == "pipeline-root")
    assert "value" not in root
    states = [
        one["value"]
        for template in found["spec"]["templates"]
        for task in template.get("dag", {}).get("tasks", [])
        for one in task.get("arguments", {}).get("parameters", [])
        if one["name"] == "state"
    ]
    assert set(states) == {"{{workflow.parameters.pipeline-root}}/{{workflow.name}}/endpoint"}


def test_every_step_is_counted_and_timed():
    for one in templates(yaml.safe_load((GOLDENS / "argo" / "traffic-signs.yaml").read_text())).values():
        if "container" not in one:
            continue
        labels = [{label["key"]: label["value"] for label in m["labels"]} for m in one["metrics"]["prometheus"]]
        assert [m["name"] for m in one["metrics"]["prometheus"]] == [
            "roadworthy_step_seconds",
            "roadworthy_step_failures_total",
        ]
        assert all(label["pipeline"] == "traffic-signs" and label["step"] for label in labels)


def test_translating_changes_nothing_of_what_it_reads():
    content = kfp.compiled(argo_probes.placed)
    before = copy.deepcopy(content)
    argo.compiled(content)
    assert content == before
