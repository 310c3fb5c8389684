"""The same IR with real containers: ``podman run`` a step."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import container_probes
import pipeline_probes as probes
import probe_components
import pytest
import server_probes

from pipelines.targets import kfp
from tests.podman import IMAGE, containers, podman, why_not
from tests.processes import carrying

ROOT = Path(__file__).resolve().parents[2]
WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


def command(tmp_path, pipeline, *args):
    """The program's command line for a probe whose steps run in the probe image."""
    text = kfp.text(kfp.compiled(pipeline)).replace(probe_components.IMAGE, IMAGE)
    (tmp_path / "probe.yaml").write_text(text)
    return [sys.executable, "-m", "pipelines", "run", "probe.yaml", "--backend", "podman", *args]


@pytest.fixture
def contained(tmp_path):
    def start(pipeline, *args):
        done = subprocess.run(
            command(tmp_path, pipeline, *args),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        summaries = sorted((tmp_path / "runs").glob("*/summary.json"), key=lambda path: path.stat().st_mtime_ns)
        return done, json.loads(summaries[-1].read_text()) if summaries else {}

    yield start
    assert podman("ps", "--all", "--quiet", "--filter", f"ancestor={IMAGE}").stdout == ""


def waited_for(there, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def command_lines():
    """The command line of each process there is."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield (process / "cmdline").read_bytes()


def states(summary):
    return {step["step"]: step["state"] for step in summary["steps"]}


def test_artifacts_and_parameters_pass_between_containers_and_are_kept(contained):
    done, summary = contained(probes.cached_chain)
    assert done.returncode == 0, done.stderr
    assert summary["outputs"]["parameters"] == {"Output": "hello"}
    _, again = contained(probes.cached_chain)
    assert [step["cached"] for step in again["steps"]] == [True, True, False]


def test_a_step_is_no_root_has_no_capabilities_and_writes_only_where_it_should(contained):
    done, summary = contained(container_probes.rights)
    assert done.returncode == 0, done.stderr
    user, group, effective, bounding, locked, *wrote = summary["outputs"]["parameters"]["Output"].splitlines()
    assert (int(user), int(group)) == ((os.getuid(), os.getgid()) if os.getuid() else (65532, 65532))
    assert int(effective, 16) == int(bounding, 16) == 0
    assert locked == "1"
    assert wrote == ["wrote /tmp", "wrote /tmp", "wrote ."]


def test_what_a_step_leaves_is_the_callers_to_read_and_remove(contained):
    done, summary = contained(container_probes.left)
    assert done.returncode == 0, done.stderr
    folder = Path(summary["folder"])
    made = next(folder.glob("leave/out/made/inner/file"))
    assert made.read_text() == "x\n"
    shutil.rmtree(folder)
    assert not folder.exists()


def test_a_secret_reaches_its_step_and_no_command_line(tmp_path):
    program = subprocess.Popen(
        command(tmp_path, container_probes.secret, "--param", "ready=ready"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), container_probes.SECRET: "opensesame"},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "runs").glob("*/read-secret/ready")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    shown = b"".join(command_lines())
    _, errors = program.communicate(timeout=100)
    assert program.returncode == 0, errors
    assert b"read-secret" in shown
    assert b"opensesame" not in shown
    said = next((tmp_path / "runs").glob("*/read-secret/out/said")).read_text()
    assert said == "pqfotftbnf\n"


def test_a_failed_container_is_a_failure(contained):
    done, summary = contained(probes.exit_after_failure)
    assert done.returncode == 1
    assert states(summary) == {"boom": "FAILED", "emit": "OMITTED", "final": "SUCCEEDED"}
    assert "exit status 7" in done.stderr
    assert "    the boom" in done.stderr


def test_a_server_outlives_its_step_until_it_is_told_to_end(contained):
    done, summary = contained(server_probes.deployed)
    assert done.returncode == 0, done.stderr
    assert set(states(summary).values()) == {"SUCCEEDED"}
    assert (Path(summary["folder"]) / "state" / "down").read_text() == "down\n"


def test_a_server_that_nobody_ends_is_gone_after_the_run(contained):
    done, summary = contained(server_probes.deployed_for_good)
    assert done.returncode == 0, done.stderr
    assert not (Path(summary["folder"]) / "state" / "down").exists()


def test_a_step_over_its_time_is_ended(contained):
    _, summary = contained(probes.timed_out)
    assert "ran longer than 1 s" in summary["steps"][0]["error"]


def test_an_absent_image_is_named_before_anything_starts(tmp_path):
    wanted = command(tmp_path, probes.if_param)
    file = tmp_path / "probe.yaml"
    file.write_text(file.read_text().replace(IMAGE, "roadworthy/absent:1"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(wanted, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "expected the images roadworthy/absent:1 in podman" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_an_interrupt_stops_containers_and_still_takes_the_server_down(contained, tmp_path):
    # The step's working folder is its own in the run.
    program = subprocess.Popen(
        command(tmp_path, server_probes.deployed_and_interrupted, "--param", "ready=ready"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "runs").glob("*/wait-long/ready")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=100)
    assert program.returncode == 130, errors
    summary = json.loads(next((tmp_path / "runs").glob("*/summary.json")).read_text())
    assert states(summary) == {"serve-until-told": "SUCCEEDED", "wait-long": "CANCELLED", "tell": "SUCCEEDED"}
    assert (Path(summary["folder"]) / "state" / "down").exists()


@pytest.mark.parametrize("name", ["plain", "a folder, of=odd 'characters'"])
def test_a_killed_runner_leaves_no_container_at_work_and_none_that_serves(tmp_path, name):
    """Neither the step's, nor that of an earlier step whose server was to live on until the last."""
    folder = tmp_path / name
    folder.mkdir()
    program = subprocess.Popen(
        command(folder, server_probes.deployed_and_interrupted, "--param", "ready=ready"),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    waited_for(lambda: list((folder / "runs").glob("*/wait-long/ready")))
    assert len(containers(folder)) == 2
    program.kill()
    program.wait()
    waited_for(lambda: not containers(folder))
    waited_for(lambda: not carrying(str(folder)))


def test_a_killed_runner_ends_no_container_of_another_run(tmp_path):
    programs = {}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        programs[name] = subprocess.Popen(
            command(tmp_path / name, server_probes.deployed_and_interrupted, "--param", "ready=ready"),
            cwd=tmp_path / name,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
        )
    for name in programs:
        waited_for(lambda name=name: list((tmp_path / name / "runs").glob("*/wait-long/ready")))
    programs["one"].kill()
    programs["one"].wait()
    waited_for(lambda: not containers(tmp_path / "one"))
    waited_for(lambda: not carrying(str(tmp_path / "one")))
    assert len(containers(tmp_path / "two")) == 2
    programs["two"].send_signal(signal.SIGINT)
    assert programs["two"].wait(60) == 130
    assert containers(tmp_path / "two") == []
