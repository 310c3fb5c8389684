from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError, UnsafeMemberError
from components.images import Preprocessing
from components.package.description import ModelDescription

DIGEST = "sha256:" + "ab" * 32
texts = st.text("abcXYZ012 äß", min_size=1, max_size=20).filter(lambda t: t.strip())
numbers = st.one_of(st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
descriptions = st.builds(
    ModelDescription,
    name=st.from_regex(r"[A-Za-z0-9][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True),
    task=st.just("classification"),
    framework=st.just("torch"),
    architecture=st.just("resnet18"),
    weights=st.sampled_from(["model.safetensors", "weights/best.safetensors"]),
    labels=st.lists(texts, min_size=1, max_size=8, unique=True).map(tuple),
    preprocessing=st.builds(Preprocessing, height=st.integers(1, 512), width=st.integers(1, 512)),
    versions=st.dictionaries(texts, texts, max_size=3),
    data=st.builds(lambda name: {"name": name, "digest": DIGEST}, texts),
    training=st.dictionaries(texts, json_values, max_size=3),
)


@given(descriptions)
def test_what_is_written_is_read_again_and_written_as_the_same_bytes(described: ModelDescription) -> None:
    data = described.to_bytes()
    again = ModelDescription.from_bytes(data)
    assert again == described
    assert again.to_bytes() == data


def test_the_order_of_keys_does_not_matter(description: ModelDescription) -> None:
    told = json.loads(description.to_bytes())
    turned = json.dumps(dict(reversed(told.items()))).encode()
    assert ModelDescription.from_bytes(turned).to_bytes() == description.to_bytes()


def test_a_folder_gives_back_what_was_written_to_it(tmp_path: Path, description: ModelDescription) -> None:
    description.write(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.json"]
    assert ModelDescription.read(tmp_path) == description
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "model.json").symlink_to(tmp_path / "model.json")
    with pytest.raises(UnsafeMemberError):
        ModelDescription.read(tmp_path / "link")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"expected a file 'model\.json'"):
        ModelDescription.read(tmp_path / "empty")
    with pytest.raises(InputError, match="expected a folder, found none"):
        ModelDescription.read(tmp_path / "nowhere")


DETECTOR = {"task": "detection", "framework": "mxnet", "architecture": "yolo3_small", "weights": "model-0000.params"}


@pytest.mark.parametrize(
    ("weights", "symbol"),
    [
        ("model-0000.params", "model-symbol.json"),
        ("nets/best-0123.params", "nets/best-symbol.json"),
        ("best.params", "best-symbol.json"),
        ("best-12.params", "best-12-symbol.json"),
        ("a-0000.params-0000.params", "a-0000.params-symbol.json"),
    ],
)
def test_a_detectors_network_lies_beside_its_weights(weights: str, symbol: str, description: ModelDescription) -> None:
    detector = dataclasses.replace(description, **{**DETECTOR, "weights": weights})  # type: ignore[arg-type]
    assert detector.symbol == symbol
    assert ModelDescription.from_bytes(detector.to_bytes()) == detector
    assert description.symbol == ""


def test_a_detector_with_a_classifiers_weights_is_refused(description: ModelDescription) -> None:
    with pytest.raises(InputError, match=r"weights: expected the name of a \.params file, found 'model\.safetensors'"):
        dataclasses.replace(description, **{**DETECTOR, "weights": "model.safetensors"})  # type: ignore[arg-type]


def test_tuples_in_training_become_lists_and_later_changes_stay_outside(description: ModelDescription) -> None:
    loss = [1.0]
    described = dataclasses.replace(description, training={"loss": loss, "shape": (1, 2)})
    loss.append(2.0)
    assert described.training == {"loss": [1.0], "shape": [1, 2]}


WRONG: dict[str, tuple[str, Any, str]] = {
    "a name with a slash": ("name", "a/b", "name: expected 1 to 63 letters"),
    "a name that goes up": ("name", "a..b", "name: expected"),
    "a name of blanks": ("name", " ", "name: expected"),
    "a long name": ("name", "x" * 64, "name: expected"),
    "a number as name": ("name", 1, "name: expected"),
    "another task": ("task", "regression", "task: expected one of classification, detection, found 'regression'"),
    "another framework": ("framework", "tf", "framework: expected one of torch, mxnet, found 'tf'"),
    "a framework as list": ("framework", ["torch"], "framework: expected one of torch"),
    "a framework for another task": ("framework", "mxnet", "framework: expected torch for classification"),
    "a task for another framework": ("task", "detection", "framework: expected mxnet for detection, found 'torch'"),
    "weights of another framework": ("weights", "m.params", "weights: expected the name of a .safetensors file"),
    "weights elsewhere": ("weights", "../w.safetensors", "weights: .*the part '..'"),
    "absolute weights": ("weights", "/w.safetensors", "weights: .*the part ''"),
    "pickled weights": ("weights", "model.pt", "weights: expected the name of a .safetensors file, found 'model.pt'"),
    "no labels": ("labels", [], "labels: expected a list of 1 to 10,000 names, found 0"),
    "labels as text": ("labels", "Stop", "labels: expected a list"),
    "a label twice": ("labels", ["a", "a"], "labels: expected each name once, found 'a' again"),
    "a label of 10,000 characters": ("labels", ["x" * 10_000], "labels: expected names of 1 to 200"),
    "a label that turns the writing": ("labels", ["a\u202eb"], "labels: expected names of 1 to 200 visible"),
    "a number as label": ("labels", [1], "labels: expected names"),
    "too many labels": ("labels", [str(n) for n in range(10_001)], "labels: .*found 10001"),
    "preprocessing of nothing": ("preprocessing", {"height": 0, "width": 96}, "preprocessing: expected height"),
    "preprocessing as text": ("preprocessing", "RGB", "preprocessing: expected an object"),
    "a mean beyond floats": (
        "preprocessing",
        {"height": 9, "width": 9, "mean": [10**400, 0, 0]},
        "a whole number beyond 64 bits",
    ),
    "versions as list": ("versions", [], "versions: expected an object, found a list"),
    "a version as number": ("versions", {"torch": 2}, "versions: expected names and versions as texts"),
    "data without digest": ("data", {"name": "a"}, "data: expected an object of name and digest"),
    "a short digest": ("data", {"name": "a", "digest": "sha256:ab"}, "data: expected a digest"),
    "training as list": ("training", [], "training: expected an object"),
    "another format": ("format", 2, "expected format 1, found 2"),
    "true as format": ("format", True, "expected format 1"),
    "an unknown key": ("lables", ["a"], "expected no other keys than .*, found 'lables'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_refused_and_named(case: str, description: ModelDescription) -> None:
    key, value, match = WRONG[case]
    told = {**json.loads(description.to_bytes()), key: value}
    with pytest.raises(InputError, match=match) as caught:
        ModelDescription.from_bytes(json.dumps(told).encode())
    assert len(str(caught.value)) < 500


def test_all_that_is_wrong_is_told_in_one_go(description: ModelDescription) -> None:
    told = json.loads(description.to_bytes())
    del told["versions"], told["task"]
    told |= {"name": "", "labels": [], "colour": "red", "preprocessing": {"height": 1}}
    with pytest.raises(InputError) as caught:
        ModelDescription.from_bytes(json.dumps(told).encode())
    for part in ("'colour'", "task, versions", "name: expected", "labels: expected", "missing ['width']"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "expected JSON"),
        (b"\xff", "UTF-8"),
        (b"\xef\xbb\xbf{}", "expected JSON"),
        (b"[]", "expected a JSON object, found a list"),
        (b"{}", "expected the keys architecture, data, .*training.*weights"),
        (b'{"name": "a", "name": "b"}', "'name' twice"),
        (b'{"training": {"loss": NaN}}', "not finite: NaN"),
        (b'{"training": {"loss": -Infinity}}', "not finite: -Infinity"),
        (b'{"training": {"loss": 1e999}}', "not finite: '1e999'"),
        (b'{"name": "\\ud800"}', "UTF-8"),
        (b'{"training": ' + b"[" * 100_000, "levels of brackets"),
        (b" " * 5_000_000, "at most 4,194,304 bytes"),
    ],
)
def test_what_is_no_description_is_refused(data: bytes, match: str) -> None:
    with pytest.raises(InputError, match=match):
        ModelDescription.from_bytes(data)


@pytest.mark.parametrize(
    "training", [{"loss": float("nan")}, {"loss": float("inf")}, {"path": Path("a")}, {"text": "\ud800"}]
)
def test_what_is_no_json_is_refused_when_it_is_made(training: dict[str, Any], description: ModelDescription) -> None:
    with pytest.raises(InputError, match="training: expected finite JSON values"):
        dataclasses.replace(description, training=training)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(InputError):
        ModelDescription.from_bytes(data)
