"""Laws of the cache: the same step is not run twice; another one is; what is damaged is never used."""

import json
import os
import threading
from pathlib import Path

import pipeline_probes as probes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.targets.local import cache, sources
from pipelines.targets.local.artifacts import Artifact, digest_of


def test_a_second_run_takes_all_outputs_from_the_first_except_where_the_task_says_no(run):
    first, second = run(probes.cached_chain), run(probes.cached_chain)
    assert first.ran() == {"make", "show", "emit"}
    assert second.ran() == {"emit"}
    assert second.outputs == first.outputs
    assert second.steps["make"]["cached"]
    made = second.folder / "make" / "out" / "made"
    assert made.read_text() == "hello"
    assert second.artifact("make", "made")["path"] == str(made)


def test_another_parameter_is_another_step(run):
    run(probes.cached_chain)
    assert run(probes.cached_chain, text="other").ran() == {"make", "show", "emit"}


def test_no_cache_runs_everything(run):
    run(probes.cached_chain)
    assert run(probes.cached_chain, cache=False).ran() == {"make", "show", "emit"}


def test_a_failed_step_is_tried_again(run):
    assert run(probes.retried_in_vain).ran() == run(probes.retried_in_vain).ran() == {"boom"}


def test_the_key_is_the_content_of_an_input_not_its_place(run, tmp_path):
    one, two, three = tmp_path / "one", tmp_path / "two", tmp_path / "three"
    one.write_text("same")
    two.write_text("same")
    three.write_text("different")
    assert run(probes.imported, uri=str(one)).ran() == {"show"}
    assert run(probes.imported, uri=str(two)).ran() == set()
    assert run(probes.imported, uri=str(three)).ran() == {"show"}


def test_a_changed_output_in_an_earlier_run_is_not_handed_on(run):
    first = run(probes.cached_chain)
    (first.folder / "make" / "out" / "made").write_text("tampered")  # a hard link to the cache's file
    second = run(probes.cached_chain)
    assert "make" in second.ran()
    assert second.outputs == {"Output": "hello"}


def test_a_step_that_knows_its_run_is_not_kept(run):
    first, second = run(probes.run_placeholders), run(probes.run_placeholders)
    assert second.value("emit", "said") == str(second.folder) != str(first.folder)


def test_entries_without_their_last_file_are_none(tmp_path):
    kept, out = stored(tmp_path, b"content")
    (tmp_path / "cache" / "key" / "entry.json").unlink()
    assert kept.restore("key", tmp_path / "again") is None
    assert not (tmp_path / "again").exists()
    assert out.exists()


def stored(tmp_path, content):
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    (out / "made").write_bytes(content)
    artifact = Artifact("made", {"schemaTitle": "system.Dataset"}, str(out / "made"), {"n": 1}, digest_of(out / "made"))
    kept = cache.Cache(tmp_path / "cache")
    kept.store("key", out, cache.Outputs({"n": 3}, {"made": artifact}))
    return kept, out


@pytest.mark.parametrize("damage", ["truncate", "garbage", "missing"])
def test_a_damaged_entry_is_dropped(tmp_path, damage):
    kept, _ = stored(tmp_path, b"content")
    entry = tmp_path / "cache" / "key" / "entry.json"
    if damage == "missing":
        (tmp_path / "cache" / "key" / "out" / "made").unlink()
    else:
        entry.write_bytes(entry.read_bytes()[:-9] if damage == "truncate" else b'{"artifacts": 3}')
    assert kept.restore("key", tmp_path / "again") is None
    assert not entry.parent.exists()


def test_what_was_stored_is_restored(tmp_path):
    kept, _ = stored(tmp_path, b"content")
    outputs = kept.restore("key", tmp_path / "again")
    assert outputs.parameters == {"n": 3}
    assert Path(outputs.artifacts["made"].uri).read_bytes() == b"content"
    assert outputs.artifacts["made"].metadata == {"n": 1}


def test_many_writers_of_one_key_leave_one_whole_entry(tmp_path):
    out = stored(tmp_path, b"content")[1]
    kept = cache.Cache(tmp_path / "cache")
    artifact = Artifact("made", {}, str(out / "made"), {}, digest_of(out / "made"))
    writers = [
        threading.Thread(target=kept.store, args=("many", out, cache.Outputs({}, {"made": artifact}))) for _ in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert kept.restore("many", tmp_path / "again") is not None
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["key", "many"]


trees = st.dictionaries(st.sampled_from(["a", "b/c", "b/d", "e"]), st.binary(max_size=4), max_size=4)


@given(trees, trees)
def test_digests_are_equal_exactly_for_equal_trees(tmp_path_factory, one, two):
    digests = []
    for tree in (one, two):
        folder = tmp_path_factory.mktemp("tree")
        for name, content in tree.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        digests.append(digest_of(folder))
    assert (digests[0] == digests[1]) == (one == two)


def test_a_digest_sees_links_names_and_empty_folders(tmp_path):
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    (folders[1] / "empty").mkdir()
    (folders[2] / "empty").write_bytes(b"")
    os.symlink("elsewhere", folders[3] / "empty")
    assert len({digest_of(folder) for folder in folders}) == 4


@pytest.fixture
def project(tmp_path):
    files = {
        "components/__init__.py": "",
        "components/errors.py": "",
        "components/images.py": "from components.errors import InputError\n",
        "components/alone/__init__.py": "",
        "components/alone/__main__.py": "def main():\n    from components import images\n",
        "components/alone/component.py": "from kfp import dsl\n",
        "components/alone/shape.svg": "<svg/>",
        "components/other/__init__.py": "",
        "components/other/__main__.py": "import components.alone.shapes\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_the_code_of_a_stage_is_what_it_can_import(project):
    files = sources.of_command(["python", "-m", "components.alone"], project)
    names = {str(path.relative_to(project)) for path in files}
    assert names == {
        "components/__init__.py",
        "components/alone/__init__.py",
        "components/alone/__main__.py",
        "components/alone/shape.svg",
        "components/errors.py",
        "components/images.py",
    }


@pytest.mark.parametrize(
    ("changed", "matters"),
    [("errors.py", True), ("alone/shape.svg", True), ("alone/component.py", False), ("other/__main__.py", False)],
)
def test_only_code_that_a_stage_can_import_changes_its_key(project, changed, matters):
    command = ["python", "-m", "components.alone"]
    before = sources.digest(sources.of_command(command, project))
    (project / "components" / changed).write_text("# changed\n")
    assert (sources.digest(sources.of_command(command, project)) != before) == matters


def test_a_run_writes_what_it_kept_into_the_summary(run):
    run(probes.cached_chain)
    second = run(probes.cached_chain)
    step = json.loads((second.folder / "summary.json").read_text())["steps"][0]
    assert (step["step"], step["cached"], step["attempts"]) == ("make", True, 0)
    assert step["outputs"]["artifacts"]["made"]["digest"].startswith("sha256:")
