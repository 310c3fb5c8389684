"""A detector's artifacts by a stranger: texts stay texts, what is no number is refused, no file outside is read."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detection_artifacts import Detection, changed, make_detection
from hostile_texts import HOSTILE
from page_reading import Read, read_page

from components.errors import DatasetError, InputError
from components.report import compose, inputs

ROOT = Path(__file__).resolve().parents[2]
Change = Callable[[Any], None]


def page_of(**paths: Path | None) -> Read:
    found = read_page(compose.page("A run", inputs.read(paths)).render())
    assert found.problems == []
    return found


def box(**fields: Any) -> Change:
    return lambda content: content["images"][0]["boxes"][0].update(fields)


def image(**fields: Any) -> Change:
    return lambda content: content["images"][0].update(fields)


class TestTexts:
    @pytest.mark.parametrize("text", [t for t in HOSTILE if t.isprintable()])
    def test_of_a_dataset_and_its_model_stay_texts(self, text: str, tmp_path: Path) -> None:
        made = make_detection(tmp_path, (f"{text[:150]}", "<b>", "&lt;"), text[:150])
        found = page_of(**made.paths())
        assert any(text[:20] in shown for shown in found.texts)

    @pytest.mark.parametrize("text", HOSTILE)
    def test_of_an_analysis_stay_texts(self, text: str, detection: Detection, tmp_path: Path) -> None:
        def hostile(content: Any) -> None:
            content["baseline"] = text[:4000]
            for one in content["images"]:
                one["name"] = text
                for explained in one["boxes"]:
                    explained["label"] = text

        path = changed(detection.clarify, tmp_path / "results", hostile)
        found, harmless = page_of(clarify=path), page_of(clarify=detection.clarify)
        assert found.skeleton == harmless.skeleton
        asked = changed(path, tmp_path / "asked", lambda content: content.update(model=text[:4000]))
        assert page_of(clarify=asked).skeleton == harmless.skeleton

    @pytest.mark.parametrize("text", HOSTILE)
    def test_of_curves_and_metrics_stay_texts(self, text: str, tmp_path: Path, detection: Detection) -> None:
        def hostile(content: Any) -> None:
            content["labels"][0] = content["classes"][0]["label"] = text[:4000]

        curves = changed(detection.curves, tmp_path / "curves", hostile)
        told = json.loads(detection.training.read_text())
        (tmp_path / "metrics").write_text(json.dumps({**told, f"ap50_{text}": 0.5, text: text, "map50_low": text}))
        page_of(curves=curves, training=tmp_path / "metrics", model=detection.model)
        page_of(training=tmp_path / "metrics")


class TestNumbers:
    @pytest.mark.parametrize(
        "change",
        [
            box(score=1.5),
            box(score="1"),
            box(score=True),
            box(score=None),
            box(box=[0, 0, 1]),
            box(box=[0, 0, 1, 2]),
            box(box=None),
            box(true_box=[0, 0, 1, "1"]),
            box(values=[0.1]),
            box(values="values"),
            box(standard_errors=[-1.0] * 9),
            box(base_value=10**400),
            box(full_value=None),
            box(samples=1.5),
            box(samples=-1),
            box(exact=1),
            box(top_on_object=None),
            box(strongest_on_object=1.1),
            box(k=0),
            box(heat_map=7),
            image(segments=0),
            image(segments=10**9),
            image(width=0),
            image(boxes={}),
            image(boxes=[1]),
            image(name=None),
            image(objects_file=None),
            lambda content: content.update(detection=False),
            lambda content: content.update(format=2),
            lambda content: content.update(images=None),
            lambda content: content.update(config={}),
            lambda content: content["config"].update(probability_threshold=2),
            lambda content: content["summary"].pop("on_object"),
            lambda content: content.update(summary=[]),
        ],
    )
    def test_of_an_analysis_are_what_they_should_be(self, change: Change, detection: Detection, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"^clarify: analysis\.json.*expected .*, found"):
            inputs.read({"clarify": changed(detection.clarify, tmp_path / "results", change)})

    @pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400"])
    def test_are_finite(self, text: str, detection: Detection, tmp_path: Path) -> None:
        path = changed(detection.clarify, tmp_path / "results", box(full_value="HERE"))
        content = (path / "analysis.json").read_text().replace('"HERE"', text)
        (path / "analysis.json").write_text(content)
        with pytest.raises(InputError, match=r"^clarify: analysis\.json: .*expected"):
            inputs.read({"clarify": path})

    @pytest.mark.parametrize(
        "change",
        [
            lambda c: c.update(format=2),
            lambda c: c.update(task="classification"),
            lambda c: c.update(labels=["a"]),
            lambda c: c.update(labels=[1, 2, 3]),
            lambda c: c.update(classes=c["classes"][:2]),
            lambda c: c["classes"].reverse(),
            lambda c: c.update(map50=0.5),
            lambda c: c.update(map50={"value": 1.2, "low": 0, "high": 1}),
            lambda c: c.update(map={"value": 0.5, "low": 0.9, "high": 0.1}),
            lambda c: c["classes"][0].update(recall=[0.5, 0.4, 0.6]),
            lambda c: c["classes"][0].update(precision=[0.5]),
            lambda c: c["classes"][0]["recall"].reverse(),
            lambda c: c["classes"][0]["scores"].reverse(),
            lambda c: c["classes"][0]["scores"].__setitem__(0, "1"),
            lambda c: c["classes"][0].update(objects=-1),
            lambda c: c["classes"][0].update(objects=1.0),
            lambda c: c.pop("pictures"),
            lambda c: [1],
        ],
    )
    def test_of_curves_are_what_they_should_be(
        self, change: Callable[[Any], Any], detection: Detection, tmp_path: Path
    ) -> None:
        path = changed(detection.curves, tmp_path / "curves.json", change)
        with pytest.raises(InputError, match=r"^curves: curves\.json.*expected .*, found"):
            inputs.read({"curves": path})

    @pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"format": 1}'])
    def test_what_is_no_json_object_is_none_of_them(self, text: str, tmp_path: Path) -> None:
        for path in (tmp_path / "analysis.json", tmp_path / "curves.json"):
            path.write_text(text)
        with pytest.raises(InputError, match=r"^clarify: analysis\.json: .*expected"):
            inputs.read({"clarify": tmp_path})
        with pytest.raises(InputError, match=r"^curves: curves\.json: .*expected"):
            inputs.read({"curves": tmp_path / "curves.json"})


class TestFiles:
    @pytest.mark.parametrize(
        "name", ["../../secret.png", "/etc/passwd", "none.jpeg", "arrays", "", "a\0b", "x" * 4000, "\ud800"]
    )
    @pytest.mark.parametrize("field", ["heat_map", "array", "objects_file", "segments_file"])
    def test_outside_the_folder_are_refused(self, field: str, name: str, detection: Detection, tmp_path: Path) -> None:
        change = (image if field.endswith("file") else box)(**{field: name})
        path = changed(detection.clarify, tmp_path / "results", change)
        with pytest.raises(InputError, match=r"expected a (plain file inside the folder|file that can be read), found"):
            page_of(clarify=path)

    def test_that_are_links_are_refused(self, detection: Detection, tmp_path: Path) -> None:
        shutil.copytree(detection.clarify, tmp_path / "results")
        shutil.move(tmp_path / "results" / "arrays", tmp_path / "elsewhere")
        (tmp_path / "results" / "arrays").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(InputError, match="expected a plain file inside the folder"):
            page_of(clarify=tmp_path / "results")

    def test_that_are_no_pictures_are_told_and_not_shown(self, detection: Detection, tmp_path: Path) -> None:
        shutil.copytree(detection.clarify, tmp_path / "results")
        for path in (tmp_path / "results").glob("*.jpeg"):
            path.write_bytes(b"<svg onload='alert(1)'/>")
        found = page_of(clarify=tmp_path / "results")
        assert sum(tag[0] == "img" for tag in found.skeleton) == 0
        assert any(text.startswith("expected a whole JPEG, PNG, PPM image") for text in found.texts)

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros(8),
            np.zeros(9, np.float32),
            np.zeros((3, 3)),
            np.zeros(9, np.int64),
            np.zeros(9, ">f8"),
            np.array([{"a": 1}] * 9, object),
        ],
        ids=["shorter", "float32", "a matrix", "integers", "big endian", "objects"],
    )
    def test_that_are_other_arrays_are_refused(self, array: np.ndarray, detection: Detection, tmp_path: Path) -> None:
        shutil.copytree(detection.clarify, tmp_path / "results")
        path = min((tmp_path / "results" / "arrays").glob("*_shap.npy"))
        np.save(path, array, allow_pickle=True)
        with pytest.raises(InputError, match=r"expected f8 numbers \(9,\), found"):
            page_of(clarify=tmp_path / "results")

    @pytest.mark.parametrize(
        "header", ["{'descr': '<f8', 'fortran_order': False, 'shape': (9, 10**12)}", "x", "(" * 500]
    )
    def test_that_promise_more_than_they_hold_are_refused(
        self, header: str, detection: Detection, tmp_path: Path
    ) -> None:
        shutil.copytree(detection.clarify, tmp_path / "results")
        path = min((tmp_path / "results" / "arrays").glob("*_shap.npy"))
        text = header.replace("10**12", str(10**12)).encode().ljust(1000) + b"\n"
        path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
        with pytest.raises(InputError, match=r"expected (f8 numbers|an \.npy file).*, found"):
            page_of(clarify=tmp_path / "results")

    @pytest.mark.parametrize("value", [-1, 9])
    def test_that_name_segments_that_there_are_not_are_refused(
        self, value: int, detection: Detection, tmp_path: Path
    ) -> None:
        shutil.copytree(detection.clarify, tmp_path / "results")
        path = min((tmp_path / "results" / "arrays").glob("*_segments.npy"))
        found = np.load(path, allow_pickle=False)
        found[0, 0] = value
        np.save(path, found, allow_pickle=False)
        with pytest.raises(InputError, match="expected segments below 9, found others"):
            page_of(clarify=tmp_path / "results")

    def test_of_scenes_that_were_changed_are_refused(self, detection: Detection, tmp_path: Path) -> None:
        shutil.copytree(detection.scenes, tmp_path / "scenes")
        for path in (tmp_path / "scenes" / "images").rglob("*.png"):
            path.write_bytes(b"<svg/>")
        with pytest.raises(DatasetError, match="expected the bytes with the sha256"):
            page_of(scenes=tmp_path / "scenes")

    @pytest.mark.parametrize("name", ["scenes", "curves", "clarify"])
    def test_that_are_something_else_are_refused_in_one_line_and_leave_no_page(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "wrong").write_text("no such thing")
        command = [sys.executable, "-m", "components.report", f"--{name}", str(tmp_path / "wrong")]
        command += ["--page", str(tmp_path / "page.html")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith(f"report: {name}: ")
        assert "expected" in done.stderr
        assert done.stderr.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == ["wrong"]


def test_an_archive_of_arrays_in_the_place_of_one_is_refused(detection: Detection, tmp_path: Path) -> None:
    shutil.copytree(detection.clarify, tmp_path / "results")
    buffer = io.BytesIO()
    np.savez(buffer, np.zeros(9))
    min((tmp_path / "results" / "arrays").glob("*_shap.npy")).write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match=r"expected an \.npy file, found"):
        page_of(clarify=tmp_path / "results")
