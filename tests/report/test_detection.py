"""A detector on the page: what it says of the numbers, what it shows, and what it computes again."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from detection_artifacts import LABELS, Detection, changed, clarify, make_detection
from page_reading import Read, read_page
from report_artifacts import Run
from scipy import stats

from components.data.scenes.dataset import read as read_scenes
from components.report import compose, inputs, wording
from components.report.checks import checks
from components.report.detection.curves import read as read_curves

ROOT = Path(__file__).resolve().parents[2]

SECTIONS = {
    "clarify": "What made each box",
    "curves": "Precision and recall",
    "scenes": "Data",
    "model": "Training",
    "training": "Training",
    "archive": "Package",
}
PROOF = "Lineage and checks"


def page_of(**paths: Path | None) -> Read:
    found = read_page(compose.page("A run", inputs.read(paths)).render())
    assert found.problems == []
    return found


def differing(**paths: Path | None) -> set[str]:
    return {check.statement for check in checks(inputs.read(paths)) if not check.holds}


def analysis_of(detection: Detection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((detection.clarify / "analysis.json").read_text())
    return found


class TestPage:
    def test_has_a_section_for_each_artifact_and_says_the_finding_first(self, detection: Detection) -> None:
        found = page_of(**detection.paths())
        assert found.headings() == [*dict.fromkeys(SECTIONS.values()), PROOF]
        (lead,) = [text for text in found.texts if text.startswith("The detector finds")]
        assert lead == (
            "The detector finds 85.7\u00a0% of the objects in 10 pictures that it has never seen (12 of 14, with a "
            "score of 0.5 or more); its mAP50 is 86.7\u00a0% (68.5\u00a0–\u00a0100\u00a0%). In 8 of 8 explained boxes "
            "the segment that raised the score most lies on the object (100\u00a0%; a segment drawn by lot would in "
            "11.1\u00a0%)."
        )
        assert found.texts.index(lead) < found.texts.index("What happened")

    def test_sections_appear_exactly_when_their_inputs_are_given(self, detection: Detection) -> None:
        for name, path in detection.paths().items():
            found = page_of(**{name: path})
            proof = [] if name == "training" else [PROOF]
            assert found.headings() == [SECTIONS[name], *proof], name

    def test_the_program_takes_everything_and_gives_the_same_bytes_again(
        self, detection: Detection, tmp_path: Path
    ) -> None:
        flags = [word for name, path in detection.paths().items() for word in (f"--{name}", str(path))]
        for name in ("a", "b"):
            command = [sys.executable, "-m", "components.report", *flags, "--page", str(tmp_path / name)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
        assert "http:" not in (tmp_path / "a").read_text()

    def test_counts_pictures_and_objects_of_each_class_and_split(self, detection: Detection) -> None:
        found, scenes = page_of(scenes=detection.scenes), read_scenes(detection.scenes)
        rows = [row for of in scenes.rows.values() for row in of]
        shown = [text for text in found.texts if text.strip()]
        for class_id, label in enumerate(LABELS):
            own = [row for row in rows if row.class_id == class_id]
            counts = [sum(f"/{split}/" in row.path for row in own) for split in ("train", "validation", "test")]
            line = [f"{class_id} {label}", *map(str, counts), str(len(own)), str(len({row.path for row in own}))]
            place = shown.index(line[0])
            assert shown[place : place + 6] == line
        assert {str(len(scenes.images)), f"{sum('/test/' in row.path for row in rows)} objects"} <= set(found.texts)
        assert sum(tag[0] == "img" for tag in found.skeleton) == 12
        assert any(value.endswith("no object") for value in found.values)

    def test_each_picture_stands_with_its_boxes_and_the_heat_map_of_each(self, detection: Detection) -> None:
        found, told = page_of(clarify=detection.clarify), analysis_of(detection)
        explained = [image for image in told["images"] if image["boxes"]]
        boxes = [box for image in explained for box in image["boxes"]]
        assert sum(tag[0] == "article" for tag in found.skeleton) == len(explained) == 5
        assert sum(tag[0] == "img" for tag in found.skeleton) == len(explained) + len(boxes) == 13
        titles = [", ".join(f"{b['k']} {b['label']} {b['score']:.2f}" for b in i["boxes"]) for i in explained]
        assert set(titles) <= set(found.texts)
        for box in boxes:
            values = f"{box['base_value']:.3f} with no segment → {box['full_value']:.3f} with all {len(box['values'])}"
            assert {values, f"{box['samples']} coalitions, exact"} <= set(found.texts)
        assert "1 more picture had no detection that scored 0.5 or more." in found.texts

    def test_the_share_on_the_object_stands_with_wilsons_interval(self, detection: Detection, tmp_path: Path) -> None:
        def worse(content: Any) -> None:
            for box in content["images"][2]["boxes"]:
                box["top_on_object"] = False

        found = page_of(clarify=changed(detection.clarify, tmp_path / "results", worse))
        between = stats.binomtest(6, 8).proportion_ci(0.95, method="wilson")
        low, high = (f"{100 * end:.1f}" for end in (between.low, between.high))
        assert {"75.0\u00a0%", f"{low}\u00a0–\u00a0{high}\u00a0% (95\u00a0%)"} <= set(found.texts)
        assert found.texts.count("6 of 8 boxes; 11.1\u00a0% by chance") == 2
        assert any(text.startswith("In 6 of 8 explained boxes the segment") for text in found.texts)

    def test_a_box_on_nothing_is_told_as_one(self, detection: Detection, tmp_path: Path) -> None:
        def nothing(content: Any) -> None:
            content["images"][0]["boxes"][0] |= {"true_box": None, "top_on_object": False, "strongest_on_object": 0.0}

        found = page_of(clarify=changed(detection.clarify, tmp_path / "results", nothing))
        assert "no object is there; top three 0\u00a0%" in found.texts

    def test_curves_stand_with_their_figures_for_every_class(self, detection: Detection) -> None:
        found, curves = page_of(curves=detection.curves), read_curves(detection.curves)
        for one in curves.classes:
            assert one.ap50 is not None
            assert f"{one.class_id} {one.label}" in found.texts
            assert f"○ score 0.5: {one.found(0.5)} of {one.objects} found" in found.texts
            assert any(text.startswith(f"AP50 {wording.percent(one.ap50.value)} (") for text in found.texts)
        drawings = [tag for tag in found.skeleton if tag[0] == "svg"]
        assert len(drawings) == 1 + len(curves.classes)

    def test_training_shows_map_with_intervals_and_both_curves(self, detection: Detection) -> None:
        found = page_of(training=detection.training, model=detection.model)
        assert {"mAP50", "mAP", "mAP50, 11 points", "AP50, stop", "50.0\u00a0%"} <= set(found.texts)
        assert "14 objects in 10 test pictures" in found.texts
        assert "from 20 to 7.25; lowest 7.25 in epoch 3" in found.texts
        assert "from 25.00\u00a0% to 50.00\u00a0%; highest 75.00\u00a0% in epoch 2" in found.texts
        whole = page_of(training=detection.training, curves=detection.curves)
        assert "AP50, stop" not in whole.texts  # the curves say it, with its interval

    def test_what_is_found_with_low_scores_only_is_told(self, detection: Detection, tmp_path: Path) -> None:
        def stricter(content: Any) -> None:
            content["config"]["probability_threshold"] = 0.9

        strict = changed(detection.clarify, tmp_path / "results", stricter)
        found, curves = page_of(curves=detection.curves, clarify=strict), read_curves(detection.curves)
        few, all_ = curves.found(0.9), curves.found(0.0)
        assert few < all_
        told = f"({few} of 14, with a score of 0.9 or more; {100 * all_ / 14:.1f}\u00a0% with any score)"
        assert any(told in text for text in found.texts)

    def test_an_endpoint_that_was_asked_is_named_without_a_link(self, detection: Detection, tmp_path: Path) -> None:
        path = clarify(detection.scenes, tmp_path / "results", "http://127.0.0.1:8080", count=1)
        found = page_of(clarify=path, archive=detection.archive)
        assert "1 box in 1 picture, asked of 127.0.0.1:8080" in found.texts
        assert "The explained detector is this archive." not in found.text

    def test_nothing_that_reaches_the_threshold_is_a_page_too(self, detection: Detection, tmp_path: Path) -> None:
        def without(content: Any) -> None:
            for image in content["images"]:
                image["boxes"] = []

        found = page_of(clarify=changed(detection.clarify, tmp_path / "results", without))
        assert "In none of 6 pictures was there a box to explain." in found.texts
        assert sum(tag[0] == "article" for tag in found.skeleton) == 0

    def test_a_class_without_objects_has_no_precision(self, detection: Detection, tmp_path: Path) -> None:
        def without(content: Any) -> None:
            nothing = dict.fromkeys(("value", "low", "high"))
            content["classes"][0] |= {"objects": 0, "ap50": nothing, "ap": nothing}
            content["classes"][0] |= {"recall": [], "precision": [], "scores": []}

        found = page_of(curves=changed(detection.curves, tmp_path / "curves", without))
        assert "Nothing was to be found." in found.texts

    def test_a_classifiers_page_has_nothing_of_it(self, run: Run) -> None:
        found = page_of(**run.paths())
        assert not {"mAP50", "What made each box", "Precision and recall"} & set(found.texts)

    def test_many_pictures_are_folded_and_limited(self, detection: Detection, tmp_path: Path) -> None:
        def many(content: Any) -> None:
            content["images"] = [content["images"][0]] * 300

        path = changed(detection.clarify, tmp_path / "results", many)
        document = compose.page("A run", inputs.read({"clarify": path})).render()
        found = read_page(document)
        assert sum(tag[0] == "article" for tag in found.skeleton) == 16
        assert "10 more pictures" in found.texts
        assert any("The first 16 of 300 pictures are shown." in text for text in found.texts)
        assert len(document) < 5_000_000


class TestChecks:
    def test_all_hold_for_one_run(self, detection: Detection) -> None:
        found = list(checks(inputs.read(detection.paths())))
        assert {check.statement for check in found if not check.holds} == set()
        assert len(found) == 17

    def test_tell_values_that_do_not_sum_up(self, detection: Detection, tmp_path: Path) -> None:
        shutil.copytree(detection.clarify, tmp_path / "results")
        (array,) = sorted((tmp_path / "results" / "arrays").glob("*_box1_shap.npy"))[:1]
        values = np.load(array, allow_pickle=False)
        np.save(array, values + 1e-5, allow_pickle=False)
        assert differing(clarify=tmp_path / "results") == {
            "Each box's values sum up to its score with all segments less that with none."
        }

    def test_tell_a_strongest_segment_that_lies_elsewhere(self, detection: Detection, tmp_path: Path) -> None:
        shutil.copytree(detection.clarify, tmp_path / "results")
        (array,) = sorted((tmp_path / "results" / "arrays").glob("*_segments.npy"))[:1]
        np.save(array, np.load(array, allow_pickle=False)[::-1, ::-1].copy(), allow_pickle=False)
        assert differing(clarify=tmp_path / "results") == {
            "The strongest segments lie where the maps of segments have them."
        }

    def test_tell_a_share_that_is_not_that_of_the_boxes(self, detection: Detection, tmp_path: Path) -> None:
        def better(content: Any) -> None:
            content["summary"]["strongest_on_object_low"] = 0.9

        assert differing(clarify=changed(detection.clarify, tmp_path / "results", better)) == {
            "The share of boxes with the strongest segment on the object, and its interval, are those of the boxes."
        }

    def test_tell_a_score_that_is_not_the_value_and_boxes_of_other_classes(
        self, detection: Detection, tmp_path: Path
    ) -> None:
        def other(content: Any) -> None:
            content["images"][0]["boxes"][0] |= {"score": 0.99, "label": "Halt"}

        path = changed(detection.clarify, tmp_path / "results", other)
        assert differing(clarify=path, model=detection.model) == {
            "The value of each whole picture is the score of its box.",
            "The explained boxes are of the detector's classes.",
        }

    def test_tell_another_dataset_archive_and_curves(self, detection: Detection, tmp_path: Path) -> None:
        other = make_detection(tmp_path, ("Stop", "Yield", "No entry"), "others", 7)

        def fewer(content: Any) -> None:
            content["classes"][0]["objects"] -= 1
            content["map50"]["value"] -= 0.01

        wrong = changed(detection.curves, tmp_path / "wrong.json", fewer)
        strangers = changed(other.clarify, tmp_path / "strangers", lambda c: c["images"][0].update(name="a.jpg"))
        given = {**detection.paths(), "scenes": other.scenes, "curves": wrong, "clarify": strangers}
        assert differing(**given) == {
            "The detector was trained on this dataset.",
            "The detector has the dataset's classes.",
            "The figures that travel with the model are those of the curves.",
            "The figures of the metrics are those of the curves.",
            "The curves count every picture and object of the test split once.",
            "mAP50 is the mean over the classes.",
            "The explained detector is this archive.",
            "Every explained picture is one of the dataset.",
            "The explained boxes are of the detector's classes.",
        }

    def test_tell_a_precision_that_is_not_the_area_under_its_curve(self, detection: Detection, tmp_path: Path) -> None:
        def higher(content: Any) -> None:
            content["classes"][1]["ap50"] = {"value": 0.999, "low": 0.99, "high": 1.0}

        assert "Each class's average precision is the area under its curve." in differing(
            curves=changed(detection.curves, tmp_path / "curves", higher)
        )

    def test_a_difference_is_shown_on_the_page(self, detection: Detection, tmp_path: Path) -> None:
        path = changed(detection.curves, tmp_path / "curves", lambda c: c["map50"].update(value=0.1))
        shown = [text.strip() for text in page_of(curves=path).texts if text.strip()]
        assert ("differs", "mAP50 is the mean over the classes.") in itertools.pairwise(shown)
