"""A window is compared with a baseline of the model that answered it; where that is not so, it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.report import verdicts as format_
from tests.monitor.records import answer, check, line, make_baseline, put, stage, verdicts

OLD, NEW, THIRD = (f"sha256:{digits * 32}" for digits in ("1f", "2e", "3d"))


def answered(count: int, model: str | None, name: str = "e") -> list[bytes]:
    return [line(f"{name}{i}", answer(i % 43), model=model) for i in range(count)]


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline of 86 records of the old model."""
    root = tmp_path_factory.mktemp("baseline")
    put(root / "place", answered(86, OLD))
    return make_baseline(root, root / "place")


def own(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "statistics.json").read_text())["roadworthy"]
    return found


def test_a_baseline_keeps_the_models_that_it_is_of(tmp_path: Path, baseline: Path) -> None:
    assert own(baseline)["models"] == {OLD: 86}
    put(
        tmp_path / "place", [*answered(9, NEW), *answered(5, OLD, "o"), *answered(5, OLD, "o"), *answered(3, None, "n")]
    )
    arguments = ("--place", tmp_path / "place", "--baseline", tmp_path / "b", "--metrics", tmp_path / "m")
    done = stage("baseline", *arguments)
    assert done.returncode == 0, done.stderr
    assert own(tmp_path / "b")["models"] == {OLD: 5, NEW: 9}
    assert f"by 2 models: {OLD}, {NEW}" in done.stderr


def test_a_window_of_the_same_model_is_fine(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", answered(86, OLD))
    assert check(tmp_path, tmp_path / "place", baseline).returncode == 0
    rule = verdicts(tmp_path)["other_model"]
    assert (rule["verdict"], rule["value"], rule["details"]["models"]) == ("ok", 0.0, {OLD: 86})
    assert own(tmp_path / "results")["models"] == {OLD: 86}
    assert (tmp_path / "violated").read_text() == "false"


def test_a_window_of_another_model_is_refused_in_one_line_that_names_both(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", answered(40, NEW))
    done = check(tmp_path, tmp_path / "place", baseline)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert f"the model that the baseline is of, {OLD}, found 40 of {NEW}: make a baseline" in said
    assert "--allow-other-model true" in said
    assert not list(tmp_path.glob("results*"))


def test_who_allows_it_gets_the_comparison_and_is_told(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", answered(86, NEW))
    assert check(tmp_path, tmp_path / "place", baseline, "--allow-other-model", "true").returncode == 0
    rule = verdicts(tmp_path)["other_model"]
    assert (rule["verdict"], rule["value"], rule["threshold"]) == ("ok", 1.0, 1.0)
    assert "86 of 86 records were answered by another model" in rule["description"]
    assert (tmp_path / "violated").read_text() == "false"


def test_a_rollout_in_the_middle_of_a_window_is_counted_told_and_flagged(tmp_path: Path, baseline: Path) -> None:
    lines = [*answered(80, OLD, "o"), *answered(15, NEW, "n"), *answered(4, THIRD, "t"), *answered(1, None, "u")]
    put(tmp_path / "place", lines)
    assert check(tmp_path, tmp_path / "place", baseline).returncode == 0
    rule = verdicts(tmp_path)["other_model"]
    assert (rule["verdict"], rule["value"], rule["sample_size"]) == ("violated", 0.19, 100)
    assert rule["details"]["models"] == {OLD: 80, NEW: 15, THIRD: 4}
    assert (rule["details"]["other_models"], rule["details"]["unnamed"]) == ([NEW, THIRD], 1)
    told = (
        "19 of 100 records were answered by another model than the baseline's, sha256:1f1f1f1f1f1f…: "
        "15 by sha256:2e2e2e2e2e2e…, 4 by sha256:3d3d3d3d3d3d…; 1 name no model: "
        "19.00% Exceeded 0.00% threshold"
    )
    assert ("Model", "categorical_values_check", told) in format_.read_violations(tmp_path / "results")
    assert told in (tmp_path / "message").read_text()
    assert "15 by sha256:2e2e2e2e2e2e…" in (tmp_path / "report").read_text()
    flagged = {one.event_id for one in format_.read_flagged(tmp_path / "results", "other_model")}
    assert flagged == {*(f"n{i}" for i in range(15)), *(f"t{i}" for i in range(4))}


def test_records_that_name_no_model_are_taken_as_ever(tmp_path: Path, baseline: Path) -> None:
    put(tmp_path / "place", answered(86, None))
    assert check(tmp_path, tmp_path / "place", baseline).returncode == 0
    assert "other_model" not in verdicts(tmp_path)


def test_a_baseline_of_before_takes_every_model(tmp_path: Path, baseline: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    found = json.loads((baseline / "statistics.json").read_text())
    del found["roadworthy"]["models"]
    (before / "statistics.json").write_text(json.dumps(found))
    (before / "constraints.json").write_bytes((baseline / "constraints.json").read_bytes())
    put(tmp_path / "place", answered(86, NEW))
    assert check(tmp_path, tmp_path / "place", before).returncode == 0
    assert "other_model" not in verdicts(tmp_path)


def test_what_a_stranger_calls_a_model_is_shown_as_a_text(tmp_path: Path, baseline: Path) -> None:
    name = "<script>alert(1)</script>\n\u202e" + "x" * 5000
    put(tmp_path / "place", [*answered(80, OLD), *answered(6, name, "s")])
    assert check(tmp_path, tmp_path / "place", baseline).returncode == 0
    assert "<script>alert" not in (tmp_path / "report").read_text()
    put(tmp_path / "alone", answered(40, name))
    done = check(tmp_path / "b", tmp_path / "alone", baseline)
    (said,) = done.stderr.splitlines()
    assert (done.returncode, len(said) < 600) == (1, True)


def test_a_thousand_models_are_counted_and_one_more_is_refused(tmp_path: Path, baseline: Path) -> None:
    many = [line(f"e{i}", answer(1), model=f"m{i}") for i in range(1000)]
    put(tmp_path / "place", [*answered(80, OLD, "o"), *many[1:]])
    assert check(tmp_path, tmp_path / "place", baseline).returncode == 0
    assert verdicts(tmp_path)["other_model"]["details"]["part"] == 999
    put(tmp_path / "place", [*answered(80, OLD, "o"), *many])
    done = check(tmp_path / "b", tmp_path / "place", baseline)
    assert done.returncode == 1
    assert "at most 1000 different models" in done.stderr


@pytest.mark.parametrize("models", [[1], {"a": -1}, {"a": 87}, {"a": "b"}, None])
def test_a_baseline_whose_models_cannot_be_is_refused(tmp_path: Path, baseline: Path, models: Any) -> None:
    found = json.loads((baseline / "statistics.json").read_text())
    found["roadworthy"]["models"] = models
    (tmp_path / "statistics.json").write_text(json.dumps(found))
    (tmp_path / "constraints.json").write_bytes((baseline / "constraints.json").read_bytes())
    put(tmp_path / "place", answered(3, OLD))
    done = check(tmp_path / "out", tmp_path / "place", tmp_path)
    assert done.returncode == 1
    assert "statistics.json: expected" in done.stderr
