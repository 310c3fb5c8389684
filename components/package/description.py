"""``model.json``: what travels with a model's weights, so that it can be served, monitored and explained."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from components.errors import ArchiveError, InputError
from components.images import Preprocessing
from components.package import folders
from components.package.limits import MIB, Limits
from components.package.names import check_name
from components.package.strict import canonical, kind, listed, parse_object, short
from components.whole import replacing

NAME = "model.json"
FORMAT = 1
TASKS = ("classification", "detection")
FRAMEWORKS = {"torch": ".safetensors", "mxnet": ".params"}
"""What a model may be loaded with, and how its weights' file ends."""

PAIRS = {("torch", "classification"), ("mxnet", "detection")}
"""Framework and task of the models that Roadworthy trains and serves."""

_BYTES = 4 * MIB
_LABELS = 10_000
_TEXT = 200
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")  # a Kubernetes label value and a part of a URL
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_EPOCH = re.compile(r"(?:-[0-9]{4})?\.params\Z")


@dataclass(frozen=True)
class ModelDescription:
    """What a model is, what it answers, how to feed it and what it was made of.

    Law: ``ModelDescription.from_bytes(d.to_bytes()) == d``.

    Attributes:
        name: As in ``/v2/models/<name>``: 1 to 63 ASCII letters, digits, ``.``, ``_`` and ``-``.
        task: One of ``TASKS``.
        framework: One of ``FRAMEWORKS``, and with the task one of ``PAIRS``.
        architecture: The network, by torchvision's name (``resnet18``) or GluonCV's (``yolo3_darknet53_coco``).
        weights: The file beside the description: safetensors for torch; for mxnet a ``.params`` file as
            ``HybridBlock.export`` names it, ``model-0000.params``, with its ``symbol`` beside it.
        labels: ``(classes,)`` names; the position is the class.
        preprocessing: How pixels become the network's input.
        versions: Of the libraries that trained it, by name.
        data: ``name`` and ``digest`` (``sha256:…``) of what it was trained on.
        training: What the training wishes to tell, as JSON.

    Raises:
        InputError: With everything that is wrong, in one line.
    """

    name: str
    task: str
    framework: str
    architecture: str
    weights: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    versions: Mapping[str, str]
    data: Mapping[str, str]
    training: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _raise(_problems({f.name: getattr(self, f.name) for f in fields(self)}))
        # A copy that no one else holds, with lists for tuples: as it will be read.
        object.__setattr__(self, "training", json.loads(json.dumps(dict(self.training))))

    @property
    def symbol(self) -> str:
        """The file with MXNet's network, ``model-symbol.json`` for ``model-0000.params``; empty for torch."""
        return _EPOCH.sub("-symbol.json", self.weights) if self.framework == "mxnet" else ""

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            **values,
            "format": FORMAT,
            "labels": list(self.labels),
            "preprocessing": self.preprocessing.to_json(),
            "versions": dict(self.versions),
            "data": dict(self.data),
        }

    def to_bytes(self) -> bytes:
        """Returns the content of ``model.json``; the same description gives the same bytes."""
        return canonical(self.to_json())

    def write(self, folder: Path) -> None:
        """Writes ``model.json`` into a folder."""
        with replacing(folder / NAME) as partial:
            partial.write_bytes(self.to_bytes())

    @classmethod
    def read(cls, folder: Path) -> ModelDescription:
        """Reads ``model.json`` from a folder.

        Raises:
            InputError: There is none, or it is not what it should be.
            UnsafeMemberError: It is a link or special file.
        """
        with folders.open_inside(folder, NAME, Limits()) as file:
            return cls.from_bytes(file.read(_BYTES + 1))

    @classmethod
    def from_bytes(cls, data: bytes) -> ModelDescription:
        """Reads the content of ``model.json``.

        Raises:
            InputError: With everything that is wrong, in one line: unknown and missing keys, wrong types and values.
        """
        if len(data) > _BYTES:
            raise InputError(f"{NAME}: expected at most {_BYTES:,} bytes, found {len(data):,}")
        found = parse_object(data, NAME, InputError)
        problems = [*_wrong_keys(found, {f.name for f in fields(cls)})]
        values = {f.name: found[f.name] for f in fields(cls) if f.name in found}
        if isinstance(values.get("labels"), list):
            values["labels"] = tuple(values["labels"])
        if "preprocessing" in values:
            try:
                values["preprocessing"] = Preprocessing.from_json(values["preprocessing"])
            except InputError as error:
                problems.append(str(error))
                del values["preprocessing"]
        _raise([*problems, *_problems(values)])
        return cls(**values)


def _raise(problems: Iterable[str]) -> None:
    if told := "; ".join(problems):
        raise InputError(f"{NAME}: {told}")


def _wrong_keys(found: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    if found.get("format") != FORMAT or isinstance(found["format"], bool):
        yield f"expected format {FORMAT}, found {short(found.get('format'))}"
    if unknown := sorted(set(found) - known - {"format"}):
        yield f"expected no other keys than {', '.join(sorted(known))}, found {listed(unknown)}"
    if missing := sorted(known - set(found)):
        yield f"expected the keys {', '.join(missing)}, found none of that name"


def _problems(values: Mapping[str, Any]) -> Iterator[str]:
    """Yields what is wrong with the values that are given; which keys there must be is not looked at here."""
    for name, value in values.items():
        problem = _CHECKS[name](value)
        if problem is not None:
            yield f"{name}: {problem}"
    if _CHECKS["framework"](values.get("framework")) is None:
        yield from _unfitting(values["framework"], values.get("task"), values.get("weights"))


def _unfitting(framework: str, task: Any, weights: Any) -> Iterator[str]:
    """Yields what does not fit a framework that is known."""
    if _CHECKS["task"](task) is None and (framework, task) not in PAIRS:
        fitting = ", ".join(sorted(known for known, of in PAIRS if of == task))
        yield f"framework: expected {fitting} for {task}, found {framework!r}"
    suffix = FRAMEWORKS[framework]
    if isinstance(weights, str) and not weights.endswith(suffix):
        yield f"weights: expected the name of a {suffix} file, found {short(weights)}"


def _wrong_name(value: Any) -> str | None:
    if isinstance(value, str) and _NAME.fullmatch(value) and ".." not in value:
        return None
    return f"expected 1 to 63 letters, digits, '.', '_' and '-', found {short(value)}"


def _one_of(allowed: Collection[str]) -> Callable[[Any], str | None]:
    return lambda value: (
        None
        if isinstance(value, str) and value in allowed
        else f"expected one of {', '.join(allowed)}, found {short(value)}"
    )


def _wrong_weights(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"expected the name of a file, found {short(value)}"
    try:
        check_name(value, Limits())
    except ArchiveError as error:
        return str(error)
    return None


def _wrong_labels(value: Any) -> str | None:
    if not isinstance(value, tuple) or not 1 <= len(value) <= _LABELS:
        found = len(value) if isinstance(value, tuple) else kind(value)
        return f"expected a list of 1 to {_LABELS:,} names, found {found}"
    if bad := [label for label in value if not _is_label(label)]:
        return f"expected names of 1 to {_TEXT} visible characters, found {listed(bad)}"
    if len(set(value)) < len(value):
        return f"expected each name once, found {listed(sorted({v for v in value if value.count(v) > 1}))} again"
    return None


def _is_label(value: Any) -> bool:
    if not isinstance(value, str) or not 1 <= len(value) <= _TEXT or not value.strip():
        return False
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in value)


def _wrong_preprocessing(value: Any) -> str | None:
    return None if isinstance(value, Preprocessing) else f"expected a Preprocessing, found {kind(value)}"


def _wrong_versions(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return f"expected an object, found {kind(value)}"
    bad = {k: v for k, v in value.items() if not (_is_text(k) and _is_text(v))}
    return f"expected names and versions as texts, found {short(bad)}" if bad else None


def _wrong_data(value: Any) -> str | None:
    if not isinstance(value, Mapping) or set(value) != {"name", "digest"}:
        return f"expected an object of name and digest, found {short(value)}"
    if not _is_text(value["name"]):
        return f"expected a name of 1 to {_TEXT} characters, found {short(value['name'])}"
    if not isinstance(value["digest"], str) or _DIGEST.fullmatch(value["digest"]) is None:
        return f"expected a digest as sha256: and 64 hexadecimal digits, found {short(value['digest'])}"
    return None


def _wrong_training(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return f"expected an object, found {kind(value)}"
    try:
        json.dumps(dict(value), allow_nan=False, ensure_ascii=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        return f"expected finite JSON values, found {error}"
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _TEXT and value.isprintable()


_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "name": _wrong_name,
    "task": _one_of(TASKS),
    "framework": _one_of(FRAMEWORKS),
    "architecture": _wrong_name,
    "weights": _wrong_weights,
    "labels": _wrong_labels,
    "preprocessing": _wrong_preprocessing,
    "versions": _wrong_versions,
    "data": _wrong_data,
    "training": _wrong_training,
}
