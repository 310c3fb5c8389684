"""``analysis_config.json`` in the words of SageMaker Clarify, as frozen dataclasses and as JSON.

An existing file runs as it is. Sources: the schema in AWS's SDK, ``sagemaker/core/clarify/__init__.py`` (``SHAPConfig``
and ``ImageConfig``), and the developer guide, "Configure an analysis". Where AWS's schema wants a float, an integer
does too. Keys that mean nothing here (an instance type, a bias method) are taken and listed as ignored, any other key
is an error, and all errors are told at once. What AWS has no word for stands under ``roadworthy``, a key of our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from components.clarify.sections import (
    Reading,
    Section,
    checked,
    flag,
    number,
    one_of,
    section,
    several,
    text,
    whole,
)
from components.errors import InputError
from components.package.strict import parse_object

LARGEST = 1 << 20
"""Bytes of a document."""
CONTENT_TYPES = ("image/jpeg", "image/png", "application/x-npy")


@dataclass(frozen=True)
class DebugConfig(Section):
    """Picks what is explained (in AWS's schema since 2023, in no page of its guide).

    Attributes:
        image_names: Only these pictures; None: all.
        class_ids: Only detections of these classes; None: all.
        sample_from: The first masked picture to keep, counted from 0; None: none is kept.
        sample_to: The one after the last to keep.
    """

    image_names: tuple[str, ...] | None = field(default=None, metadata=checked(several(text)))
    class_ids: tuple[int, ...] | None = field(default=None, metadata=checked(several(whole(0))))
    sample_from: int | None = field(default=None, metadata=checked(whole(0)))
    sample_to: int | None = field(default=None, metadata=checked(whole(0)))


@dataclass(frozen=True)
class ImageConfig(Section):
    """``methods.shap.image_config``: what is a segment, and what is explained.

    Attributes:
        model_type: ``OBJECT_DETECTION`` or ``IMAGE_CLASSIFICATION``.
        num_segments: Segments asked of SLIC (``n_segments``), about.
        segment_compactness: SLIC's ``compactness``: how much nearness counts beside colour.
        feature_extraction_method: ``segmentation``.
        max_objects: Detections that are explained, the best ones.
        iou_threshold: From which overlap a detection in a masked picture counts as the same object, 0 to 1.
        context: The share of the segments outside the box that can be masked: 1 all, 0 none.
        debug: Picks pictures, classes and samples.
    """

    model_type: str = field(metadata=checked(one_of("OBJECT_DETECTION", "IMAGE_CLASSIFICATION")))
    num_segments: int = field(default=20, metadata=checked(whole(1, 100_000)))
    segment_compactness: float = field(default=5.0, metadata=checked(number(0, above=True)))
    feature_extraction_method: str = field(default="segmentation", metadata=checked(one_of("segmentation")))
    max_objects: int = field(default=3, metadata=checked(whole(1)))
    iou_threshold: float = field(default=0.5, metadata=checked(number(0, 1)))
    context: float = field(default=1.0, metadata=checked(number(0, 1)))
    debug: DebugConfig | None = field(default=None, metadata=checked(section(DebugConfig)))


@dataclass(frozen=True)
class ShapConfig(Section):
    """``methods.shap``.

    Attributes:
        image_config: What is a segment, and what is explained.
        baseline: Path or URI of the image that absent segments show; None: one is made, see ``Extension.baseline``.
        num_samples: Coalitions besides the empty and the full one; None: ``shapley.default_samples``.
        seed: Of coalitions and of a baseline that is made.
        use_logit: Whether scores are explained as log-odds.
        save_local_shap_values: Whether arrays are written beside the pictures.
    """

    IGNORED: ClassVar[tuple[str, ...]] = ("agg_method", "num_clusters", "text_config", "features_to_explain")

    image_config: ImageConfig = field(metadata=checked(section(ImageConfig)))
    baseline: str | None = field(default=None, metadata=checked(text))
    num_samples: int | None = field(default=None, metadata=checked(whole(1)))
    seed: int = field(default=0, metadata=checked(whole(0)))
    use_logit: bool = field(default=False, metadata=checked(flag))
    save_local_shap_values: bool = field(default=True, metadata=checked(flag))


def _content_type(value: Any, path: str, reading: Reading) -> Any:
    if value == "image/jpg":
        reading.expected(path, "image/jpeg, as JPEG's media type is spelled (RFC 2046)", value)
        return value
    return one_of(*CONTENT_TYPES)(value, path, reading)


@dataclass(frozen=True)
class PredictorConfig(Section):
    """``predictor``: how the model is asked.

    Attributes:
        label_headers: The classes' names, by index; empty: those that the model tells.
        content_type: Of a request, one of ``CONTENT_TYPES``.
        accept_type: Of an answer.
        endpoint_name: The endpoint to ask, when the stage is given none.
    """

    IGNORED: ClassVar[tuple[str, ...]] = (
        *("model_name", "instance_type", "initial_instance_count", "accelerator_type", "endpoint_name_prefix"),
        *("custom_attributes", "content_template", "record_template", "target_model", "label", "probability"),
        *("time_series_predictor_config",),
    )

    label_headers: tuple[str, ...] = field(default=(), metadata=checked(several(text)))
    content_type: str = field(default="image/jpeg", metadata=checked(_content_type))
    accept_type: str = field(
        default="application/json", metadata=checked(one_of("application/json", "application/x-npy"))
    )
    endpoint_name: str | None = field(default=None, metadata=checked(text))


@dataclass(frozen=True)
class ReportConfig(Section):
    """``methods.report``.

    Attributes:
        name: Of the report's file.
        title: At its top.
    """

    name: str = field(default="report", metadata=checked(text))
    title: str = field(default="Analysis Report", metadata=checked(text))


@dataclass(frozen=True)
class Extension(Section):
    """``roadworthy``: what AWS's configuration has no word for.

    Attributes:
        baseline: What absent segments show where no image is given: ``noise`` (as AWS), ``blur``, or ``mean`` colour.
        request_bytes: Of one request to an endpoint, at most.
        requests_in_flight: Requests at a time, at most.
        standard_error_bound: Stop when no value's standard error is larger, in units of the score; None: never.
    """

    baseline: str = field(default="noise", metadata=checked(one_of("noise", "blur", "mean")))
    request_bytes: int = field(default=8 << 20, metadata=checked(whole(1)))
    requests_in_flight: int = field(default=4, metadata=checked(whole(1, 256)))
    standard_error_bound: float | None = field(default=None, metadata=checked(number(0, above=True)))


@dataclass(frozen=True)
class AnalysisConfig(Section):
    """The whole file.

    Attributes:
        shap: ``methods.shap``.
        predictor: How the model is asked.
        dataset_type: ``application/x-image``.
        dataset_uri: Where the pictures are, when the stage is given none.
        probability_threshold: Detections with a lower score are not explained.
        report: ``methods.report``.
        version: Of the schema.
        roadworthy: What AWS has no word for.
        ignored: Paths of AWS's keys that were in the document and mean nothing here; no part of what is compared.
    """

    IGNORED: ClassVar[tuple[str, ...]] = (
        *("headers", "features", "label", "label_headers", "label_values_or_threshold", "facet", "group_variable"),
        *("facet_dataset_uri", "facet_headers", "predicted_label", "predicted_label_headers"),
        *("predicted_label_dataset_uri", "joinsource_name_or_index", "excluded_columns", "time_series_data_config"),
        *("methods.pre_training_bias", "methods.post_training_bias", "methods.pdp"),
        *("methods.asymmetric_shapley_value",),
    )

    shap: ShapConfig = field(metadata=checked(section(ShapConfig), "methods.shap"))
    predictor: PredictorConfig = field(default=PredictorConfig(), metadata=checked(section(PredictorConfig)))
    dataset_type: str = field(default="application/x-image", metadata=checked(one_of("application/x-image")))
    dataset_uri: str | None = field(default=None, metadata=checked(text))
    probability_threshold: float = field(default=0.5, metadata=checked(number(0, 1)))
    report: ReportConfig | None = field(default=None, metadata=checked(section(ReportConfig), "methods.report"))
    version: str = field(default="1.0", metadata=checked(one_of("1.0")))
    roadworthy: Extension = field(default=Extension(), metadata=checked(section(Extension)))
    ignored: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def from_json(cls, document: bytes | str | Mapping[str, Any]) -> Self:
        """Reads it from a document, or from JSON values.

        Raises:
            InputError: It is no JSON, or has mistakes; all of them are in the message.
        """
        if len(document) > LARGEST:
            raise InputError(f"analysis config: expected at most {LARGEST} bytes, found {len(document)}")
        if not isinstance(document, Mapping):
            data = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else document
            document = parse_object(data, "analysis config", InputError)
        reading = Reading()
        config = cls.read(_flat(document, reading), "", reading)
        reading.finish()
        if config is None:
            raise InputError("analysis config: expected an object, found none")
        return replace(config, ignored=tuple(sorted(reading.ignored)))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads it from a file.

        Raises:
            InputError: There is no such file, or ``from_json`` refuses what it holds.
        """
        try:
            document = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: expected an analysis config, found {error.strerror}") from None
        return cls.from_json(document)

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values in AWS's layout; ``from_json`` of that is equal to it."""
        found = self.write()
        methods = {key.removeprefix("methods."): found.pop(key) for key in [*found] if key.startswith("methods.")}
        return {**found, "methods": methods}


def _flat(raw: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """Returns the document with its methods as keys of their own, ``methods.shap``: one section for all."""
    methods = raw.get("methods", {})
    if not isinstance(methods, Mapping):
        reading.expected("methods", "an object", methods)
        methods = {}
    found: dict[str, Any] = {}
    for key, value in raw.items():
        if str(key).startswith("methods."):
            reading.expected(str(key), "'methods' with an object", key)
        elif key != "methods":
            found[str(key)] = value
    return found | {f"methods.{key}": value for key, value in methods.items()}
