"""A monitored attack on the page: what it says of the numbers, what it checks, and what it refuses."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from page_reading import Read, read_page
from report_artifacts import Run
from story_artifacts import (
    EXPLAINED,
    Story,
    explained,
    write_attack,
    write_explanations,
    write_metrics,
)

from components.errors import DatasetError, InputError
from components.report import compose, inputs, verdicts
from components.report.checks import checks

ROOT = Path(__file__).resolve().parents[2]

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "Stop \u202egnp.exe",
    "x" * 10_000,
    "</script><script>alert(1)</script>",
]


def page_of(**paths: Path | None) -> Read:
    found = read_page(compose.page("A run", inputs.read(paths)).render())
    assert found.problems == []
    return found


def differing(**paths: Path | None) -> set[str]:
    return {check.statement for check in checks(inputs.read(paths)) if not check.holds}


def copied(source: Path, to: Path, change: Callable[[Any], None], name: str) -> Path:
    """A copy of a folder in which one JSON file is another."""
    shutil.copytree(source, to)
    content = json.loads((to / name).read_text())
    change(content)
    (to / name).write_text(json.dumps(content))
    return to


class TestPage:
    def test_has_a_section_for_each_artifact_and_says_the_finding_first(self, run: Run, story: Story) -> None:
        found = page_of(**run.paths(), **story.paths())
        assert found.headings() == [
            *("Flagged images", "What the monitor found", "The attack", "Saliency", "What the monitor can see"),
            *("Data", "Training", "Confusions", "Package", "Traffic", "Captured traffic", "Lineage and checks"),
        ]
        assert (
            "The monitor reported the attack. 59 of 60 predictions (98.3\u00a0%) are class 0 Stop; the limit is "
            "50\u00a0%. In the clean window before it, it found nothing."
        ) in found.texts

    def test_the_program_takes_everything_and_gives_the_same_bytes_again(
        self, run: Run, story: Story, tmp_path: Path
    ) -> None:
        given = {**run.paths(), **story.paths()}
        flags = [word for name, path in given.items() for word in (f"--{name.replace('_', '-')}", str(path))]
        for name in ("a", "b"):
            command = [sys.executable, "-m", "components.report", *flags, "--page", str(tmp_path / name)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_every_rule_stands_with_its_value_interval_and_sample_in_both_windows(self, story: Story) -> None:
        found = page_of(monitor_clean=story.monitor_clean, monitor_attacked=story.monitor_attacked)
        for folder in (story.monitor_clean, story.monitor_attacked):
            for rule in verdicts.read(folder).rules:
                assert rule.rule.replace("_", " ") in found.texts
                assert f"{rule.sample_size:,}" in found.texts
                share = rule.rule in ("over_predicted_class", "low_confidence", "completeness")
                if rule.interval is not None and not share and not rule.rule.startswith(("score", "unknown", "unrel")):
                    assert " – ".join(f"{end:.3f}" for end in rule.interval) in found.texts
        first = [text for text in found.texts if text in ("ok", "violated", "not enough data")]
        attacked = first[1::2]
        assert attacked == sorted(attacked, key=["violated", "not enough data", "ok"].index)

    def test_classes_are_counted_before_and_during(self, story: Story) -> None:
        found = page_of(monitor_clean=story.monitor_clean, monitor_attacked=story.monitor_attacked)
        assert {"clean window, of 120", "attacked window, of 60", "0 Stop", "59 · 98.3\u00a0%"} <= set(found.texts)
        assert found.texts.count("40 · 33.3\u00a0%") == 3
        assert found.texts.count("0 · 0\u00a0%") == 1
        alone = page_of(monitor_attacked=story.monitor_attacked)
        assert {"baseline, of 150", "checked window, of 60"} <= set(alone.texts)

    def test_each_flagged_image_stands_with_its_original_the_difference_and_both_maps(self, story: Story) -> None:
        found = page_of(**story.paths())
        assert sum(tag[0] == "article" for tag in found.skeleton) == 12
        assert sum(tag[0] == "img" for tag in found.skeleton) == 5 * 12
        for name in ("Original", "Adversarial", "Saliency, original", "Saliency, adversarial"):
            assert found.texts.count(name) == 12
        assert sum(text.startswith("Difference") for text in found.texts) == 12 + 1
        assert f"12 of {EXPLAINED} explained records: the first by event id, not chosen by their looks." in found.texts

    def test_flagged_images_that_nobody_explained_come_from_the_attack(self, story: Story) -> None:
        found = page_of(monitor_attacked=story.monitor_attacked, adversarial=story.adversarial)
        assert sum(tag[0] == "article" for tag in found.skeleton) == 12
        assert sum(tag[0] == "img" for tag in found.skeleton) == 3 * 12
        assert "12 of 59 flagged records: the first by event id, not chosen by their looks." in found.texts

    def test_an_incident_without_originals_shows_what_was_sent_and_why(self, story: Story, tmp_path: Path) -> None:
        row = dict.fromkeys(name for name in explained(1, "", "", 0.5) if name.startswith("original_"))
        told = [{**explained(i, f"attacked-{i}", "", 0.4), **row} for i in (1, 2)]
        write_explanations(tmp_path / "explanations", told)
        found = page_of(monitor_attacked=story.monitor_attacked, explanations=tmp_path / "explanations")
        assert {"Flagged", "Saliency", "All 2 explained records."} <= set(found.texts)
        assert sum(tag[0] == "img" for tag in found.skeleton) == 4
        told = [text.lower() for text in found.texts if not text.startswith("attacked-")]
        assert not any(word in text for word in ("original", "adversarial", "attack") for text in told)

    def test_a_window_without_a_violation_is_told_as_one(self, story: Story) -> None:
        found = page_of(monitor_attacked=story.monitor_clean, adversarial=story.adversarial)
        assert any(text.startswith("The monitor did not report the attack: 120 predictions") for text in found.texts)
        twice = page_of(monitor_clean=story.monitor_attacked, monitor_attacked=story.monitor_attacked)
        assert any("the clean window before it violated" in text for text in twice.texts)

    def test_the_robustness_is_drawn_with_its_intervals(self, story: Story) -> None:
        found = page_of(adversarial=story.adversarial)
        assert {"4: 42.0\u00a0%, 29.4\u00a0% to 55.8\u00a0%", "29.4\u00a0% – 55.8\u00a0%", "4/255"} <= set(found.texts)

    def test_a_page_of_everything_is_small(self, run: Run, story: Story) -> None:
        document = compose.page("A run", inputs.read({**run.paths(), **story.paths()})).render()
        assert len(document) < 5_000_000

    def test_metrics_alone_and_no_images_to_show_make_a_page_too(self, story: Story, tmp_path: Path) -> None:
        assert page_of(attack_metrics=story.attack_metrics).headings() == ["The attack"]
        write_explanations(tmp_path / "explanations", [])
        found = page_of(explanations=tmp_path / "explanations", baseline=story.baseline)
        assert found.headings() == ["Saliency", "Lineage and checks"]


class TestWords:
    @pytest.mark.parametrize(
        ("after", "words"),
        [(0.4, "Confidence went down"), (0.93, "Confidence went up"), (0.9, "Confidence did not move measurably")],
    )
    def test_say_which_way_the_confidence_went(self, tmp_path: Path, after: float, words: str) -> None:
        write_attack(tmp_path / "attack", "attack on signs", after=after)
        found = page_of(adversarial=tmp_path / "attack")
        assert any(text.startswith(words) for text in found.texts)
        blind = any("looks for low confidence alone does not see this attack" in text for text in found.texts)
        assert blind == (words == "Confidence went up")

    @pytest.mark.parametrize(
        ("moved", "words"),
        [
            (0.10, "Saliency left the sign"),
            (0.01, "Saliency hardly left the sign"),
            (-0.10, "Saliency did not leave the sign, it moved onto it"),
            (0.0, "Saliency did not measurably leave the sign"),
        ],
    )
    def test_say_which_way_the_saliency_went(self, tmp_path: Path, moved: float, words: str) -> None:
        rows = [explained(i, f"e{i}", "", 0.5) for i in range(10)]
        for i, row in enumerate(rows):
            row["outside_share"] = row["original_outside_share"] + moved + (-1) ** i / 1000
        write_explanations(tmp_path / "explanations", rows)
        found = page_of(explanations=tmp_path / "explanations")
        assert sum(text.startswith(words) for text in found.texts) == 1
        assert not moved or any(f"{100 * moved:+.1f} points".replace("-", "−") in text for text in found.texts)


class TestChecks:
    def test_all_hold_for_one_run(self, run: Run, story: Story) -> None:
        found = list(checks(inputs.read({**run.paths(), **story.paths()})))
        assert {check.statement for check in found if not check.holds} == set()
        assert len(found) == 28

    def test_tell_a_count_that_is_not_the_violations(self, story: Story, tmp_path: Path) -> None:
        def change(content: Any) -> None:
            content["class_counts"][0]["count"] -= 9

        wrong = copied(story.monitor_attacked, tmp_path / "results", change, "verdicts.json")
        assert differing(monitor_attacked=wrong) == {
            "Checked window: the classes' counts sum up to the predictions.",
            "Checked window: the share of the class predicted too often is that of its counts.",
            "Checked window: its interval is Wilson's.",
        }

    def test_tell_another_baseline_and_a_violation_that_is_not_listed(self, story: Story, tmp_path: Path) -> None:
        def change(content: Any) -> None:
            content["features"][0]["string_statistics"]["distribution"]["categorical"]["buckets"][0]["count"] += 1

        other = copied(story.baseline, tmp_path / "baseline", change, "statistics.json")
        statement = "it was compared with this baseline."
        assert differing(baseline=other, monitor_clean=story.monitor_clean) == {f"Clean window: {statement}"}
        shutil.copytree(story.monitor_attacked, tmp_path / "results")
        (tmp_path / "results" / "constraint_violations.json").write_text('{"violations": []}')
        assert differing(monitor_attacked=tmp_path / "results") == {
            "Checked window: constraint_violations.json lists each violated rule."
        }

    def test_tell_lengths_and_rates_that_are_not_those_of_the_images(self, story: Story, tmp_path: Path) -> None:
        from components.data import attacked

        rows = write_attack(tmp_path / "attack", "attack on others")
        write_metrics(tmp_path / "metrics", [row for row in rows if row.success])
        changed = [*rows[1:], attacked.Attacked(**{**vars(rows[0]), "linf": 0.5})]
        attacked.write(changed, tmp_path / "attack")
        assert differing(adversarial=tmp_path / "attack", attack_metrics=tmp_path / "metrics") == {
            "The attack's success rate is that of its images.",
            "The lengths of the changes are those of the pixels.",
        }

    def test_tell_an_attack_on_another_dataset_and_accuracy_that_rises(self, run: Run, tmp_path: Path) -> None:
        write_attack(tmp_path / "attack", "attack on others")
        table = json.loads((tmp_path / "attack" / "robustness.json").read_text())
        table["points"][1] = {**table["points"][1], "right": 20}
        (tmp_path / "attack" / "robustness.json").write_text(json.dumps(table))
        assert differing(dataset=run.dataset, adversarial=tmp_path / "attack") == {
            "The attacked images were made from this dataset.",
            "The accuracies under attack and their intervals are those of the counts.",
        }
        table["points"][1]["accuracy"] = 1.5
        (tmp_path / "attack" / "robustness.json").write_text(json.dumps(table))
        with pytest.raises(InputError, match=r"^adversarial: .*expected"):
            inputs.read({"adversarial": tmp_path / "attack"})

    def test_tell_explanations_of_other_records_models_and_answers(
        self, run: Run, story: Story, tmp_path: Path
    ) -> None:
        rows = [explained(i, f"stranger-{i}", "", 0.4) for i in range(4)]
        rows[0]["recomputed_score"], rows[1]["residual"] = 0.9, 0.5
        write_explanations(tmp_path / "explanations", rows, model="sha256:" + "0" * 64, data="sha256:" + "1" * 64)
        given = {"archive": run.archive, "adversarial": story.adversarial, "monitor_attacked": story.monitor_attacked}
        assert differing(**given, explanations=tmp_path / "explanations") == {
            "Every saliency map adds up to its logit.",
            "The explanations are of this archive.",
            "The explanations are of this attack.",
            "The explained model gives the answers that were captured.",
            "Every explained record was flagged in the checked window.",
        }

    def test_a_difference_is_shown_on_the_page(self, run: Run, tmp_path: Path) -> None:
        write_attack(tmp_path / "attack", "attack on others")
        found = page_of(dataset=run.dataset, adversarial=tmp_path / "attack")
        shown = [text.strip() for text in found.texts if text.strip()]
        assert ("differs", "The attacked images were made from this dataset.") in itertools.pairwise(shown)
        assert any(text.endswith("differ") for text in shown)


class TestHostile:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_texts_of_the_monitor_stay_texts(self, story: Story, tmp_path: Path, text: str) -> None:
        def change(content: Any) -> None:
            content["message"] = text
            content["window"] = dict.fromkeys(content["window"], text)
            for one in content["class_counts"]:
                one |= {"name": text + one["name"], "label": text}
            for rule in content["rules"]:
                rule |= {"description": text, "rule": text + rule["rule"]}
                rule["details"] = {"classes": [{"class": text, "count": 1}]}
            for one in content["power"]:
                one |= {"rule": text, "measure": text}

        wrong = copied(story.monitor_attacked, tmp_path / "results", change, "verdicts.json")
        page_of(monitor_attacked=wrong, monitor_clean=wrong)

    @pytest.mark.parametrize("text", HOSTILE)
    def test_texts_of_explanations_and_attacks_stay_texts(self, tmp_path: Path, text: str) -> None:
        rows = [explained(i, text + str(i), text, 0.4, text) for i in range(2)]
        for row in rows:
            row |= {"original_label": text, "violations": text}
        write_explanations(tmp_path / "explanations", rows, model=text, data=text, tolerance=1e-4)
        write_attack(tmp_path / "attack", "attack on " + text[:100], (text, "<b>", "&lt;"))
        table = json.loads((tmp_path / "attack" / "robustness.json").read_text())
        (tmp_path / "attack" / "robustness.json").write_text(json.dumps({**table, "attack": text, "norm": text}))
        page_of(explanations=tmp_path / "explanations", adversarial=tmp_path / "attack")

    @pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "images/none.png", "images", "", "a\0b"])
    def test_a_picture_outside_the_folder_is_refused(self, tmp_path: Path, name: str) -> None:
        write_explanations(tmp_path / "explanations", [explained(0, "e", "", 0.4)])
        table = pq.read_table(tmp_path / "explanations" / "index.parquet").to_pylist()
        from story_artifacts import EXPLAINED_SCHEMA, pa

        changed = pa.Table.from_pylist([{**table[0], "overlay": name}], EXPLAINED_SCHEMA)
        pq.write_table(changed, tmp_path / "explanations" / "index.parquet")
        with pytest.raises(InputError, match="expected a plain file inside the folder"):
            page_of(explanations=tmp_path / "explanations")

    def test_links_in_the_folder_are_refused(self, tmp_path: Path) -> None:
        write_explanations(tmp_path / "explanations", [explained(0, "e", "", 0.4)])
        shutil.move(tmp_path / "explanations" / "overlays", tmp_path / "elsewhere")
        (tmp_path / "explanations" / "overlays").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(InputError, match="expected a plain file inside the folder"):
            page_of(explanations=tmp_path / "explanations")

    def test_a_changed_attacked_image_is_refused(self, story: Story, tmp_path: Path) -> None:
        shutil.copytree(story.adversarial, tmp_path / "attack")
        next((tmp_path / "attack" / "images").rglob("*.png")).write_bytes(b"<svg/>")
        with pytest.raises(DatasetError, match=r"^adversarial: .*expected"):
            inputs.read({"adversarial": tmp_path / "attack"})

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
    def test_numbers_of_explanations_are_finite(self, tmp_path: Path, value: float | None) -> None:
        write_explanations(tmp_path / "explanations", [{**explained(0, "e", "", 0.4), "residual": value}])
        with pytest.raises(InputError, match="expected finite numbers and a value in each of"):
            inputs.read({"explanations": tmp_path / "explanations"})

    def test_an_index_without_its_columns_is_refused(self, story: Story, tmp_path: Path) -> None:
        shutil.copytree(story.explanations, tmp_path / "explanations")
        table = pq.read_table(tmp_path / "explanations" / "index.parquet").drop_columns(["residual", "overlay"])
        pq.write_table(table, tmp_path / "explanations" / "index.parquet")
        with pytest.raises(InputError, match="expected the columns residual, overlay"):
            inputs.read({"explanations": tmp_path / "explanations"})

    @pytest.mark.parametrize("content", ["[]", "{}", '{"features": 1}', '{"dataset": {}, "features": []}', "{", "NaN"])
    def test_a_baseline_that_is_none_is_refused(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "statistics.json").write_text(content)
        with pytest.raises(InputError, match=r"^baseline: .*expected"):
            inputs.read({"baseline": tmp_path})

    @pytest.mark.parametrize("content", ["[]", "{}", '{"points": [{}]}', '{"points": 1}', "{"])
    def test_a_robustness_table_that_is_none_is_refused(self, tmp_path: Path, content: str) -> None:
        write_attack(tmp_path / "attack", "attack on signs")
        (tmp_path / "attack" / "robustness.json").write_text(content)
        with pytest.raises(InputError, match=r"^adversarial: .*expected"):
            inputs.read({"adversarial": tmp_path / "attack"})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"value": "much"},
            {"threshold": None},
            {"sample_size": 1.5},
            {"confidence": 1},
            {"adjusted_p": "0"},
            {"rule": 1},
        ],
    )
    def test_verdicts_that_are_no_numbers_are_refused(self, story: Story, tmp_path: Path, wrong: Any) -> None:
        results = copied(story.monitor_clean, tmp_path / "a", lambda c: c["rules"][0].update(wrong), "verdicts.json")
        with pytest.raises(InputError, match=r"^monitor_clean: .*expected"):
            inputs.read({"monitor_clean": results})

    @pytest.mark.parametrize("wrong", [{"count": -1}, {"count": "1"}, {"name": 1}, {"label": 1}, {"baseline": None}])
    def test_class_counts_that_are_none_are_refused(self, story: Story, tmp_path: Path, wrong: Any) -> None:
        changed = copied(
            story.monitor_clean, tmp_path / "a", lambda c: c["class_counts"][0].update(wrong), "verdicts.json"
        )
        with pytest.raises(InputError, match=r"^monitor_attacked: .*expected"):
            inputs.read({"monitor_attacked": changed})
