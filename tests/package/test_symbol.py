"""MXNet's symbol files: what a detector's network may be, and a package of the two files."""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import ArchiveError, WeightsError
from components.package import operators, symbol
from components.package.archive import Package, check_model, pack
from components.package.description import ModelDescription
from tests.package import detectors as made

ROOT = Path(__file__).resolve().parents[2]
SHAPES = {name: values.shape for name, values in made.WEIGHTS.items()}


def test_a_network_tells_what_it_needs() -> None:
    found = symbol.check(made.symbol_bytes())
    assert found.parameters == {"conv_weight", "norm_gamma", "norm_beta"}
    assert found.statistics == {"norm_mean", "norm_var"}
    assert found.shapes["conv_weight"] == (8, 0, 3, 3)
    assert found.nodes[7].inputs == ((2, 0), (3, 0), (4, 0), (5, 0), (6, 0))
    found.check_weights(SHAPES)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"arg:norm_gamma": None}, "missing 'arg:norm_gamma'$"),
        ({"arg:more": (1,)}, "unknown 'arg:more'$"),
        ({"aux:norm_mean": None, "arg:norm_mean": (8,)}, "missing 'aux:norm_mean'; unknown 'arg:norm_mean'"),
        ({"arg:data": (1, 3, 8, 8)}, "unknown 'arg:data'"),
        ({"arg:conv_weight": (9, 3, 3, 3)}, "of another shape .*conv_weight .9, 3, 3, 3. for .8, 0, 3, 3."),
        ({"arg:conv_weight": (8, 27)}, "of another shape"),
    ],
)
def test_weights_of_another_network_are_refused(change: dict[str, Any], match: str) -> None:
    found = {name: shape for name, shape in {**SHAPES, **change}.items() if shape is not None}
    with pytest.raises(WeightsError, match=f"expected the network's 5 arrays, found others: .*{match}"):
        symbol.check(made.symbol_bytes()).check_weights(found)


def node(place: int, **changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda whole: whole["nodes"][place].update(changes)


def whole(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda whole: whole.update(changes)


def without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda whole: whole.pop(key)


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "code of one's own": (node(8, op="Custom"), "'slices': expected an operator of a detector, found 'Custom'"),
    "a subgraph": (node(8, op="_subgraph_op"), "found '_subgraph_op'"),
    "a loop": (node(8, op="_foreach"), "found '_foreach'"),
    "a TVM module": (node(8, op="_contrib_tvm_vadd"), "found '_contrib_tvm_vadd'"),
    "an unknown operator": (node(8, op="convolution"), "found 'convolution'"),
    "an operator that is a number": (node(8, op=7), "expected an operator of a detector, found 7"),
    "a list as operator": (node(8, op=["Pooling"]), "expected an operator"),
    "graphs in a node": (node(8, subgraphs=[]), "node 8: expected op, name, attrs and inputs, found .*'subgraphs'"),
    "control dependencies": (node(8, control_deps=[0]), "'control_deps'"),
    "a node without inputs": (lambda w: w["nodes"][8].pop("inputs"), "node 8: expected op, name"),
    "a node that is a text": (lambda w: w["nodes"].append("null"), "node 9: expected op, name, .*found 'null'"),
    "no name": (node(1, name=""), "node 1: expected a name"),
    "a number as name": (node(1, name=3), "node 1: expected a name, found 3"),
    "a node that is its own input": (node(2, inputs=[[0, 0, 0], [2, 0, 0]]), "one of the 2 nodes before, found 2"),
    "a node that follows later": (node(2, inputs=[[0, 0, 0], [7, 0, 0]]), "one of the 2 nodes before, found 7"),
    "a negative node": (node(2, inputs=[[0, 0, 0], [-1, 0, 0]]), "found -1"),
    "a node beyond 64 bits": (node(2, inputs=[[0, 0, 0], [2**70, 0, 0]]), "beyond 64 bits"),
    "true as node": (node(2, inputs=[[0, 0, 0], [True, 0, 0]]), "node, output, version"),
    "a fraction as node": (node(2, inputs=[[0, 0, 0], [1.0, 0, 0]]), "node, output, version"),
    "an output that there is not": (node(8, inputs=[[7, 1, 0]]), "'slices': expected an output of BatchNorm, found 1"),
    "a negative output": (node(8, inputs=[[7, -1, 0]]), "expected an output of BatchNorm, found -1"),
    "a version below 0": (node(8, inputs=[[7, 0, -1]]), "expected a version up to .*, found -1"),
    "a version beyond": (node(8, inputs=[[7, 0, 2**40]]), "expected a version up to .*, found 1099511627776"),
    "too few inputs": (node(7, inputs=[[2, 0, 0]]), "'norm': expected the inputs of BatchNorm, found 1 inputs"),
    "too many inputs": (node(8, inputs=[[7, 0, 0]] * 2), "expected the inputs of SliceChannel, found 2 inputs"),
    "a variable with inputs": (node(1, inputs=[[0, 0, 0]]), "expected the inputs of null, found 1 inputs"),
    "inputs as text": (node(8, inputs="7"), "expected the inputs of SliceChannel, found '7'"),
    "slices without a number": (node(8, attrs={}), "heads.*expected an output of SliceChannel, found 0"),
    "attributes that are no texts": (node(8, attrs={"num_outputs": 4}), "'slices': expected attrs as texts"),
    "an attribute of a megabyte": (node(8, attrs={"num_outputs": "4" * 10**6}), "expected attrs as texts of at most"),
    "four thousand million filters": (
        node(2, attrs={"num_filter": "4294967295", "no_bias": "True"}),
        "'conv': expected whole numbers up to 1,048,576, found 'num_filter' '4294967295'",
    ),
    "a head that there is not": (whole(heads=[[8, 0, 0], [8, 1, 0], [9, 0, 0]]), "'heads': expected one of the 9"),
    "a head's output that there is not": (whole(heads=[[8, 0, 0], [8, 1, 0], [8, 4, 0]]), "SliceChannel, found 4"),
    "one head": (whole(heads=[[8, 0, 0]]), r"expected 3 heads \(ids, scores, boxes\), found 1"),
    "no heads": (without("heads"), "expected the lists nodes, arg_nodes, heads"),
    "heads as object": (whole(heads={}), "expected the lists"),
    "an unknown key": (whole(code="import os"), "expected the lists .*'code'"),
    "no nodes": (whole(nodes=[]), "expected 1 to 50,000 nodes, found 0"),
    "too many nodes": (lambda w: w.update(nodes=w["nodes"][:1] * 50_001), "expected 1 to 50,000 nodes, found 50,001"),
    "arguments left out": (whole(arg_nodes=[0]), r"expected arg_nodes \[0, 1, 3, 4, 5, 6\]"),
    "an operator as argument": (whole(arg_nodes=[0, 1, 2, 3, 4, 5, 6]), "expected arg_nodes"),
    "true as argument": (whole(arg_nodes=[False, True, 3, 4, 5, 6]), "expected arg_nodes"),
    "a variable twice": (node(3, name="conv_weight"), "expected each variable once, found 'conv_weight' again"),
    "no input": (node(0, name="images"), "expected a variable 'data' for the images"),
    "the images as statistics": (
        node(7, inputs=[[2, 0, 0], [3, 0, 0], [4, 0, 0], [0, 0, 0], [6, 0, 0]]),
        "'norm': expected variables of its own, found 'data'",
    ),
    "a vector of two normalisations": (
        node(7, inputs=[[2, 0, 0], [3, 0, 0], [3, 0, 0], [5, 0, 0], [6, 0, 0]]),
        "'norm': expected variables of its own, found 'norm_gamma'",
    ),
    "a bias that is not there": (
        node(2, attrs={"num_filter": "8", "no_bias": "False"}),
        "'conv': expected the inputs of Convolution, found 2 inputs",
    ),
    "statistics that are computed": (
        node(7, inputs=[[2, 0, 0], [3, 0, 0], [4, 0, 0], [2, 0, 0], [6, 0, 0]]),
        "'norm': expected variables of its own, found 'conv'",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_detectors_network_is_refused_and_named(case: str) -> None:
    change, match = HOSTILE[case]
    told = copy.deepcopy(made.symbol())
    change(told)
    with pytest.raises(WeightsError, match=match) as caught:
        symbol.check(json.dumps(told).encode())
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "symbol: expected JSON"),
        (b"[]", "symbol: expected a JSON object"),
        (b"{}", "symbol: expected the lists"),
        (b'{"nodes": [], "nodes": []}', "'nodes' twice"),
        (b'{"nodes": ' + b"[" * 100_000, "levels of brackets"),
        (b" " * (16 * 2**20 + 1), "symbol: expected at most 16,777,216 bytes"),
    ],
)
def test_what_is_no_symbol_file_is_refused(data: bytes, match: str) -> None:
    with pytest.raises(WeightsError, match=match):
        symbol.check(data)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 12), st.sampled_from(["null", "Concat", "data", "8"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["op", "name"]), inner)),
    max_leaves=6,
)


@given(
    st.sampled_from(["nodes", "arg_nodes", "heads"]),
    st.integers(0, 8),
    st.sampled_from(["op", "inputs", "attrs"]),
    JSON,
)
def test_any_json_in_any_place_gives_a_network_or_an_error_of_ours(key: str, place: int, part: str, value: Any) -> None:
    told = copy.deepcopy(made.symbol())
    if key == "nodes":
        told["nodes"][place][part] = value
    else:
        told[key] = value
    try:
        found = symbol.check(json.dumps(told).encode())
    except WeightsError:
        return
    assert all(source < index for index, node in enumerate(found.nodes) for source, _ in node.inputs)


def test_every_operator_says_how_many_inputs_it_takes() -> None:
    assert operators.inputs("Concat", {"num_args": "80"}) == (80,)
    assert operators.inputs("Concat", {}) == operators.inputs("Concat", {"num_args": "many"}) == ()
    assert operators.inputs("Convolution", {"no_bias": "True"}) == (2,)
    assert operators.inputs("Convolution", {"no_bias": "False"}) == (3,)
    assert operators.inputs("Convolution", {}) == operators.inputs("Convolution", {"no_bias": "0"}) == ()
    assert operators.inputs("LeakyReLU", {"act_type": "leaky"}) == operators.inputs("softmax", {}) == (1,)
    assert (
        operators.inputs("LeakyReLU", {"act_type": "prelu"}) == operators.inputs("softmax", {"use_length": "1"}) == ()
    )
    assert operators.outputs("topk", {"ret_typ": "both"}) == 2
    assert operators.outputs("topk", {"ret_typ": "mask"}) == operators.outputs("Pooling", {}) == 1


@pytest.fixture
def detector(tmp_path: Path, description: ModelDescription) -> Path:
    """A folder as fine_tune's detector writes it."""
    folder = tmp_path / "detector"
    folder.mkdir()
    changes: dict[str, Any] = {"task": "detection", "framework": "mxnet", "weights": "model-0000.params"}
    dataclasses.replace(description, architecture="yolo3_small", **changes).write(folder)
    (folder / "model-symbol.json").write_bytes(made.symbol_bytes())
    (folder / "model-0000.params").write_bytes(made.params(made.WEIGHTS))
    return folder


def stage(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "components.package", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_detector_is_packed_verified_and_unpacked_without_its_framework(detector: Path, tmp_path: Path) -> None:
    done = stage("pack", "--model", detector, "--archive", tmp_path / "m.tar.gz", "--digest", tmp_path / "digest")
    assert (done.returncode, done.stderr) == (0, "")
    digest = (tmp_path / "digest").read_text()
    assert stage("verify", "--archive", tmp_path / "m.tar.gz").stdout == digest + "\n"
    assert stage("unpack", "--archive", tmp_path / "m.tar.gz", "--folder", tmp_path / "out").stdout == digest + "\n"
    assert check_model(Package(tmp_path / "out")).symbol == "model-symbol.json"


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("model-symbol.json", made.symbol_bytes(heads=[]), "expected 3 heads"),
        ("model-0000.params", made.params({}), "missing 'arg:conv_weight'"),
        ("model-0000.params", b"\x80\x04\x95" + bytes(20), "a pickle"),
        ("model-0000.params", made.params({**made.WEIGHTS, "arg:norm_beta": np.full(8, np.nan, np.float32)}), "finite"),
    ],
)
def test_a_detector_that_lies_is_not_packed(
    detector: Path, tmp_path: Path, name: str, content: bytes, match: str
) -> None:
    (detector / name).write_bytes(content)
    done = stage("pack", "--model", detector, "--archive", tmp_path / "m.tar.gz", "--digest", tmp_path / "digest")
    assert done.returncode == 1
    assert match in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["detector"]


def test_a_detector_without_its_network_is_no_model(detector: Path, tmp_path: Path) -> None:
    (detector / "model-symbol.json").unlink()
    pack(detector, tmp_path / "m.tar.gz")
    with pytest.raises(ArchiveError, match=r"none called 'model-symbol\.json'"):
        check_model(Package(tmp_path / "m.tar.gz"))
