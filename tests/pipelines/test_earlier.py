"""``roadworthy run --unless-done``: what is done is not done again, and only then."""

import json
import shutil
from pathlib import Path

import pipeline_probes as probes
import pytest

from pipelines import parameters, registry
from pipelines.targets import kfp, store
from pipelines.targets.local import backends, earlier, executor, view


@pytest.fixture
def run(tmp_path):
    """Runs a probe unless that is done; returns the run's folder, and whether anything was run."""

    def start(pipeline=probes.cached_chain, **given) -> tuple[Path, bool]:
        _, compiled = kfp.checked(pipeline)
        values = parameters.resolve([f"{name}={value}" for name, value in given.items()], compiled)
        backend, root = backends.VenvBackend(), tmp_path / "runs"
        key = earlier.key(compiled, values, backend)
        if done := earlier.find(root, compiled.name, key):
            return done, False
        options = executor.Options(root, 2, key=key)
        return executor.execute(compiled, values, backend, view.Silent(), options).folder, True

    return start


def test_the_program_points_to_a_run_that_is_done_and_starts_nothing(roadworthy, tmp_path):
    said = [roadworthy("run", "--unless-done", "pipeline_probes:cached_chain") for _ in range(2)]
    assert [ended.returncode for ended in said] == [0, 0]
    assert ["nothing was run" in ended.stdout for ended in said] == [False, True]
    places = [[line for line in ended.stdout.splitlines() if "results: " in line] for ended in said]
    assert places[0] == places[1]
    assert len(list((tmp_path / "runs").glob("cached-chain-2*"))) == 1


def test_another_parameter_is_another_run(run):
    first, _ = run()
    second, ran = run(text="other")
    assert ran
    assert second != first
    assert run() == (first, False)
    assert run(text="other") == (second, False)


def test_a_run_that_failed_is_made_again(run):
    first, _ = run(probes.retried_in_vain)
    assert json.loads((first / "summary.json").read_text())["key"]
    assert run(probes.retried_in_vain)[1]


@pytest.mark.parametrize("spoil", ["changed", "gone", "unreadable"])
def test_a_run_that_is_not_whole_any_more_is_made_again(run, spoil):
    first, _ = run()
    if spoil == "changed":
        made = first / "make" / "out" / "made"
        made.unlink()  # a hard link to the cache's
        made.write_text("tampered")
    elif spoil == "gone":
        shutil.rmtree(first / "make")
    else:
        (first / "summary.json").write_text('{"key":')
    second, ran = run()
    assert ran
    assert run() == (second, False)


def test_a_file_that_a_parameter_names_counts_by_its_content(run, tmp_path):
    source = tmp_path / "source"
    source.write_text("one")
    first, _ = run(probes.imported, uri=source)
    assert run(probes.imported, uri=source) == (first, False)
    source.write_text("two")
    assert run(probes.imported, uri=source)[1]
    source.write_text("one")
    assert run(probes.imported, uri=source) == (first, False)


def test_code_that_changed_is_another_run(run, monkeypatch):
    first, _ = run()
    with monkeypatch.context() as patched:
        patched.setattr(backends.VenvBackend, "identity", lambda *_: "another")
        assert run()[1]
    assert run() == (first, False)


@pytest.mark.parametrize("name", ["ROADWORTHY_SIGNING_KEY", "ROADWORTHY_PUBLIC_KEY"])
def test_a_key_to_sign_or_to_require_is_another_run(name, monkeypatch):
    _, compiled = kfp.checked(registry.find("traffic_signs", registry.entries()))
    values = parameters.resolve([], compiled)
    keys = set()
    for value in ("", "one", "other"):
        monkeypatch.setenv(name, value)
        keys.add(earlier.key(compiled, values, backends.VenvBackend()))
    assert len(keys) == 3


def test_a_model_that_was_packed_without_a_key_is_packed_again_with_one_and_nothing_else_is(run, monkeypatch, tmp_path):
    monkeypatch.setattr(store, "_PACK", ("sh", "-c"))  # so that a probe's steps are what packs
    first, _ = run()
    monkeypatch.setenv("ROADWORTHY_SIGNING_KEY", "one")
    signed, _ = run()
    steps = {folder: json.loads((folder / "summary.json").read_text())["steps"] for folder in (first, signed)}
    assert signed != first
    assert any(step["attempts"] for step in steps[signed])
    assert run() == (signed, False)
