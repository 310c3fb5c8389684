"""Every pipeline of ours tells one story on this machine and as an Argo manifest, whatever its checks say.

The stages are stood in for (``stage_stub``): what is compared is the pipelines' own wiring, every command line and file
of every step, in the cases that a run can take. The stages themselves run in ``test_argo_story`` and ``test_story``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from argo_simulator import Simulator
from argo_stories import Story, same
from finished import Ran

from pipelines import parameters, registry
from pipelines.targets import argo, kfp, parse
from pipelines.targets.local import backends, executor, view
from pipelines.targets.local.values import to_text

STUB = Path(__file__).parent / "stage_stub.py"
VIOLATED = {"values": {"violated": "true", "captured": "7"}}
CALM = {"values": {"violated": "false", "captured": "7"}}


FAILING = {
    "detection": ["exec-package", "exec-deploy-detector", "exec-clarify", "exec-undeploy"],
    "monitoring": ["exec-capture", "exec-check", "exec-explain"],
    "traffic-signs": ["exec-fine-tune", "exec-deploy", "exec-check-2", "exec-compare", "exec-undeploy"],
}


def plans(name: str) -> dict[str, dict[str, Any]]:
    """The cases of a pipeline: each answer of its checks, and steps that fail: at the begin, within, at the end."""
    failing = {f"{label} fails": {**VIOLATED, "fail": [label]} for label in FAILING[name]}
    return {"violated": VIOLATED, "calm": CALM, **failing}


CASES = [(name, case) for name in FAILING for case in plans(name)]


def test_every_pipeline_is_told():
    assert sorted(FAILING) == sorted(registry.entries())


def stood_in(name: str, plan: dict[str, Any]) -> list[Any]:
    """A pipeline's IR with the stub before each command; every step is done anew."""
    content = kfp.compiled(registry.find(name, registry.entries()))
    for label, one in content[0]["deploymentSpec"]["executors"].items():
        if "container" in one:
            one["container"]["image"] = "roadworthy/dev:test"
            one["container"]["command"] = [
                "python",
                "-I",
                "-S",
                str(STUB),
                label,
                json.dumps(plan),
                *one["container"]["command"],
            ]
    return content


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case}" for name, case in CASES])
def test_a_pipeline_tells_one_story(tmp_path, name, case):
    content = stood_in(name, plans(name)[case])
    pipeline = parse.parse(content[:1], name)
    place = tmp_path / "place"
    place.write_text("brought along")
    needed = [f"{key}={place}" for key, one in pipeline.root.inputs.parameters.items() if not one.optional]
    values = parameters.resolve(needed, pipeline)
    options = executor.Options(tmp_path / "runs", 4, cache=False)
    local = Ran(executor.execute(pipeline, values, backends.VenvBackend(), view.Silent(), options))
    simulator = Simulator(argo.workflow_template(content), tmp_path / "cluster", {})
    given = {key: to_text(value) for key, value in values.items()}
    story = Story(pipeline, simulator, simulator.submit(**given, **{"pipeline-root": str(tmp_path / "root")}))
    same(local, story, tmp_path / "cluster")
    assert (local.state == "FAILED") == ("fails" in case), [one["error"] for one in local.steps.values()]
    for label, node in story.nodes.items():
        if node.attempts and node.folder and label in local.ran():
            assert (node.folder / "log.txt").read_text() == local.log(label), label
            assert str(tmp_path) not in local.log(label)
