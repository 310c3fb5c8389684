"""``analysis_config.json``: AWS's own examples run as they are, and everything that is wrong is said at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.clarify.config import (
    AnalysisConfig,
    DebugConfig,
    Extension,
    ImageConfig,
    PredictorConfig,
    ReportConfig,
    ShapConfig,
)
from components.errors import InputError

# The notebook's file, with the integers that people write where AWS's schema wants floats.
CLARIFY = """{"version": "1.0", "dataset_type": "application/x-image", "dataset_uri": "s3://bucket/images",
 "probability_threshold": 0.8,
 "methods": {"shap": {"baseline": "s3://bucket/noise_rgb.png", "num_samples": 500, "seed": 123, "use_logit": false,
   "save_local_shap_values": true, "agg_method": "mean_abs",
   "image_config": {"model_type": "OBJECT_DETECTION", "num_segments": 20, "segment_compactness": 5,
     "feature_extraction_method": "segmentation", "max_objects": 5, "iou_threshold": 0.5, "context": 1}},
  "report": {"name": "report", "title": "Analysis Report"}},
 "predictor": {"model_name": "yolo", "instance_type": "ml.g4dn.xlarge", "initial_instance_count": 1,
   "content_type": "application/x-npy", "accept_type": "application/json", "label_headers": ["dog", "elephant"]}}"""
LEAST = {"methods": {"shap": {"image_config": {"model_type": "IMAGE_CLASSIFICATION"}}}}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
numbers = st.one_of(st.floats(0, 1), st.integers(0, 1))


def maybe(strategy: Any) -> Any:
    return st.none() | strategy


def unlike(strategy: Any) -> Any:
    return st.lists(strategy, unique=True, max_size=4).map(tuple)


configs = st.builds(
    AnalysisConfig,
    shap=st.builds(
        ShapConfig,
        image_config=st.builds(
            ImageConfig,
            model_type=st.sampled_from(["OBJECT_DETECTION", "IMAGE_CLASSIFICATION"]),
            num_segments=st.integers(1, 10_000),
            segment_compactness=st.floats(1e-9, 1e9) | st.integers(1, 100),
            max_objects=st.integers(1, 100),
            iou_threshold=numbers,
            context=numbers,
            debug=maybe(st.builds(DebugConfig, maybe(unlike(texts)), maybe(unlike(st.integers(0, 99))))),
        ),
        baseline=maybe(texts),
        num_samples=maybe(st.integers(1, 10**9)),
        seed=st.integers(0, 2**63 - 1),
        use_logit=st.booleans(),
        save_local_shap_values=st.booleans(),
    ),
    predictor=st.builds(
        PredictorConfig,
        label_headers=unlike(texts),
        content_type=st.sampled_from(["image/jpeg", "image/png", "application/x-npy"]),
        endpoint_name=maybe(texts),
    ),
    dataset_uri=maybe(texts),
    probability_threshold=numbers,
    report=maybe(st.builds(ReportConfig, texts, texts)),
    roadworthy=st.builds(
        Extension,
        baseline=st.sampled_from(["noise", "blur", "mean"]),
        request_bytes=st.integers(1, 2**40),
        requests_in_flight=st.integers(1, 256),
        standard_error_bound=maybe(st.floats(1e-9, 1e9)),
    ),
)


@given(configs)
def test_what_is_written_reads_as_the_same(config: AnalysisConfig) -> None:
    assert AnalysisConfig.from_json(config.to_json()) == config
    assert AnalysisConfig.from_json(json.dumps(config.to_json())) == config
    assert AnalysisConfig.from_json(json.dumps(config.to_json(), ensure_ascii=False).encode()) == config


def test_a_file_of_clarify_runs_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "analysis_config.json").write_text(CLARIFY)
    config = AnalysisConfig.load(tmp_path / "analysis_config.json")
    assert config == AnalysisConfig(
        shap=ShapConfig(
            ImageConfig("OBJECT_DETECTION", max_objects=5),
            baseline="s3://bucket/noise_rgb.png",
            num_samples=500,
            seed=123,
        ),
        predictor=PredictorConfig(("dog", "elephant"), "application/x-npy"),
        dataset_uri="s3://bucket/images",
        probability_threshold=0.8,
        report=ReportConfig(),
    )
    assert isinstance(config.shap.image_config.context, float)
    assert config.ignored == (
        "methods.shap.agg_method",
        "predictor.initial_instance_count",
        "predictor.instance_type",
        "predictor.model_name",
    )


def test_what_is_left_out_is_as_aws_has_it() -> None:
    config = AnalysisConfig.from_json(LEAST)
    options = config.shap.image_config
    assert (options.num_segments, options.segment_compactness, options.max_objects) == (20, 5.0, 3)
    assert (options.iou_threshold, options.context, config.probability_threshold) == (0.5, 1.0, 0.5)
    assert (config.shap.num_samples, config.shap.baseline, config.roadworthy.baseline) == (None, None, "noise")
    assert config.predictor.content_type == "image/jpeg"
    nulls = {"predictor": None, "methods": {"shap": {**LEAST["methods"]["shap"], "seed": None}, "report": None}}
    assert AnalysisConfig.from_json(nulls) == config


def test_every_mistake_is_told_at_once_with_its_path() -> None:
    image = {"model_type": "DETECTION", "num_segment": 20, "max_objects": 0, "context": 1.5, "iou_threshold": "0.5"}
    document = {
        "methods": {"shap": {"image_config": image, "num_samples": 0, "use_logit": "no"}, "shp": {}},
        "predictor": {"content_type": "image/jpg", "label_headers": ["dog", "dog"]},
        "probabilty_threshold": 0.5,
        "dataset_type": "text/csv",
        "roadworthy": {"baseline": "black", "standard_error_bound": 0},
    }
    with pytest.raises(InputError) as raised:
        AnalysisConfig.from_json(document)
    for part in (
        "methods.shap.image_config.model_type: expected OBJECT_DETECTION or IMAGE_CLASSIFICATION, found 'DETECTION'",
        "methods.shap.image_config.num_segment: expected 'num_segments'",
        "methods.shap.image_config.max_objects: expected a whole number from 1, found 0",
        "methods.shap.image_config.context: expected a number from 0 to 1, found 1.5",
        "methods.shap.image_config.iou_threshold: expected a number from 0 to 1, found '0.5'",
        "methods.shap.num_samples: expected a whole number from 1, found 0",
        "methods.shap.use_logit: expected true or false, found 'no'",
        "methods.shp: expected 'methods.shap'",
        "predictor.content_type: expected image/jpeg",
        "predictor.label_headers: expected no value twice",
        "probabilty_threshold: expected 'probability_threshold'",
        "dataset_type: expected application/x-image, found 'text/csv'",
        "roadworthy.baseline: expected noise or blur or mean, found 'black'",
        "roadworthy.standard_error_bound: expected a number over 0, found 0",
    ):
        assert part in str(raised.value)
    assert str(raised.value).count("; ") == 13


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "expected JSON"),
        ("[]", "expected a JSON object, found a list"),
        ("{}", "methods.shap: required"),
        ('{"methods": []}', "methods: expected an object"),
        ('{"methods": {"shap": 3}}', "methods.shap: expected an object, found 3"),
        ('{"methods.shap": {}}', "methods.shap: expected 'methods' with an object"),
        ('{"version": "1.0", "version": "1.0"}', "version"),
        ('{"probability_threshold": NaN}', "not finite"),
        ('{"probability_threshold": 1e999}', "not finite"),
        ('{"version": "\\ud800"}', "UTF-8"),
        (b'{"version": "\xff"}', "UTF-8"),
        ('{"version": "\ud800"}', "UTF-8"),
        ("[" * 100_000, "too many levels"),
        (" " * 2**21, "at most 1048576 bytes"),
        ('{"probability_threshold": ' + "9" * 10_000 + "}", "64 bits|expected JSON"),
        ({"probability_threshold": 10**400, **LEAST}, "probability_threshold: expected a number"),
        ({"probability_threshold": float("nan"), **LEAST}, "probability_threshold: expected a number"),
        ({"probability_threshold": True, **LEAST}, "probability_threshold: expected a number"),
        ({"predictor": {"label_headers": "dog"}, **LEAST}, "label_headers: expected a list"),
        ({"predictor": {"label_headers": ["dog", 3, ["x"]]}, **LEAST}, r"label_headers\[1\]: expected a text"),
        ({"predictor": {"endpoint_name": "a\0b"}, **LEAST}, "endpoint_name: expected a text"),
        ({"predictor": {"endpoint_name": "\ud800"}, **LEAST}, "endpoint_name: expected a text without halves"),
        ({3: 4, **LEAST}, "3: expected one of"),
    ],
)
def test_hostile_documents_are_refused_in_words(document: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        AnalysisConfig.from_json(document)


words = st.sampled_from(["methods", "shap", "image_config", "model_type", "predictor", "label_headers", "roadworthy"])
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(words, documents, max_size=4))
def test_any_document_without_a_model_type_is_an_input_error(document: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^analysis config: "):
        AnalysisConfig.from_json({**document, "methods": {"shap": {"image_config": document}}})


def test_python_objects_are_checked_as_files_are() -> None:
    with pytest.raises(
        InputError, match=r"model_type: expected OBJECT_DETECTION.*num_segments: expected a whole number"
    ):
        ImageConfig("YOLO", num_segments=0)
    with pytest.raises(InputError, match="image_config: expected an object, found None"):
        ShapConfig(None)  # type: ignore[arg-type]
    assert ImageConfig("OBJECT_DETECTION", context=1) == ImageConfig("OBJECT_DETECTION")
    assert PredictorConfig(label_headers=["dog"]).label_headers == ("dog",)  # type: ignore[arg-type]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"analysis_config\.json: expected an analysis config"):
        AnalysisConfig.load(tmp_path / "analysis_config.json")
