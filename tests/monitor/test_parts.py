"""Constraints, images, rankings, related classes and the results' format."""

from __future__ import annotations

import base64
import colorsys
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.capture.payloads import first
from components.capture.predictions import Prediction, Ranked, predictions
from components.data.classes import LABELS
from components.errors import ImageError, InputError
from components.images import encode_png
from components.monitor import answers, constraints, related, schema, spill
from components.monitor.grids import GRIDS, PICTURES
from components.monitor.histogram import Histogram
from components.monitor.pictures import properties
from components.report import verdicts as format_
from tests.monitor.drawn import suggested, window
from tests.monitor.records import answer

BASE = window(np.random.default_rng(0), 200)


def changed(document: Any, path: str, value: Any) -> Any:
    """A copy of a document with one place of it changed; removed for ``...``."""
    found = json.loads(json.dumps(document))
    at = found
    *above, last = path.split("/")
    for name in above:
        at = at[int(name) if isinstance(at, list) else name]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return found


DISTRIBUTION = "monitoring_config/distribution_constraints"
WRONG = [
    (f"{DISTRIBUTION}/comparison_threshold", "comparison_threshold: expected a number from 0 to below 1"),
    (f"{DISTRIBUTION}/categorical_comparison_threshold", "categorical_comparison_threshold: expected a number"),
    ("monitoring_config/domain_content_threshold", "domain_content_threshold: expected a number from 0 to below 1"),
]


@pytest.mark.parametrize("value", [-0.1, 1.0, 2, None, "0.1", True, [0.1]])
@pytest.mark.parametrize(("path", "said"), WRONG)
def test_a_threshold_that_nothing_passes_is_an_error_that_names_it(path: str, said: str, value: Any) -> None:
    with pytest.raises(InputError, match=said):
        constraints.read(changed(constraints.suggest(BASE), path, value))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{DISTRIBUTION}/comparison_threshold", "comparison_threshold: expected a number.*found none"),
        (f"{DISTRIBUTION}/perform_comparison", "perform_comparison: expected Enabled or Disabled"),
        ("monitoring_config/evaluate_constraints", "evaluate_constraints: expected Enabled or Disabled"),
        ("monitoring_config", "expected the object monitoring_config"),
        ("features", "expected a list of features"),
        ("features/0/completeness", "PredictedClass.completeness: expected a number from 0 to 1, found none"),
        ("features/0/string_constraints/domains", "string_constraints.domains: expected a list of classes"),
    ],
)
def test_a_constraint_that_is_missing_is_an_error_that_names_it(path: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        constraints.read(changed(constraints.suggest(BASE), path, ...))


def test_constraints_that_are_switched_off_altogether_are_an_error() -> None:
    with pytest.raises(InputError, match="a check that checks nothing is silence"):
        constraints.read(changed(constraints.suggest(BASE), "monitoring_config/evaluate_constraints", "Disabled"))


@pytest.mark.parametrize("spelling", ["monitoringConfigOverrides", "monitoring_config_overrides"])
def test_a_features_own_thresholds_are_read_in_both_spellings(spelling: str) -> None:
    suggestion = constraints.suggest(BASE)
    suggestion["features"][1][spelling] = {"comparison_threshold": 0.3}
    suggestion["features"][0]["string_constraints"][spelling] = {
        "distribution_constraints": {"perform_comparison": "Disabled"}
    }
    found = constraints.read(suggestion)
    assert (found.distances["Confidence"], found.distances["Entropy"]) == (0.3, 0.1)
    assert "PredictedClass" not in found.distances


def test_what_is_suggested_holds_for_the_baseline_itself() -> None:
    found = suggested(BASE)
    assert found.domains == set(BASE.classes)
    assert found.completeness["PredictedClass"] == pytest.approx(0.9811)
    assert set(found.distances) == {"PredictedClass", *GRIDS}


@given(st.lists(st.floats(0, 1), max_size=60), st.sampled_from(sorted(GRIDS)))
def test_a_histograms_numbers_are_numpys_however_it_was_filled(values: list[float], name: str) -> None:
    found = Histogram(GRIDS[name])
    for part in np.array_split(np.array(values), 3):
        found.add(part)
    assert found.total == len(values) == found.counts.sum()
    if values:
        assert found.mean == pytest.approx(np.mean(values), abs=1e-12)
        assert found.std_dev == pytest.approx(np.std(values), abs=1e-8)
        assert (found.low, found.high) == (min(values), max(values))
    edges = np.array(GRIDS[name].edges)
    inside = [value for value in values if value < edges[-1]]
    assert all(edges[i] <= v < edges[i + 1] for v, i in zip(inside, GRIDS[name].index(inside), strict=True))


def test_statistics_are_in_sagemakers_schema_and_its_sketch_holds_every_value() -> None:
    found = schema.to_json(BASE)
    assert (found["version"], found["dataset"]) == (0, {"item_count": 200})
    classes, *numeric = found["features"]
    buckets = classes["string_statistics"]["distribution"]["categorical"]["buckets"]
    assert sum(bucket["count"] for bucket in buckets) == 200
    for feature in numeric:
        statistics = feature["numerical_statistics"]
        assert statistics["common"] == {"num_present": 200, "num_missing": 0}
        kll = statistics["distribution"]["kll"]
        assert sum(bucket["count"] for bucket in kll["buckets"]) == 200
        assert 1 <= len(kll["buckets"]) <= 10
        levels = kll["sketch"]["data"]
        assert sum(len(items) * 2**level for level, items in enumerate(levels)) == 200


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("roadworthy/histograms/Entropy/grid", "other", "Entropy: expected the bins"),
        ("roadworthy/histograms/Entropy/total", 7, "Entropy: expected bins that add up to 7"),
        ("roadworthy/histograms/Entropy/bins", {"999": 200}, "Entropy: expected bins below"),
        ("roadworthy/counts/records", -1, "expected whole counts"),
        ("roadworthy/counts/predictions", 3, "expected classes that add up"),
        ("roadworthy/version", 2, "of version 1"),
        ("roadworthy", ..., "of version 1"),
    ],
)
def test_statistics_that_do_not_add_up_are_refused(path: str, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        schema.from_json(changed(schema.to_json(BASE), path, value))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_properties_of_an_image_are_what_a_loop_would_measure(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    brightness, contrast, saturation, sharpness, w, h = properties(pixels)
    flat = [tuple(int(v) for v in one) for one in pixels.reshape(-1, 3)]
    luma = [(0.299 * r + 0.587 * g + 0.114 * b) / 255 for r, g, b in flat]
    assert (w, h) == (width, height)
    assert brightness == pytest.approx(np.mean(luma))
    assert contrast == pytest.approx(np.std(luma), abs=1e-9)
    assert saturation == pytest.approx(np.mean([colorsys.rgb_to_hsv(*one)[1] for one in flat]))
    table = np.array(luma).reshape(height, width)

    def at(y: int, x: int) -> float:
        return float(table[min(max(y, 0), height - 1), min(max(x, 0), width - 1)])

    around = [
        at(y - 1, x) + at(y + 1, x) + at(y, x - 1) + at(y, x + 1) - 4 * at(y, x)
        for y in range(height)
        for x in range(width)
    ]
    assert sharpness == pytest.approx(np.std(around), abs=1e-9)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
BODIES = {
    "png": (encode_png(PIXELS), "image/png"),
    "npy": (npy(PIXELS), "application/x-npy"),
    "npy batch": (npy(np.stack([PIXELS, PIXELS * 0])), None),
    "npy by columns": (npy(np.asfortranarray(PIXELS)), None),
    "instances": (json.dumps({"instances": [PIXELS.tolist()]}).encode(), "application/json"),
    "base64": (json.dumps({"images": [base64.b64encode(encode_png(PIXELS)).decode()]}).encode(), "application/json"),
}


@pytest.mark.parametrize("name", BODIES)
def test_an_image_is_found_in_every_kind_of_request(name: str) -> None:
    np.testing.assert_array_equal(first(*BODIES[name]), PIXELS)


HOSTILE = {
    "nothing": b"",
    "a pickle": npy(np.zeros(3)).replace(b"'<f8'", b"'|O'"),
    "more than there is": npy(np.zeros((3, 3, 3), np.uint8)).replace(b"(3, 3, 3)", b"(99999, 99999, 3)"),
    "floats": npy(PIXELS / 255),
    "deep": b"[" * 2000,
    "ragged": b'{"instances": [[[1, 2, 3], [1, 2]]]}',
    "an object": b'{"instances": {"a": 1}}',
    "large numbers": b'{"instances": [[[[1, 2, 99999999999999999999]]]]}',
    "csv": b"1,2,3",
    "bad base64": b'{"images": ["%%%"]}',
    "truncated": encode_png(PIXELS)[:40],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_is_no_image_and_no_crash(name: str) -> None:
    with pytest.raises(ImageError):
        first(HOSTILE[name], None)


def prediction(*scores: float, classes: tuple[int, ...] = (14, 34, 8, 1, 2)) -> Prediction:
    top = tuple(Ranked(c, s) for c, s in zip(classes, scores, strict=False))
    return Prediction(classes[0], None, scores[0], top)


@pytest.mark.parametrize(
    ("given", "score", "entropy", "margin"),
    [
        (prediction(0.5, 0.3, 0.2), 0.5, -(0.5 * math.log(0.5) + 0.3 * math.log(0.3) + 0.2 * math.log(0.2)), 0.2),
        (prediction(0.5, 0.25), 0.5, -(0.5 * math.log(0.5) + 2 * 0.25 * math.log(0.25)), 0.25),
        (prediction(1.0000001, 0.0), 1.0, 0.0, 1.0),
        (prediction(7.1, 3.2), math.nan, math.nan, math.nan),  # logits
        (prediction(0.9, 0.9), 0.9, math.nan, math.nan),  # a sum of 1.8
        (prediction(0.0, 0.0), 0.0, math.nan, math.nan),
        (prediction(0.5, -0.1), 0.5, math.nan, math.nan),
        (Prediction(14, None, None), math.nan, math.nan, math.nan),
        (Prediction(14, None, None, (Ranked(14, 0.8),)), 0.8, -(0.8 * math.log(0.8) + 0.2 * math.log(0.2)), math.nan),
    ],
)
def test_what_is_no_probability_is_no_score(given: Prediction, score: float, entropy: float, margin: float) -> None:
    found = answers.row(given, 0, 0.5, None)
    assert (found.score, found.entropy, found.margin) == pytest.approx((score, entropy, margin), abs=1e-6, nan_ok=True)


def test_the_seeds_example_of_unrelated_classes_is_unrelated_and_speed_limits_are_not() -> None:
    table = related.read("gtsrb")
    assert table is not None
    stop, turn_left, limit = (LABELS.index(name) for name in ("Stop", "Turn left ahead", "Speed limit (120 km/h)"))
    assert table.unrelated((stop, turn_left, limit))
    assert not table.unrelated((stop, turn_left, LABELS.index("Turn right ahead")))
    assert table.known == set(range(43))
    assert not table.knows((stop, turn_left, 43))


def test_three_classes_count_only_where_the_table_knows_them_all() -> None:
    flags = [
        answers.row(prediction(0.4, 0.3, 0.2, classes=classes), 0, 0.5, related.read("gtsrb")).flags
        for classes in ((14, 34, 8), (14, 34, 50), (1, 2, 14), (14, 34))
    ]
    ranked, unrelated = spill.RANKED, spill.UNRELATED
    assert [flag & (ranked | unrelated) for flag in flags] == [ranked | unrelated, 0, ranked, 0]


def test_related_classes_are_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text('{"animals": [1, 2], "cars": [2, 3]}')
    table = related.read(str(tmp_path / "own.json"))
    assert table is not None
    assert (table.unrelated((1, 3)), table.unrelated((1, 2)), table.unrelated((3, 2))) == (True, False, False)


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": [1, true]}', '{"a": "12"}', "{}", "{"])
def test_no_table_of_related_classes_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(text)
    with pytest.raises(InputError, match="related: expected"):
        related.read(str(tmp_path / "own.json"))


def test_answers_are_read_with_their_rankings_in_every_form() -> None:
    top = ((14, 0.7), (1, 0.2))
    ranked = [{"class": 1, "score": 0.2}, {"class": 14, "score": 0.7}]
    own = {"predictions": [{"class": 14, "score": 0.7, "top": ranked}]}
    assert [one.top for one in predictions(json.dumps(own).encode())] == [top]
    v2 = {"outputs": [{"name": "class", "data": [1]}, {"name": "probabilities", "shape": [1, 2], "data": [0.2, 0.8]}]}
    assert predictions(json.dumps(v2).encode()) == [Prediction(1, None, 0.8, (Ranked(1, 0.8), Ranked(0, 0.2)))]
    assert predictions(b"14") == [Prediction(14, None, None)]
    assert len(predictions(answer(3))[0].top) == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"14", [(14, None, None)]),
        (b"14.0,0.5\r\n25, 0.25\n", [(14, None, 0.5), (25, None, 0.25)]),
        (b'"Stop, now",0.5', [(None, "Stop, now", 0.5)]),
        (b"0.1,0.2,0.7", []),
        (b"0.026190076023340225", []),
        (b"nan", []),
        (b"true", []),
        (b"\xff", []),
        (b'"open', []),
        (b"", []),
    ],
)
def test_lines_of_csv_hold_a_class_and_perhaps_a_score(text: bytes, expected: list[Any]) -> None:
    assert [one[:3] for one in predictions(text, "text/csv; charset=utf-8")] == expected


def results() -> format_.Results:
    rule = format_.Finding("a", "violated", 0.8, 0.5, (0.7, 0.9), 0.95, 10, 0.01, 0.02, "so", {"more": [1]})
    none = format_.Finding("b", "not_enough_data", None, 0.5, None, 0.95, 0, None, None, "none", {})
    classes = (format_.ClassCount("14", "Stop", 8, 1),)
    window = {"endpoint": None, "variant": None, "start": None, "end": None}
    return format_.Results("m", window, {"records": 10}, {"files": 1}, classes, (rule, none), ({"rule": "a"},), {})


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "verdicts.json").write_text(json.dumps(results().to_json()))
    assert format_.read(tmp_path) == results()
    assert format_.read(tmp_path).violated


@pytest.mark.parametrize(
    ("path", "value"),
    [("version", 2), ("rules/0/verdict", "maybe"), ("rules/0/interval", [1]), ("rules/0/extra", 1), ("counts", ...)],
)
def test_other_results_are_refused(tmp_path: Path, path: str, value: Any) -> None:
    (tmp_path / "verdicts.json").write_text(json.dumps(changed(results().to_json(), path, value)))
    with pytest.raises(InputError, match="expected"):
        format_.read(tmp_path)


@pytest.mark.parametrize("name", ["constraint_violations.json", "constraints_violations.json"])
def test_violations_are_read_from_both_spellings_of_the_name(tmp_path: Path, name: str) -> None:
    one = {"feature_name": "a", "constraint_check_type": "completeness_check", "description": "d"}
    (tmp_path / name).write_text(json.dumps({"violations": [one]}))
    assert format_.read_violations(tmp_path) == [tuple(one.values())]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"violations": [{"feature_name": "a"}]}', '{"violations": NaN}'])
def test_no_violations_file_is_an_error_and_not_an_empty_list(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "constraint_violations.json").write_text(text)
    with pytest.raises(InputError, match="expected"):
        format_.read_violations(tmp_path)


def test_flagged_records_that_are_no_table_of_them_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"flagged\.parquet: expected Parquet"):
        list(format_.read_flagged(tmp_path))
    (tmp_path / "flagged.parquet").write_bytes(b"PAR1 no PAR1")
    with pytest.raises(InputError, match=r"flagged\.parquet: expected Parquet"):
        list(format_.read_flagged(tmp_path))
    pq.write_table(pa.table({"violation": ["a"], "score": [0.5]}), tmp_path / "flagged.parquet")
    with pytest.raises(InputError, match=r"expected the columns violation, event_id.*missing \['class', 'event_id'"):
        list(format_.read_flagged(tmp_path))


def test_every_grid_takes_every_value() -> None:
    for name, grid in GRIDS.items():
        assert grid.index(np.array([-1e300, 0.0, 1e300])).tolist() == [0, 0, grid.bins - 1], name
        assert all(a < b for a, b in zip(grid.edges, grid.edges[1:], strict=False)), name
    assert set(PICTURES) < set(GRIDS)
    assert 0.5 in GRIDS["Confidence"].edges
