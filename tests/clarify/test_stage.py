"""The stage as a program: pictures and an endpoint in; numbers, pictures and a page out, whole or not at all."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image
from toy_server import Endpoint, png, served
from toys import Part, Toy, quarters

from components.clarify import folder
from components.clarify.__main__ import stage, work
from components.clarify.names import Names
from components.data.scenes.dataset import ScenesWriter, Thing

PARTS = [
    Part(0, (0, 0, 0.5, 0.5), slice(0, 20), slice(0, 20)),
    Part(1, (0, 0, 1, 0.5), slice(0, 20), slice(0, 40)),
    Part(2, (0.5, 0.5, 1, 1), slice(20, 40), slice(20, 40)),
]
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def endpoint():
    with served(Endpoint(Toy(PARTS), full=True)) as found:
        yield found


@pytest.fixture
def pictures(tmp_path):
    place = tmp_path / "pictures"
    (place / "sub").mkdir(parents=True)
    (place / "a.png").write_bytes(png(quarters()))
    (place / "sub" / "a.jpg").write_bytes(png(quarters((250, 0, 0, 200)), "JPEG"))
    return place


def run(tmp_path, images, *options, out="out"):
    place = tmp_path / out
    outputs = [f"--{name}={place / name}" for name in ("results", "metrics", "report")]
    status = stage.main(work, ["--images", str(images), *outputs, *options])
    return status, place


def explained(tmp_path, images, endpoint, *options, **more):
    shown = ("--num-segments", "4", "--baseline", "mean", "--probability-threshold", "0.3", "--count", "0")
    status, place = run(tmp_path, images, "--url", endpoint.url, *shown, *options, **more)
    assert status == 0
    return folder.read(place / "results"), place


def jpeg(path):
    with Image.open(path) as image:
        image.load()
        assert image.format == "JPEG"
        return np.asarray(image)


class TestWhatItWrites:
    def test_numbers_arrays_and_pictures_say_the_same(self, tmp_path, pictures, endpoint):
        told, place = explained(tmp_path, pictures, endpoint)
        assert [image["name"] for image in told["images"]] == ["a.png", "sub/a.jpg"]
        assert told["labels"] == {"0": "stop", "1": "yield", "2": "priority"}
        for image in told["images"]:
            segments = np.load(place / "results" / image["segments_file"], allow_pickle=False)
            assert segments.dtype == np.int32
            assert segments.shape == (40, 40)
            assert len(np.unique(segments)) == image["segments"] == 4
            for box in image["boxes"]:
                values = folder.values(place / "results", box)
                assert values.tolist() == box["values"]
                assert sum(values) == pytest.approx(box["full_value"] - box["base_value"])
                assert abs(box["efficiency_residual"]) < 1e-9
                assert box["exact"]
                assert box["freedom"] is None
                assert jpeg(place / "results" / box["heat_map"]).shape[1] == 640

    def test_files_bear_clarifys_names(self, tmp_path, pictures, endpoint):
        _, place = explained(tmp_path, pictures, endpoint)
        names = {path.name for path in (place / "results").iterdir()}
        assert {"shap_a_box1.jpeg", "shap_a_box2.jpeg", "a_objects.jpeg", "shap_sub_a_box1.jpeg"} <= names
        assert (place / "results" / "arrays" / "a_segments.npy").is_file()
        assert (place / "results" / "arrays" / "a_box1_shap.npy").is_file()

    def test_metrics_are_the_summary(self, tmp_path, pictures, endpoint):
        told, place = explained(tmp_path, pictures, endpoint)
        assert json.loads((place / "metrics").read_text()) == told["summary"]
        assert told["summary"]["boxes"] == sum(len(image["boxes"]) for image in told["images"])
        assert told["summary"]["predictions"] == 2 * (1 + 16)

    def test_the_same_arguments_give_the_same_numbers(self, tmp_path, pictures, endpoint):
        both = [explained(tmp_path, pictures, endpoint, "--baseline", "noise", out=out)[0] for out in ("one", "two")]
        one, two = ([box["values"] for image in told["images"] for box in image["boxes"]] for told in both)
        assert one == two

    def test_blue_lies_where_the_score_is_raised_and_red_where_it_is_lowered(self, tmp_path, endpoint):
        (tmp_path / "p.png").write_bytes(png(quarters((255, 0, 0, 0))))
        endpoint.toy = Toy([PARTS[1]])  # the mean of red in the upper half
        told, place = explained(tmp_path, tmp_path / "p.png", endpoint)
        (box,) = told["images"][0]["boxes"]
        assert box["values"][0] > 0 > box["values"][1]
        shown = jpeg(place / "results" / box["heat_map"]).astype(int)
        left, right = shown[250, 160], shown[250, 480]  # middles of the upper squares, below the numbers
        assert left[2] > left[0] + 30
        assert right[0] > right[2] + 30

    def test_arrays_are_left_out_when_they_are_not_wanted(self, tmp_path, pictures, endpoint):
        given = {
            "methods": {"shap": {"save_local_shap_values": False, "image_config": {"model_type": "OBJECT_DETECTION"}}}
        }
        told, place = explained(tmp_path, pictures, endpoint, "--config", json.dumps(given))
        assert told["images"][0]["boxes"][0]["array"] is None
        assert not list((place / "results" / "arrays").glob("*_shap.npy"))


class TestThePage:
    def test_every_box_leads_to_its_heat_map_and_back(self, tmp_path, pictures, endpoint):
        told, place = explained(tmp_path, pictures, endpoint)
        html = (place / "report").read_text(encoding="utf-8")
        links = re.findall(r'<a href="#(picture-[\d-]+)" style=', html)
        anchors = set(re.findall(r'id="(picture-[\d-]+)"', html))
        assert len(links) == told["summary"]["boxes"]
        assert {*links} <= anchors
        assert set(re.findall(r'<a href="#(picture-\d+)" aria-label="Back', html)) <= anchors
        assert html.count("<script>") == 1
        assert not re.search(r'(src|href)="(?!#|data:)', html)

    def test_names_are_text_there(self, tmp_path, endpoint):
        place = tmp_path / "pictures"
        place.mkdir()
        (place / f"{EVIL.replace('/', '_')}.png").write_bytes(png(quarters()))
        headers = {
            "label_headers": [EVIL, "javascript:alert(1)", '"><img src=x onerror=alert(1)>'],
            "content_type": "application/x-npy",
        }
        given = {"methods": {"shap": {"image_config": {"model_type": "OBJECT_DETECTION"}}}, "predictor": headers}
        told, out = explained(tmp_path, place, endpoint, "--config", json.dumps(given))
        html = (out / "report").read_text(encoding="utf-8")
        assert told["images"][0]["boxes"][0]["label"] == EVIL
        assert EVIL not in html
        assert "<img src=x" not in html
        names = [path.name for path in (out / "results").rglob("*") if path.is_file()]
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names), names


class TestScenes:
    @pytest.fixture
    def scenes(self, tmp_path):
        place = tmp_path / "scenes"
        with ScenesWriter(place, name="s", source="composed", labels=("yield", "stop", "priority"), seed=1) as writer:
            for number in range(4):
                things = [Thing(1, (0, 0, 20, 20)), Thing(2, (20, 20, 40, 40))]
                writer.add(
                    png(quarters((200 + number, 0, 0, 250))), split="test", number=number, size=(40, 40), objects=things
                )
        return place

    def test_true_boxes_are_the_objects_and_labels_match_by_name(self, tmp_path, scenes, endpoint):
        endpoint.toy = Toy([PARTS[0], PARTS[2]])
        told, _ = explained(tmp_path, scenes, endpoint)
        assert told["summary"]["strongest_on_object"] == 1
        assert told["summary"]["on_object"] == told["summary"]["boxes"] == 8
        assert told["summary"]["strongest_on_object_low"] < 1
        assert [box["true_box"] for box in told["images"][0]["boxes"]] == [[0.5, 0.5, 1, 1], [0, 0, 0.5, 0.5]]

    def test_a_box_without_an_object_has_nothing_to_lie_on(self, tmp_path, scenes, endpoint):
        endpoint.toy = Toy([PARTS[0]._replace(class_index=1)])
        told, _ = explained(tmp_path, scenes, endpoint)
        assert told["summary"]["strongest_on_object"] == 0

    def test_count_draws_pictures_with_the_seed(self, tmp_path, scenes, endpoint):
        names = []
        for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
            told, _ = explained(tmp_path, scenes, endpoint, "--count", "2", "--seed", seed, out=out)
            names.append([image["name"] for image in told["images"]])
        assert len(names[0]) == 2
        assert names[0] == names[1] != names[2]


class TestConfiguration:
    def test_an_analysis_config_runs_as_it_is_and_parameters_win(self, tmp_path, pictures, endpoint, capsys):
        given = {
            "version": "1.0",
            "dataset_type": "application/x-image",
            "probability_threshold": 0.3,
            "methods": {
                "shap": {
                    "num_samples": 14,
                    "seed": 3,
                    "image_config": {
                        "model_type": "OBJECT_DETECTION",
                        "num_segments": 4,
                        "max_objects": 1,
                        "context": 1,
                    },
                }
            },
            "predictor": {
                "model_name": "m",
                "instance_type": "ml.g4dn.xlarge",
                "initial_instance_count": 1,
                "content_type": "image/png",
                "label_headers": ["A", "B", "C"],
            },
        }
        (tmp_path / "analysis_config.json").write_text(json.dumps(given))
        status, place = run(
            tmp_path,
            pictures,
            "--url",
            endpoint.url,
            "--config",
            str(tmp_path / "analysis_config.json"),
            "--max-objects",
            "2",
            "--count",
            "0",
        )
        assert status == 0
        told = folder.read(place / "results")
        assert told["config"]["methods"]["shap"]["image_config"]["max_objects"] == 2
        assert told["config"]["methods"]["shap"]["seed"] == 3
        assert [box["label"] for box in told["images"][0]["boxes"]] == ["A", "B"]
        assert endpoint.types == {"image/png"}
        assert "predictor.instance_type means nothing here" in capsys.readouterr().err

    def test_all_mistakes_are_told_at_once_and_nothing_is_written(self, tmp_path, pictures, endpoint, capsys):
        given = {"methods": {"shap": {"num_samples": 0, "image_config": {"model_type": "OBJECT", "iou_threshold": 2}}}}
        status, place = run(tmp_path, pictures, "--url", endpoint.url, "--config", json.dumps(given))
        assert status == 1
        assert not list(place.glob("*"))
        told = capsys.readouterr().err
        assert all(word in told for word in ("num_samples", "model_type", "iou_threshold"))

    @pytest.mark.parametrize("options", [(), ("--url", "http://x", "--archive", ".")], ids=["neither", "both"])
    def test_an_endpoint_or_an_archive(self, tmp_path, pictures, options, capsys):
        assert run(tmp_path, pictures, *options)[0] == 1
        assert "expected either --url or --archive" in capsys.readouterr().err

    def test_a_baseline_is_a_picture_anywhere(self, tmp_path, pictures, endpoint):
        Image.new("L", (3, 9), 51).save(tmp_path / "grey.png")
        told, _ = explained(tmp_path, pictures, endpoint, "--baseline", (tmp_path / "grey.png").as_uri())
        assert told["images"][0]["boxes"][0]["base_value"] == pytest.approx(0.2)
        assert told["baseline"].startswith("file://")

    def test_debug_picks_pictures_and_keeps_masked_ones(self, tmp_path, pictures, endpoint):
        debug = {"image_names": ["a.jpg"], "sample_from": 0, "sample_to": 3}
        given = {"methods": {"shap": {"image_config": {"model_type": "OBJECT_DETECTION", "debug": debug}}}}
        told, place = explained(tmp_path, pictures, endpoint, "--config", json.dumps(given))
        assert [image["name"] for image in told["images"]] == ["sub/a.jpg"]
        kept = sorted((place / "results" / "debug" / "sub_a").iterdir())
        assert [path.name for path in kept] == ["sample_0.png", "sample_1.png", "sample_2.png"]


class TestPicturesOfAllKinds:
    def test_grey_rgba_palette_cmyk_and_turned_pictures_are_explained_alike(self, tmp_path, endpoint):
        place = tmp_path / "pictures"
        place.mkdir()
        there = Image.fromarray(quarters((240, 30, 30, 30)))
        for mode, suffix in (("L", "png"), ("RGBA", "png"), ("P", "png"), ("CMYK", "jpg")):
            there.convert(mode).save(place / f"{mode}.{suffix}")
        exif = Image.Exif()
        exif[0x0112] = 6  # stored a quarter turn to the left, so that it stands upright when it is shown
        there.transpose(Image.Transpose.ROTATE_90).save(place / "turned.png", exif=exif)
        told, out = explained(tmp_path, place, endpoint)
        found = {image["name"]: image for image in told["images"]}
        assert set(found) == {"L.png", "RGBA.png", "P.png", "CMYK.jpg", "turned.png"}
        assert found["turned.png"]["boxes"][0]["box"] == found["RGBA.png"]["boxes"][0]["box"] == [0, 0, 0.5, 0.5]
        assert found["turned.png"]["boxes"][0]["values"] == pytest.approx(found["RGBA.png"]["boxes"][0]["values"])
        red = jpeg(out / "results" / found["turned.png"]["objects_file"])[250, 100].astype(int)
        assert red[0] > red[1] + 100  # the upper left square, where people see it

    def test_a_broken_picture_is_told_and_the_others_are_explained(self, tmp_path, pictures, endpoint):
        (pictures / "broken.png").write_bytes(b"\x89PNG not really")
        (pictures / "empty.jpg").write_bytes(b"")
        (pictures / "notes.txt").write_text("no picture")
        told, place = explained(tmp_path, pictures, endpoint)
        assert [one["name"] for one in told["skipped"]] == ["broken.png", "empty.jpg"]
        assert told["summary"]["unreadable"] == 2
        assert "broken.png" in (place / "report").read_text()

    def test_no_readable_picture_is_an_error(self, tmp_path, endpoint, capsys):
        (tmp_path / "broken.png").write_bytes(b"\x89PNG not really")
        assert run(tmp_path, tmp_path / "broken.png", "--url", endpoint.url)[0] == 1
        assert "no other picture can be read" in capsys.readouterr().err

    def test_an_empty_folder_is_an_error(self, tmp_path, endpoint, capsys):
        (tmp_path / "none").mkdir()
        assert run(tmp_path, tmp_path / "none", "--url", endpoint.url)[0] == 1
        assert "expected pictures" in capsys.readouterr().err

    def test_pictures_in_which_nothing_is_found_make_a_page_that_says_so(self, tmp_path, endpoint):
        (tmp_path / "black.png").write_bytes(png(np.zeros((40, 40, 3), np.uint8)))
        told, place = explained(tmp_path, tmp_path / "black.png", endpoint)
        assert told["summary"]["boxes"] == 0
        assert "nothing was found" not in (place / "metrics").read_text()
        assert "In no picture was anything found" in (place / "report").read_text()

    def test_a_large_picture_is_sent_smaller(self, tmp_path, endpoint):
        Image.fromarray(quarters()).resize((1600, 800), Image.Resampling.NEAREST).save(tmp_path / "large.png")
        told, _ = explained(tmp_path, tmp_path / "large.png", endpoint)
        (image,) = told["images"]
        assert (image["width"], image["height"]) == (1600, 800)
        assert (image["asked_width"], image["asked_height"]) == (640, 320)


class TestDryRun:
    def test_it_says_what_the_run_will_take_and_explains_nothing(self, tmp_path, pictures, endpoint, capsys):
        status, place = run(
            *(tmp_path, pictures, "--url", endpoint.url, "--num-segments", "4", "--count", "0", "--dry-run", "true"),
            *("--probability-threshold", "0.3"),
        )
        assert status == 0
        plan = json.loads((place / "results" / "plan.json").read_text())
        metrics = json.loads((place / "metrics").read_text())
        assert not (place / "results" / "analysis.json").exists()
        assert metrics["predictions"] == plan["predictions"] == 2 * (1 + 16)
        assert metrics["requests"] >= 4
        assert metrics["estimated_seconds"] >= 0
        assert "dry run: 5 boxes or classes in 2 of 2 pictures" in capsys.readouterr().err
        told, _ = explained(tmp_path, pictures, endpoint, out="real")
        assert told["summary"]["predictions"] == plan["predictions"]


class TestLosingTheEndpoint:
    def test_what_was_answered_is_kept_for_the_next_run_and_no_output_is_left(self, tmp_path, endpoint, capsys):
        (tmp_path / "p.png").write_bytes(png(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)))
        options = (
            "--url",
            endpoint.url,
            "--num-segments",
            "12",
            "--probability-threshold",
            "0.3",
            "--baseline",
            "mean",
        )
        ledgers = ("--ledgers", str(tmp_path / "ledgers"))
        endpoint.left = 60
        status, place = run(tmp_path, tmp_path / "p.png", *options, *ledgers)
        assert status == 1
        assert not list(place.glob("*"))
        assert "found 500: the model broke" in capsys.readouterr().err
        assert len(list((tmp_path / "ledgers").iterdir())) == 1
        endpoint.left = 10**9
        again, whole = (
            run(tmp_path, tmp_path / "p.png", *options, *more, out=str(len(more))) for more in (ledgers, ())
        )
        (first, second) = (folder.read(where / "results") for _, where in (again, whole))
        assert [b["values"] for b in first["images"][0]["boxes"]] == [b["values"] for b in second["images"][0]["boxes"]]
        assert first["summary"]["predictions"] < second["summary"]["predictions"] == 1 + 2**12
        assert not list((tmp_path / "ledgers").iterdir())


def test_names_of_pictures_are_safe_and_differ():
    names = Names()
    given = [
        "a.png",
        "a.jpg",
        "A.png",
        "b/a.png",
        "b_a.png",
        "../../etc/passwd",
        "",
        "é",
        "ü",
        "x" * 300 + ".png",
        "x" * 299 + "y.png",
    ]
    given += ["con\x00trol", "new\nline.png", "..", "💥.png", "$(rm -rf)", "<b>.png", "-rf.png", "a b.png"]
    found = [names.of(one) for one in given]
    assert found[:5] == ["a", "a-2", "A-3", "b_a", "b_a-2"]
    assert len({name.lower() for name in found}) == len(given)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name) for name in found), found
