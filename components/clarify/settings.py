"""From the stage's arguments to a configuration, a baseline and a predictor."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from components.clarify import answers, baselines
from components.clarify.config import AnalysisConfig
from components.clarify.pictures import upright
from components.clarify.predictors import DETECTION, PackagePredictor, Predictor
from components.errors import ImageError, InputError
from components.images import Pixels
from components.storage import place

_BYTES = 4 * 2**20  # of a configuration
_IMAGE_BYTES = 10 * 2**20

_PARTS = {
    "seed": ("methods", "shap"),
    "num_samples": ("methods", "shap"),
    "model_type": ("methods", "shap", "image_config"),
    "num_segments": ("methods", "shap", "image_config"),
    "max_objects": ("methods", "shap", "image_config"),
    "context": ("methods", "shap", "image_config"),
    "probability_threshold": (),
}
"""Where the stage's parameters stand in ``analysis_config.json``."""


def config(args: argparse.Namespace) -> AnalysisConfig:
    """Returns the given configuration, with the parameters that were given in place of what it says.

    Raises:
        InputError: With everything that is wrong, in one line.
        StorageError: It cannot be read.
    """
    if args.config:
        given = AnalysisConfig.from_json(_document(args.config))
        document, ignored = given.to_json(), given.ignored
    else:
        ignored = ()
        # Without a foreign endpoint's wishes, what our own takes fastest.
        document = {"predictor": {"content_type": answers.NPY}}
        _at(document, _PARTS["model_type"])["model_type"] = DETECTION
    for name, parts in _PARTS.items():
        given = getattr(args, name)
        if given not in (None, "", -1):
            _at(document, parts)[name] = given
    if args.baseline in baselines.KINDS:
        _at(document, ("methods", "shap")).pop("baseline", None)
        _at(document, ("roadworthy",))["baseline"] = args.baseline
    elif args.baseline:
        _at(document, ("methods", "shap"))["baseline"] = args.baseline
    return replace(AnalysisConfig.from_json(document), ignored=ignored)


def baseline(found: AnalysisConfig) -> str | Pixels:
    """Returns the baseline: the picture that the configuration names, or the kind to make.

    Raises:
        ImageError: It is no picture.
        StorageError: It cannot be read.
    """
    uri = found.shap.baseline
    if uri is None:
        return found.roadworthy.baseline
    try:
        return upright(place(uri).read_bytes(_IMAGE_BYTES))
    except ImageError as error:
        raise ImageError(f"baseline: {error}") from None


def predictor(args: argparse.Namespace, found: AnalysisConfig) -> Predictor:
    """Returns the model: an endpoint, or a package in this process.

    Raises:
        InputError: Neither was given, or both.
    """
    url = args.url or (found.predictor.endpoint_name or "" if args.archive is None else "")
    if bool(url) == (args.archive is not None):
        raise InputError(f"expected either --url or --archive, found {'both' if url else 'neither'}")
    kind, extension = found.shap.image_config.model_type, found.roadworthy
    if args.archive is not None:
        return PackagePredictor(args.archive, kind, extension.request_bytes)
    from components.clarify.endpoint import EndpointPredictor

    return EndpointPredictor(
        url,
        kind,
        content_type=found.predictor.content_type,
        accept=found.predictor.accept_type,
        request_bytes=extension.request_bytes,
        in_flight=extension.requests_in_flight,
        patience=args.patience,
    )


def _document(text: str) -> bytes:
    if text.lstrip().startswith("{"):
        return text.encode("utf-8", errors="surrogateescape")
    return place(text).read_bytes(_BYTES)


def _at(document: dict[str, Any], parts: tuple[str, ...]) -> dict[str, Any]:
    for part in parts:
        document = document.setdefault(part, {})
    return document
