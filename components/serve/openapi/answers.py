"""Schemas of what a model answers: documents, whose words depend on its task, and Open Inference Protocol's tensors."""

from __future__ import annotations

from typing import Any

from components.serve.openapi.schemas import TEXT, Schema, record, ref, several, whole
from components.serve.runtimes import Runtime
from components.serve.runtimes.detections import Detected
from components.serve.runtimes.labelled import Labelled

SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}


def schemas(model: Runtime) -> dict[str, Schema]:
    """Returns ``Predictions`` (``format=full``), ``Bare``, and the answer of Open Inference Protocol."""
    found: dict[str, Schema] = {"Predictions": {"type": "object"}, "Bare": {"type": "array"}}
    if isinstance(model, Labelled):
        found = _classifier(model)
    elif isinstance(model, Detected):
        found = _detector(model)
    return {**found, **_tensors(model)}


def _scored(labels: list[str]) -> dict[str, Any]:
    return {
        "class": {**whole(0, len(labels) - 1), "description": "Index of the label."},
        "label": ref("Label"),
        "score": SHARE,
    }


def _classifier(model: Labelled) -> dict[str, Schema]:
    scored = _scored(model.labels)
    best = several(ref("Score"), model.top, model.top)
    return {
        "Label": {"enum": sorted(set(model.labels))},
        "Score": record(scored),
        "Prediction": record({**scored, "top": {**best, "description": "The best, best first."}}),
        "Predictions": record({"predictions": several(ref("Prediction"), 1)}),
        "Bare": {**several(several(scored["class"], 1, 1), 1), "description": "One row an image: its class."},
    }


def _detector(model: Detected) -> dict[str, Schema]:
    scored = _scored(model.labels)
    most = model.outputs[0].shape[1]
    corners = dict.fromkeys(("xmin", "ymin", "xmax", "ymax"), SHARE)
    row = {
        "type": "array",
        "prefixItems": [scored["class"], SHARE, *corners.values()],
        "minItems": 6,
        "maxItems": 6,
        "description": "class, score, xmin / width, ymin / height, xmax / width, ymax / height",
    }
    return {
        "Label": {"enum": sorted(set(model.labels))},
        "Box": {**record(corners), "description": "Shares of the image's width and height."},
        "Detection": record({**scored, "box": ref("Box")}),
        "Predictions": record({"predictions": several(record({"detections": several(ref("Detection"), 0, most)}), 1)}),
        "Bare": {
            **several(several(row, 0, most), 1),
            "description": "A list an image, best first, empty for one without detections.",
        },
    }


def _tensors(model: Runtime) -> dict[str, Schema]:
    number = {"type": "number"}
    kinds = {"INT64": {"type": "integer"}, "FP32": number}
    each = [
        {
            **record(
                {
                    "name": {"const": tensor.name},
                    "datatype": {"const": tensor.datatype},
                    "shape": {
                        "type": "array",
                        "prefixItems": [whole(1) if side == -1 else {"const": side} for side in tensor.shape],
                        "minItems": len(tensor.shape),
                        "maxItems": len(tensor.shape),
                    },
                    "data": several(kinds.get(tensor.datatype, number)),
                    "parameters": record({"binary_data_size": whole(0)}),
                },
                "data",
                "parameters",
            ),
            "oneOf": [{"required": ["data"]}, {"required": ["parameters"]}],
        }
        for tensor in model.outputs
    ]
    answer = record(
        {"model_name": TEXT, "model_version": TEXT, "id": TEXT, "outputs": several({"oneOf": each}, 1, len(each))}
    )
    return {"InferenceResponse": answer}
