"""The stage as a program: which sections appear, what they say, and what is refused in one line."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_reading import Read, read_page
from report_artifacts import LABELS, MATRIX, METRICS, Run, exchange, write_dataset, write_model, write_records

from components.capture.record import Exchange
from components.data.dataset import read as read_dataset
from components.errors import InputError, RecordError
from components.package.archive import Package, pack
from components.report import compose, inputs, metrics, wording

ROOT = Path(__file__).resolve().parents[2]

SECTIONS = {
    "dataset": "Data",
    "model": "Training",
    "training": "Training",
    "confusion": "Confusions",
    "archive": "Package",
    "traffic": "Traffic",
    "captured": "Captured traffic",
}
PROOF = "Lineage and checks"
NEW = ("baseline", "monitor_clean", "monitor_attacked", "adversarial", "attack_metrics", "explanations")


def program(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components.report", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def flags(run: Run) -> Iterator[str | Path]:
    for name, path in run.paths().items():
        yield from (f"--{name}", str(path))


def page_of(**paths: Path) -> Read:
    found = read_page(compose.page("A run", inputs.read(paths)).render())
    assert found.problems == []
    return found


def checked(found: Read) -> dict[str, str]:
    """What was checked, and the verdict."""
    shown = [text.strip() for text in found.texts if text.strip()]
    return {after: text for text, after in itertools.pairwise(shown) if text in ("holds", "differs")}


class TestProgram:
    def test_writes_one_page_with_every_section(self, run: Run, tmp_path: Path) -> None:
        done = program("--title", "Traffic signs", *flags(run), "--page", tmp_path / "page.html")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
        document = (tmp_path / "page.html").read_text(encoding="utf-8")
        found = read_page(document)
        assert found.problems == []
        assert found.headings() == [*dict.fromkeys(SECTIONS.values()), PROOF]
        assert "Traffic signs" in found.texts
        # No address at all: nothing is loaded, and nothing leads away.
        assert "http:" not in document
        assert "https:" not in document

    def test_two_runs_give_the_same_bytes(self, run: Run, tmp_path: Path) -> None:
        for name in ("a", "b"):
            assert program(*flags(run), "--page", tmp_path / name).returncode == 0
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_lists_its_page_for_kfp(self, run: Run, tmp_path: Path) -> None:
        listed = {"outputFile": str(tmp_path / "out.json"), "artifacts": {"page": {"artifacts": [{"name": "page"}]}}}
        executor = json.dumps({"outputs": listed})
        done = program("--traffic", run.traffic, "--page", tmp_path / "page.html", "--executor-input", executor)
        assert done.returncode == 0
        (artifact,) = json.loads((tmp_path / "out.json").read_text())["artifacts"]["page"]["artifacts"]
        assert artifact == {"name": "page", "metadata": {"title": "Roadworthy", "sections": 2}}

    def test_without_inputs_there_is_a_page_without_sections(self, tmp_path: Path) -> None:
        assert program("--page", tmp_path / "page.html").returncode == 0
        assert read_page((tmp_path / "page.html").read_text()).headings() == []

    @pytest.mark.parametrize("name", [*SECTIONS, *NEW])
    def test_wrong_files_are_refused_in_one_line_and_leave_no_page(self, name: str, tmp_path: Path) -> None:
        wrong = tmp_path / "wrong"
        wrong.write_text("no such thing")
        done = program(f"--{name.replace('_', '-')}", wrong, "--page", tmp_path / "page.html")
        assert done.returncode == 1
        assert done.stderr.startswith(f"report: {name}: ")
        assert "expected" in done.stderr
        assert done.stderr.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == ["wrong"]

    def test_a_path_with_nothing_there_is_a_wrong_command_line(self, tmp_path: Path) -> None:
        done = program("--dataset", tmp_path / "nothing", "--page", tmp_path / "page.html")
        assert done.returncode == 2
        assert "expected a file or folder, found nothing" in done.stderr

    def test_help_imports_nothing_heavy(self) -> None:
        modules = "import sys, components.report.__main__; print([m for m in sys.modules if m in ('numpy', 'pyarrow')])"
        done = subprocess.run([sys.executable, "-c", modules], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestSections:
    def test_appear_exactly_when_their_inputs_are_given(self, run: Run) -> None:
        names = list(SECTIONS)
        subsets = [names[:k] for k in range(len(names) + 1)] + [[name] for name in names] + [names[1::2], names[::2]]
        for subset in subsets:
            found = page_of(**{name: path for name, path in run.paths().items() if name in subset and path})
            proof = [PROOF] if {"dataset", "model", "archive", "traffic", "captured"} & set(subset) else []
            assert found.headings() == [*dict.fromkeys(SECTIONS[name] for name in subset), *proof], subset

    def test_data_shows_samples_and_counts_of_every_class(self, run: Run) -> None:
        found = page_of(dataset=run.dataset)
        for i, label in enumerate(LABELS):
            assert f"Samples of class {i}, {label}" in found.values
            assert f"{i} {label}" in found.texts
        assert found.texts.count("10 images") == 3
        assert sum(tag[0] == "img" for tag in found.skeleton) == 3

    def test_confusion_shows_the_counts_of_the_matrix(self, run: Run) -> None:
        found = page_of(confusion=run.confusion)
        told = {
            f"{i} {LABELS[i]} → {j} {LABELS[j]}: {n}" for i, row in enumerate(MATRIX) for j, n in enumerate(row) if n
        }
        assert told == {text for text in found.texts if " → " in text and ": " in text}
        assert "9 of 12 images" in found.texts

    def test_training_shows_intervals_and_what_they_rest_on(self, run: Run) -> None:
        found = page_of(training=run.training, model=run.model)
        assert "75.00\u00a0%" in found.texts
        assert "46.77 – 91.11\u00a0% (95\u00a0%)" in found.texts
        assert "12 images of the test split" in found.texts
        assert "from 2.5 to 0.5; lowest 0.5 in epoch 4" in found.texts
        assert "from 25.00\u00a0% to 75.00\u00a0%; highest 100\u00a0% in epoch 3" in found.texts

    def test_package_shows_the_digest_and_every_file(self, run: Run) -> None:
        found, package = page_of(archive=run.archive), Package(run.archive)
        assert package.digest.removeprefix("sha256:") in found.texts
        for name, file in package.manifest.files.items():
            assert name in found.texts
            assert file.sha256 in found.texts

    def test_traffic_shows_every_metric(self, run: Run) -> None:
        found = page_of(traffic=run.traffic)
        for shown in ("75.00\u00a0%", "9 of 12 images", "13", "4.2\u00a0ms", "17.1\u00a0ms", "812.5"):
            assert shown in found.texts

    def test_captured_shows_counts_shares_and_images_with_event_ids(self, run: Run) -> None:
        found = page_of(captured=run.captured)
        assert {"30", "10 · 33.3\u00a0%", "event-0", "score 0.000"} <= set(found.texts)
        assert sum(tag[0] == "img" for tag in found.skeleton) == 24
        least = [text for text in found.texts if text.startswith("event-")][:12]
        assert least == [f"event-{i}" for i in range(12)]  # their scores grow

    def test_captured_without_anything_says_so(self, tmp_path: Path) -> None:
        write_records(tmp_path / "captured", [])
        assert "No image of a request was kept." in page_of(captured=tmp_path / "captured").texts


class TestChecks:
    def test_hold_for_the_artifacts_of_one_run(self, run: Run) -> None:
        found = checked(page_of(**{k: v for k, v in run.paths().items() if v and k != "confusion"}))
        assert set(found.values()) == {"holds"}
        assert len(found) == 4

    def test_tell_a_model_of_another_dataset(self, run: Run, tmp_path: Path) -> None:
        write_model(tmp_path / "model", "0" * 64)
        found = checked(page_of(dataset=run.dataset, model=tmp_path / "model"))
        assert found == {"The model was trained on this dataset.": "differs"}

    def test_tell_an_archive_of_another_model(self, run: Run, tmp_path: Path) -> None:
        write_model(tmp_path / "model", "0" * 64)
        (tmp_path / "model" / "model.safetensors").write_bytes(b"others")
        found = page_of(model=tmp_path / "model", archive=run.archive)
        assert checked(found)["The archive holds exactly this model."] == "differs"
        assert any("different: model.json, model.safetensors" in text for text in found.texts)

    def test_tell_an_accuracy_that_is_not_the_matrix_s(self, run: Run, tmp_path: Path) -> None:
        statement = "The test accuracy is the confusion matrix's."
        assert checked(page_of(training=run.training, confusion=run.confusion))[statement] == "holds"
        (tmp_path / "training.json").write_text(json.dumps({**METRICS, "test_accuracy": 0.76}))
        other = page_of(training=tmp_path / "training.json", confusion=run.confusion)
        assert checked(other)[statement] == "differs"

    def test_tell_a_matrix_that_does_not_count_the_test_split(self, run: Run) -> None:
        statement = "The confusion matrix counts every image of the test split once."
        # Two tracks of two frames for each of three classes.
        assert checked(page_of(dataset=run.dataset, confusion=run.confusion))[statement] == "holds"


class TestHostile:
    def test_labels_of_a_dataset_and_its_model_stay_texts(self, tmp_path: Path) -> None:
        labels = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "Stop \u202egnp.exe", "x" * 10_000)
        write_dataset(tmp_path / "dataset", labels)
        matrix = [[int(i + j in (2 * i, 3)) for j in range(4)] for i in range(4)]
        (tmp_path / "confusion").write_text(json.dumps({"labels": labels, "matrix": matrix}))
        found = page_of(dataset=tmp_path / "dataset", confusion=tmp_path / "confusion")
        assert "0 <script>alert(1)</script>" in found.texts
        assert "2 Stop \\u202egnp.exe" in found.texts
        assert max(map(len, (text for text in found.texts if "xxx" in text))) < 250

    def test_answers_and_event_ids_of_strangers_stay_texts(self, tmp_path: Path) -> None:
        hostile = [
            "<script>alert(1)</script>",
            '"><img src=x onerror=y>',
            "../../etc/passwd",
            "\u202eevent",
            "e" * 9999,
        ]
        exchanges = [exchange(i, label=text, event_id=text) for i, text in enumerate(hostile)]
        write_records(tmp_path / "captured", exchanges)
        found = page_of(captured=tmp_path / "captured")
        assert {"<script>alert(1)</script>", "../../etc/passwd", "\\u202eevent"} <= set(found.texts)
        assert sum(tag[0] == "img" for tag in found.skeleton) == 5

    def test_scores_that_are_no_numbers_are_no_scores(self, tmp_path: Path) -> None:
        write_records(tmp_path / "captured", [exchange(0, score=float("nan")), exchange(1, score=1e308), exchange(2)])
        assert "no score" in page_of(captured=tmp_path / "captured").texts

    def test_a_captured_image_that_was_changed_is_told_and_not_shown(self, run: Run, tmp_path: Path) -> None:
        shutil.copytree(run.captured, tmp_path / "captured")
        for path in (tmp_path / "captured" / "images").iterdir():
            path.write_bytes(b"<svg onload='alert(1)'/>")
        found = page_of(captured=tmp_path / "captured")
        assert sum(tag[0] == "img" for tag in found.skeleton) == 0
        assert any(text.startswith("expected a whole JPEG, PNG, PPM image") for text in found.texts)

    @pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "a.svg", "", "..png/", "\u202e.png"])
    def test_a_name_that_leads_out_of_the_folder_is_refused(self, run: Run, tmp_path: Path, name: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        (tmp_path / "captured" / "images").mkdir(parents=True)
        table = pq.read_table(run.captured / "index.parquet")
        place = table.schema.get_field_index("image")
        changed = table.set_column(place, "image", pa.array([name] * len(table)))
        pq.write_table(changed, tmp_path / "captured" / "index.parquet")
        with pytest.raises(RecordError, match="expected the name of an image file"):
            page_of(captured=tmp_path / "captured")

    def test_a_link_in_place_of_an_image_is_refused(self, run: Run, tmp_path: Path) -> None:
        shutil.copytree(run.captured, tmp_path / "captured")
        for path in (tmp_path / "captured" / "images").iterdir():
            path.unlink()
            os.symlink("/etc/hostname", path)
        with pytest.raises(RecordError, match="expected a plain file"):
            page_of(captured=tmp_path / "captured")

    def test_a_changed_archive_is_refused(self, run: Run, tmp_path: Path) -> None:
        data = bytearray(run.archive.read_bytes())
        data[len(data) // 2] ^= 1
        (tmp_path / "model.tar.gz").write_bytes(data)
        done = program("--archive", tmp_path / "model.tar.gz", "--page", tmp_path / "page.html")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert done.stderr.startswith("report: archive: ")


class TestFiles:
    @pytest.mark.parametrize(
        "content",
        [
            "[]",
            "{",
            '{"a": NaN}',
            '{"a": Infinity}',
            '{"a": true}',
            '{"a": [1]}',
            '{"a": {"b": 1}}',
            '{"a": null}',
            json.dumps({str(i): i for i in range(201)}),
            "[" * 100_000,
        ],
    )
    def test_metrics_are_flat_and_finite(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "metrics").write_text(content)
        with pytest.raises(InputError, match=r"^traffic: .*expected"):
            metrics.read(tmp_path / "metrics", "traffic")

    @pytest.mark.parametrize(
        "content",
        [
            [],
            {"labels": ["a"]},
            {"labels": [], "matrix": []},
            {"labels": ["a", 1], "matrix": [[1, 0], [0, 1]]},
            {"labels": ["a", "b"], "matrix": [[1, 0]]},
            {"labels": ["a", "b"], "matrix": [[1, 0], [0]]},
            {"labels": ["a", "b"], "matrix": [[1, 0], "01"]},
            {"labels": ["a"], "matrix": [[-1]]},
            {"labels": ["a"], "matrix": [[0.5]]},
            {"labels": ["a"], "matrix": [[True]]},
            {"labels": ["a"], "matrix": [[10**30]]},
        ],
    )
    def test_a_confusion_matrix_is_square_and_counts(self, tmp_path: Path, content: object) -> None:
        (tmp_path / "confusion").write_text(json.dumps(content))
        with pytest.raises(InputError, match=r"^confusion: expected"):
            metrics.read_confusion(tmp_path / "confusion")

    def test_records_need_their_columns(self, run: Run, tmp_path: Path) -> None:
        import pyarrow.parquet as pq

        table = pq.read_table(run.captured / "index.parquet").drop_columns(["score", "image"])
        pq.write_table(table, tmp_path / "index.parquet")
        with pytest.raises(RecordError, match="expected the columns score, image"):
            page_of(captured=tmp_path)

    def test_a_model_without_its_weights_is_refused(self, run: Run, tmp_path: Path) -> None:
        write_model(tmp_path / "model", read_dataset(run.dataset).digest)
        (tmp_path / "model" / "model.safetensors").unlink()
        with pytest.raises(InputError, match=r"expected a file 'model\.safetensors'"):
            page_of(model=tmp_path / "model")

    def test_a_training_may_tell_what_it_likes(self, tmp_path: Path) -> None:
        write_model(tmp_path / "model", "0" * 64)
        description = json.loads((tmp_path / "model" / "model.json").read_text())
        for told in ({}, {"loss": "low"}, {"loss": []}, {"loss": [1, "x"]}, {"recipe": [1]}, {"loss": [[1]]}):
            description["training"] = told
            (tmp_path / "model" / "model.json").write_text(json.dumps(description))
            assert page_of(model=tmp_path / "model").headings() == ["Training", PROOF]


def test_several_predictions_for_one_image_are_one_record(tmp_path: Path) -> None:
    answer = json.dumps({"predictions": [{"class": i, "label": "Stop", "score": 0.5} for i in range(3)]}).encode()
    one = exchange(0)
    several = Exchange(one.event_id, one.time, one.request, one.request_type, answer, one.response_type)
    write_records(tmp_path / "captured", [several])
    found = inputs.read({"captured": tmp_path / "captured"}).captured
    assert found is not None
    assert (found.events, found.predictions, len(found.pictured)) == (1, 3, 1)


def test_the_page_of_a_packed_model_names_its_digest(run: Run, tmp_path: Path) -> None:
    digest = pack(run.model, tmp_path / "model.tar.gz").digest
    assert digest in page_of(archive=tmp_path / "model.tar.gz").values


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1, "100"), (0, "0"), (0.99999, "> 99.9"), (0.00001, "< 0.1"), (0.5, "50.0"), (0.9994, "99.9"), (0.0006, "0.1")],
)
def test_only_a_whole_is_rounded_to_a_hundred_percent(share: float, shown: str) -> None:
    assert wording.percent(share) == f"{shown}\u00a0%"
