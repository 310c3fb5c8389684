"""The Argo manifest tells the same story as the local runner: the same steps, values and files, for every probe.

The manifest is run by a simulator of the emitted subset (``argo_simulator``), the IR by the runner behind ``roadworthy
run``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import argo_probes
import pipeline_probes as probes
import pytest
from argo_simulator import Simulator
from argo_stories import Story, same, tree

from components.errors import UnsupportedError
from pipelines.targets import argo, kfp, parse
from pipelines.targets.local.values import to_text

CASES: list[tuple[str, dict[str, Any]]] = [
    ("if_named", {}),
    ("if_named", {"text": "b?a:d '}' \"$\\"}),
    ("if_param", {}),
    ("if_param", {"flag": "no"}),
    ("branches", {"n": 1, "x": 0.9}),
    ("branches", {"n": 2, "x": 0.9}),
    ("branches", {"n": 2, "x": 1e-05}),
    ("branches_on_output", {"text": "3"}),
    ("branches_on_output", {"text": "-2"}),
    ("loop_static", {}),
    ("loop_param", {}),
    ("loop_param", {"xs": []}),
    ("loop_param", {"xs": ["1", "true", "{}"]}),
    ("loop_param", {"xs": ["a b", "ü\n\"x'", "$(HOME) $$ \\n"]}),
    ("loop_named", {}),
    ("loop_structs", {}),
    ("loop_in_loop", {}),
    ("if_in_loop", {}),
    ("loop_failing", {}),
    ("loop_limited", {}),
    ("same_component_twice", {}),
    ("exit_ok", {}),
    ("exit_after_failure", {}),
    ("exit_without_status", {}),
    ("retried_in_vain", {}),
    ("upstream_ignored", {}),
    ("nested", {}),
    ("nested_twice", {}),
    ("if_artifact_oneof", {"flag": "yes"}),
    ("if_artifact_oneof", {"flag": "no"}),
    ("timed_out", {}),
    ("chained", {}),
    ("everything_said", {}),
    ("with_metrics", {}),
    ("forgets", {}),
    ("environment", {}),
    ("many_params", {"need": "x"}),
    ("many_params", {"need": "- 1e3 no {a} $(HOME)", "xs": ["<&>", "ü"]}),
    ("cached_chain", {}),
    ("cached_chain", {"text": "$$(HOME)$(HOME)$"}),
    ("two_handlers", {}),
    ("handler_and_output", {"status": 0}),
    ("handler_and_output", {"status": 3}),
    ("handler_given", {"text": "?: '", "status": 0}),
    ("handler_given", {"status": 3}),
    ("conditions", {}),
    ("conditions", {"b": False, "x": 1.4999, "n": 3, "s": "c"}),
    ("conditions", {"x": 1e21, "n": -1, "s": "é"}),
    ("braces", {"text": "good"}),
    ("braces", {"text": "?:'\\"}),
    ("loop_of_unlike", {}),
    ("loop_fails_then", {}),
    ("failure_beside", {}),
    ("ignored_in_group", {}),
]


@pytest.fixture
def simulate(tmp_path: Path) -> Callable[..., Story]:
    def start(pipeline: Any, secrets: dict[tuple[str, str], str] | None = None, **given: Any) -> Story:
        content = kfp.compiled(pipeline)
        manifest = argo.workflow_template(content)
        simulator = Simulator(manifest, tmp_path / "cluster", secrets or {})
        outcome = simulator.submit(**{name: to_text(value) for name, value in given.items()})
        return Story(parse.parse(content[:1], "probe"), simulator, outcome)

    return start


@pytest.mark.parametrize(("name", "given"), CASES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(CASES)])
def test_a_probe_tells_one_story(run, simulate, tmp_path, name, given):
    pipeline = getattr(probes, name, None) or getattr(argo_probes, name)
    local = run(pipeline, cache=False, **given)
    story = simulate(pipeline, **given)
    for label in (one for one in story.nodes if one.startswith("final")):
        mine, theirs = json.loads(story.nodes[label].parameters.pop("seen")), json.loads(local.value(label, "seen"))
        del local.steps[label]["outputs"]["parameters"]["seen"]
        for status in (mine, theirs):
            # Names and ids are the run's own, and Argo says less of an error.
            del status["pipelineJobName"], status["pipelineJobResourceName"], status["pipelineJobUuid"]
            status["error"] = sorted(status.get("error", {}))
        assert mine == theirs
    same(local, story, tmp_path / "cluster")


def test_a_flaky_step_is_tried_as_often(run, simulate, tmp_path):
    local = run(probes.retried, counter=str(tmp_path / "a"))
    story = simulate(probes.retried, counter=str(tmp_path / "b"))
    assert story.nodes["flaky"].attempts == local.steps["flaky"]["attempts"] == 3
    same(local, story, tmp_path / "cluster")


@pytest.mark.parametrize("whole", ["file", "folder"])
def test_an_import_hands_on_what_lies_at_its_place(run, simulate, tmp_path, whole):
    file = tmp_path / "folder" / "a" / "data.txt"
    file.parent.mkdir(parents=True)
    file.write_text("brought along")
    uri = str(file if whole == "file" else tmp_path / "folder")
    local, story = run(probes.imported, uri=uri), simulate(probes.imported, uri=uri)
    same(local, story, tmp_path / "cluster")
    assert tree(story.bucket / story.nodes["importer"].artifacts["artifact"]) == tree(Path(uri))


def test_an_import_of_nothing_fails_by_name(run, simulate, tmp_path):
    local, story = (start(probes.imported, uri=str(tmp_path / "absent")) for start in (run, simulate))
    same(local, story, tmp_path / "cluster")
    log = (story.nodes["importer"].folder / "log.txt").read_text()
    assert f"expected a file or folder at file://{tmp_path}/absent, found nothing" in log


def test_a_secret_comes_from_the_cluster(run, simulate, tmp_path, monkeypatch):
    monkeypatch.setenv("ROADWORTHY_TEST_SECRET", "here")
    secrets = {("s3", "key"): "here"}
    same(run(probes.secret), simulate(probes.secret, secrets), tmp_path / "cluster")


def test_run_placeholders_say_what_the_documentation_says(simulate):
    story = simulate(probes.run_placeholders, **{"pipeline-root": "s3://bucket/runs"})
    said = {label: node.parameters["said"] for label, node in story.nodes.items()}
    assert said == {
        "emit": "s3://bucket/runs/run-placeholders-x1y2z",
        "emit-2": "run-placeholders-x1y2z emit-2",
        "emit-3": "11111111-2222-3333-4444-555555555555",
        "emit-4": "2026-01-02T03:04:05Z",
    }


def test_a_secret_cannot_be_named_into_a_command_line(simulate):
    """A kubelet would put the value of a variable in place of ``$(NAME)``; a parameter reaches the step as it is."""
    story = simulate(probes.many_params, need="x", xs=["$(HOME)", "$$(HOME)", "$"])
    assert json.loads(story.outputs["Output"]) == ["$(HOME)", "$$(HOME)", "$"]
    assert "HOME" in os.environ


def test_every_probe_is_told_here_or_refused_by_name():
    told = {name for name, _ in CASES} | {"retried", "imported", "secret", "run_placeholders"}
    refused = {}
    for name, pipeline in vars(probes).items():
        if type(pipeline).__name__ != "GraphComponent" or name in told or name.startswith("inner"):
            continue
        try:
            argo.workflow_template(kfp.compiled(pipeline))
        except UnsupportedError as error:
            refused[name] = str(error).partition(":")[0]
        else:
            refused[name] = "compiles"
    assert refused == {
        "loop_artifacts_collected": "step 'for-loop-2'",
        "upstream_ignored_with_default": "step 'optional'",
        "two_loops_in_one_text": "step 'emit'",
        "two_fields_in_one_text": "step 'for-loop-1'",
        "independent": "compiles",  # as chained, without the order
        "volume": "compiles",  # which one machine cannot run: see test_argo_platform
    }
