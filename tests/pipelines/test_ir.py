"""Reading compiled pipelines: what is not understood is refused by name, what is hostile is not read."""

import copy

import pipeline_probes as probes
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.errors import PipelineError, UnsupportedError
from pipelines.targets import documents, kfp, parse
from pipelines.targets.local import plan


@pytest.fixture(scope="module")
def compiled():
    return kfp.compiled(probes.exit_after_failure)


def changed(content, path, value):
    content = copy.deepcopy(content)
    place = content[0]
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = value
    return content


GUARDED = ("components", "comp-exit-handler-1", "dag", "tasks", "boom")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("schemaVersion",), "3.0.0", "expected schemaVersion 2.1.0, found 3.0.0"),
        (("surprise",), 1, "surprise"),
        ((*GUARDED, "surprise"), {}, "step 'boom': .*surprise"),
        ((*GUARDED, "triggerPolicy"), {"strategy": "SOME_DAY"}, "step 'boom': .*SOME_DAY"),
        ((*GUARDED, "componentRef"), {"name": "comp-absent"}, "step 'boom': .*comp-absent"),
        ((*GUARDED, "dependentTasks"), ["absent"], "step 'boom': .*absent"),
        ((*GUARDED, "dependentTasks"), ["emit"], "without a circle"),
        ((*GUARDED, "retryPolicy"), {"maxRetryCount": "often"}, "step 'boom': .*often"),
        (("deploymentSpec", "executors", "exec-boom"), {"customJob": {}}, "step 'boom': .*customJob"),
        (("deploymentSpec", "executors", "exec-boom", "container", "lifecycle"), {}, "step 'boom': .*lifecycle"),
        (("components", "comp-boom", "inputDefinitions", "parameters", "status", "parameterType"), "DATE", "DATE"),
        (("root",), None, "a container or an importer"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(compiled, path, value, message):
    with pytest.raises(UnsupportedError, match=message):
        parse.parse(changed(compiled, path, value), "probe.yaml")


@pytest.mark.parametrize("text", ["{{$.surprise}}", '{"IfPresent": 3', "{{$.inputs.parameters['absent']}}"])
def test_a_placeholder_that_could_not_be_filled_is_refused_before_the_run(compiled, text):
    content = changed(compiled, ("deploymentSpec", "executors", "exec-boom", "container", "args"), [text])
    with pytest.raises(UnsupportedError, match="step 'boom'"):
        plan.check(parse.parse(content, "probe.yaml"))


def test_a_condition_that_could_not_be_read_is_refused_before_the_run(compiled):
    content = changed(compiled, (*GUARDED, "triggerPolicy"), {"condition": "matches('a', 'b')"})
    with pytest.raises(UnsupportedError, match="step 'boom': expected a condition"):
        plan.check(parse.parse(content, "probe.yaml"))


@pytest.mark.parametrize("pipeline", [probes.two_loops_in_one_text, probes.two_fields_in_one_text])
def test_what_the_compiler_gets_wrong_is_refused_when_compiled(pipeline):
    with pytest.raises(UnsupportedError, match="instead of in an f-string"):
        kfp.checked(pipeline)


def test_a_volume_is_refused_because_a_step_would_not_see_it():
    with pytest.raises(UnsupportedError, match=r"step 'emit': .*pvcMount"):
        kfp.checked(probes.volume)


def test_a_time_limit_is_read_from_the_platform_specification():
    _, pipeline = kfp.checked(probes.timed_out)
    assert pipeline.components["comp-shell-sleep"].body.timeout == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x", "no aliases"),
        ("a: 1\na: 2", "twice"),
        ("1: a", "expected text as a key"),
        ("a: !!python/object/apply:os.system ['true']", "found"),
        ("a: !!binary aGk=", "found"),
        ("a: .nan", "found"),
        ("a: [", "found"),
        ("[" * 20_000, "found"),
        ("a: {<<: {b: 1}, c: 2}", "found"),
    ],
)
def test_hostile_yaml_is_refused(text, message):
    with pytest.raises(PipelineError, match=message):
        documents.load(text, "probe.yaml")


def test_a_laugh_in_a_billion_copies_is_not_heard_out():
    lines = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    with pytest.raises(PipelineError, match="no aliases"):
        documents.load("\n".join(lines), "probe.yaml")


@pytest.mark.parametrize("content", ["", "a: 1", "---\n---\n---\n", "root: 3", "root: {dag: []}\nschemaVersion: 2.1.0"])
def test_what_is_no_pipeline_is_refused(tmp_path, content):
    path = tmp_path / "probe.yaml"
    path.write_text(content)
    with pytest.raises(PipelineError, match="expected"):
        parse.read(path)


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "probe.yaml"
    with path.open("wb") as file:
        file.truncate(documents.LIMIT + 1)
    with pytest.raises(PipelineError, match="at most"):
        parse.read(path)


data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda i: st.lists(i) | st.dictionaries(st.text(), i),
    max_leaves=9,
)


@given(st.lists(st.dictionaries(st.text(), data), min_size=1, max_size=2))
def test_what_is_written_is_read_again_and_written_the_same(content):
    text = documents.dump(content, "heading\nof two lines")
    assert documents.load(text, "probe.yaml") == content
    assert documents.dump(documents.load(text, "probe.yaml"), "heading\nof two lines") == text
    assert list(yaml.safe_load_all(text)) == content
