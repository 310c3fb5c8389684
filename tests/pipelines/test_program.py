"""The program ``roadworthy``, as its users call it."""

import json
import os
from pathlib import Path

import pipeline_probes as probes
import probe_components
import pytest

from pipelines import cli, parameters, registry
from pipelines.targets import kfp


@pytest.mark.slow
def test_compiled_files_do_not_depend_on_the_process(roadworthy, tmp_path):
    names = ["pipeline_probes:many_params", "pipeline_probes:exit_after_failure", "pipeline_probes:timed_out"]
    contents = []
    for seed in ("0", "1", "4242"):
        folder = tmp_path / seed
        done = roadworthy("compile", *names, "--output", str(folder), PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1] == contents[2]
    assert sorted(contents[0]) == ["exit-after-failure.yaml", "many-params.yaml", "timed-out.yaml"]
    assert all(text.count(b"\n---\n") == 1 for text in contents[0].values())


def test_check_shows_the_difference_and_writes_nothing(tmp_path, capsys):
    compile_it = ["compile", "pipeline_probes:many_params", "--output", str(tmp_path / "out")]
    assert cli.main(compile_it) == 0
    file = tmp_path / "out" / "many-params.yaml"
    assert cli.main([*compile_it, "--check"]) == 0
    file.write_text(file.read_text().replace("defaultValue: 0.5", "defaultValue: 0.6"))
    before = file.read_bytes()
    assert cli.main([*compile_it, "--check"]) == 1
    assert "-        defaultValue: 0.6\n+        defaultValue: 0.5\n" in capsys.readouterr().out
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["many-params.yaml"]


def test_a_missing_file_is_a_difference(tmp_path, capsys):
    assert cli.main(["compile", "pipeline_probes:many_params", "--output", str(tmp_path / "out"), "--check"]) == 1
    assert "+++ many-params.yaml (compiled)" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_the_compiled_file_runs_like_the_pipeline(roadworthy, tmp_path):
    roadworthy("compile", "pipeline_probes:many_params", "--output", ".")
    done = roadworthy("run", "many-params.yaml", "--param", "need=x", "--param", 'xs=["p", "q"]')
    assert done.returncode == 0, done.stderr
    summary = json.loads(next((tmp_path / "runs").glob("many-params-*/summary.json")).read_text())
    assert summary["state"] == "SUCCEEDED"
    assert summary["parameters"] == {"need": "x", "n": 3, "x": 0.5, "yes": True, "xs": ["p", "q"], "d": {"a": 1}}
    assert summary["outputs"]["parameters"] == {"Output": '["p","q"]'}
    assert str(tmp_path / "runs" / summary["run"] / "summary.json") in done.stdout
    assert "join  done" in done.stderr


def test_all_wrong_parameters_are_named_at_once():
    _, pipeline = kfp.checked(probes.many_params)
    given = ["n=1.5", "x=much", "yes=perhaps", "xs={}", "nn=1", "d", "n=2"]
    with pytest.raises(parameters.ParameterError) as raised:
        parameters.resolve(given, pipeline)
    lines = str(raised.value).splitlines()
    assert lines[0] == "many-params: 8 wrong parameters"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["n", "x", "yes", "xs", "nn", "d", "n", "need"]
    assert "expected a whole number, found '1.5'" in lines[1]
    assert "did you mean n?" in lines[5]
    assert "--param need=" in lines[8]


def test_wrong_parameters_start_nothing(roadworthy, tmp_path):
    done = roadworthy("run", "pipeline_probes:many_params", "--param", "n=x")
    assert done.returncode == 2
    assert "n: expected a whole number" in done.stderr
    assert "need: expected text" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_failed_step_fails_the_program_and_shows_the_end_of_its_log(roadworthy):
    done = roadworthy("run", "pipeline_probes:exit_after_failure")
    assert done.returncode == 1
    assert "step 'boom': ended with exit status 7" in done.stderr
    assert "    the boom" in done.stderr
    assert "boom/log.txt" in done.stderr


def test_a_steps_line_says_how_long_it_took(roadworthy):
    lines = roadworthy("run", "pipeline_probes:independent").stderr.splitlines()
    took = [float(line.split()[-2]) for line in lines if "  done  " in line]
    assert len(took) == 2
    assert min(took) >= 0.4


def test_an_output_that_was_not_written_fails_the_step_by_name(run):
    ran = run(probes.forgets)
    assert ran.steps["forgetful"]["error"] == (
        "step 'forgetful': expected the outputs made, said to be written, found none at their paths"
    )


def test_a_dry_run_says_what_is_kept_and_starts_nothing(roadworthy, tmp_path):
    def dry():
        done = roadworthy("run", "pipeline_probes:cached_chain", "--dry-run")
        assert done.returncode == 0, done.stderr
        return [line.split() for line in done.stdout.splitlines()[1:]]

    image = probe_components.IMAGE
    assert dry() == [[name, "would", "run", image] for name in ("make", "show", "emit")]
    assert not (tmp_path / "runs").exists()
    roadworthy("run", "pipeline_probes:cached_chain")
    runs = sorted((tmp_path / "runs").iterdir())
    kept = ["done", "(kept", "from", "an", "earlier", "run)"]
    assert dry() == [["make", *kept, image], ["show", *kept, image], ["emit", "would", "run", image]]
    assert sorted((tmp_path / "runs").iterdir()) == runs


def test_a_missing_environment_is_named_before_anything_starts(roadworthy, tmp_path):
    file = tmp_path / "probe.yaml"
    content = kfp.compiled(probes.exit_ok)
    content[0]["deploymentSpec"]["executors"]["exec-emit"]["container"]["image"] = "roadworthy/absent:1"
    file.write_text(kfp.text(content))
    done = roadworthy("run", "probe.yaml")
    assert done.returncode == 2
    assert ".venvs/absent for roadworthy/absent:1" in done.stderr
    assert "make environments" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("image", ["python:3.11", "roadworthy/../dev:1", "roadworthy/dev extra"])
def test_an_image_that_is_none_of_ours_is_refused(roadworthy, tmp_path, image):
    content = kfp.compiled(probes.exit_ok)
    content[0]["deploymentSpec"]["executors"]["exec-emit"]["container"]["image"] = image
    (tmp_path / "probe.yaml").write_text(kfp.text(content))
    assert "expected an image like" in roadworthy("run", "probe.yaml").stderr


@pytest.mark.parametrize("name", ["absent", "absent:p", "pipeline_probes:absent", "absent.yaml"])
def test_a_pipeline_that_is_not_there_is_one_line(roadworthy, name):
    done = roadworthy("run", name)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_list_needs_no_kfp(tmp_path):
    (tmp_path / "one.py").write_text(
        'from kfp import dsl\n\n@dsl.pipeline(name="the-one")\ndef p():\n    """First line.\n\n    More."""\n'
        "\n@dsl.pipeline\ndef another_one():\n    pass\n\n@other.decorator\ndef none():\n    pass\n"
    )
    (tmp_path / "plain.py").write_text("raise SystemExit('imported')\n")
    found = registry.entries(tmp_path, "package")
    assert found == {
        "another-one": registry.Entry("another-one", "package.one", "another_one", ""),
        "the-one": registry.Entry("the-one", "package.one", "p", "First line."),
    }


def test_the_programs_own_pipelines_are_compiled_under_the_names_they_are_listed_by():
    for name, entry in registry.entries().items():
        content, pipeline = kfp.checked(entry.load())
        assert pipeline.name == name
        assert len(kfp.text(content)) < 1 << 20  # etcd refuses objects over 1.5 MB


def test_goldens_are_up_to_date(roadworthy):
    goldens = Path(__file__).resolve().parents[2] / "manifests" / "pipelines" / "kfp"
    done = roadworthy("compile", "--check", "--output", str(goldens))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_closing_words_do_not_let_a_log_steer_the_terminal(tmp_path):
    from pipelines.targets.local import view

    log = tmp_path / "log.txt"
    log.write_bytes(b"one\n\x1b[2Jtwo \xff\n")
    assert view.tail(log) == "    one\n    ·[2Jtwo \ufffd"


def test_two_runs_in_one_second_have_two_folders(run):
    folders = {run(probes.if_param).folder for _ in range(3)}
    assert len(folders) == 3
    assert os.path.commonpath(folders) == str(next(iter(folders)).parent)


def test_compile_removes_what_no_pipeline_makes_any_more_and_nothing_of_anyone_elses(tmp_path: Path) -> None:
    gone, foreign = tmp_path / "gone.yaml", tmp_path / "foreign.yaml"
    gone.write_text("# gone: made by `roadworthy compile`, not by hand.\na: 1\n")
    foreign.write_text("kind: ConfigMap\n")
    assert cli.main(["compile", "--output", str(tmp_path)]) == 0
    assert not gone.exists()
    assert foreign.read_text() == "kind: ConfigMap\n"
