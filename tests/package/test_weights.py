"""Every listed way in which weights can lie; the numbers are those of the list of hostile inputs (17 to 23)."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import load, save

from components.errors import WeightsError
from components.package import architectures
from components.package.weights import Expected, check, load_numpy
from tests.package.crafted import safetensors as crafted
from tests.package.crafted import tensor, zipped

ROOT = Path(__file__).resolve().parents[2]
TORCH = ROOT / ".venvs" / "torch" / "bin" / "python"

LETTERS = "abcdefgh._0123"
KINDS = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", "c8")
finite_arrays = st.sampled_from(KINDS).flatmap(
    lambda kind: arrays.arrays(
        np.dtype(kind),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        elements={"allow_nan": False, "allow_infinity": False} if kind[0] in "fc" else None,
    )
)


@given(tensors=st.dictionaries(st.text(LETTERS, min_size=1), finite_arrays, max_size=5), told=st.booleans())
def test_what_the_library_writes_is_read_as_the_library_reads_it(tensors: dict[str, Any], told: bool) -> None:
    data = save(tensors, {"format": "np"} if told else None)
    ours, theirs = load_numpy(data), load(data)
    assert ours.keys() == theirs.keys() == tensors.keys()
    for name, array in ours.items():
        assert array.dtype == theirs[name].dtype
        assert array.shape == tensors[name].shape
        assert array.tobytes() == theirs[name].tobytes()
        assert array.flags.writeable


@given(data=st.data())
@settings(max_examples=300)
def test_what_is_accepted_the_library_accepts_too(data: st.DataObject) -> None:
    whole = bytearray(save({"a": np.ones((2, 2), np.float32), "b": np.zeros(3, np.int64)}))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        ours = load_numpy(bytes(whole), allow_nonfinite=True)
    except WeightsError:
        return
    theirs = load(bytes(whole))
    assert {n: a.tobytes() for n, a in ours.items()} == {n: a.tobytes() for n, a in theirs.items()}


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(WeightsError):
        check(data)


class Trap:
    """What runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def trapped(marker: Path) -> dict[str, tuple[bytes, str]]:
    """Files that would run a command in a loader that trusts them, and what they must be called."""
    trap = Trap(marker)
    old_pt = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps(trap, 2)
    objects = npy(np.array([trap], dtype=object))
    return {
        **{f"17 a pickle of protocol {p}": (pickle.dumps(trap, p), "a pickle") for p in range(6)},
        "17 a pickled dictionary of protocol 0": (pickle.dumps({"a": trap}, 0), "a pickle"),
        "17 a pickled dictionary of protocol 4": (pickle.dumps({"a": trap}, 4), "a pickle"),
        "18 a .pt": (zipped({"archive/data.pkl": pickle.dumps(trap, 2)}), "a PyTorch checkpoint"),
        "18 a .pt of the old kind": (old_pt, "PyTorch checkpoint of the old kind"),
        "19 an .npy of objects": (objects, "NumPy array of objects"),
        "19 an .npz of objects": (zipped({"a.npy": objects}), "NumPy archive"),
        "21 TorchScript": (
            zipped({"m/code/__torch__.py": b"import os", "m/constants.pkl": pickle.dumps(trap, 2), "m/data.pkl": b""}),
            "a TorchScript archive",
        ),
    }


@pytest.mark.parametrize("case", trapped(Path("marker")))
def test_what_runs_code_when_it_is_loaded_is_refused_by_name_and_runs_none(case: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    data, name = trapped(marker)[case]
    for act in (check, load_numpy):
        with pytest.raises(WeightsError, match=f"expected weights as safetensors, found .*{name}"):
            act(data)
    assert not marker.exists()


def test_18_the_trap_does_run_in_a_loader_that_trusts_it(tmp_path: Path) -> None:
    pickle.loads(trapped(tmp_path / "marker")["17 a pickle of protocol 4"][0])
    assert (tmp_path / "marker").exists()


def onnx(external: bool) -> bytes:
    entry = b"\x0a\x08location\x12\x0c../../secret"
    weight = b"\x08\x03\x6a" + bytes([len(entry)]) + entry + b"\x70\x01" if external else b"\x08\x03"
    graph = b"\x2a" + bytes([len(weight)]) + weight
    return b"\x08\x08\x12\x07pytorch\x3a" + bytes([len(graph)]) + graph


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (npy(np.zeros(3)), r"a NumPy array \(.npy\)"),
        (zipped({"bomb.npy": npy(np.zeros(3_000_000))}), "a NumPy archive"),
        (onnx(external=True), "an ONNX model with external data"),
        (onnx(external=False), "an ONNX model"),
        (zipped({"a.txt": b"a"}), "a zip archive"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
        (b"\x12\x01" + bytes(30), "an MXNet parameter file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b'{"a": 1}            ', "text"),
        (b"", "0 bytes"),
    ],
)
def test_19_20_other_formats_are_refused_by_name(data: bytes, name: str) -> None:
    with pytest.raises(WeightsError, match=f"expected weights as safetensors, found {name}"):
        check(data)


ONE = {"a": tensor("F32", [2], 0, 8)}
EIGHT = bytes(8)

HEADERS: dict[str, tuple[bytes, str]] = {
    "length 0": (crafted(b"", EIGHT), "no JSON object"),
    "length 0 before a header": (crafted(ONE, EIGHT, length=0), "expected JSON"),
    "length 7 in a file of 7": (bytes(7), "7 bytes"),
    "length 7": (crafted(b'{"a":1}', b""), "expected dtype"),
    "length 7 of nothing": (crafted(b"", bytes(7), length=7), "no JSON object"),
    "length 2^63": (crafted(ONE, EIGHT, length=2**63), "a header of 9,223,372,036,854,775,808 bytes in a file of"),
    "length 2^64 - 1": (crafted(ONE, EIGHT, length=2**64 - 1), "a header of"),
    "longer than the file by one": (crafted(ONE, b"", length=10_000), "a header of 10,000 bytes in a file of"),
    "over 100 MB": (crafted(b"{" + b" " * 100_000_001), "at most 8,000,000 bytes, found 100,000,002"),
    "not UTF-8": (crafted(b'{"\xff": 1}'), "UTF-8"),
    "not JSON": (crafted(b"{a: 1}"), "expected JSON"),
    "cut JSON": (crafted(b'{"a": '), "expected JSON"),
    "JSON and more": (crafted(b'{"a": 1} {}'), "expected JSON"),
    "a list": (crafted(b"[]      "), "no JSON object"),
    "10,000 levels": (crafted(b'{"a":' + b"[" * 100_000), "expected JSON"),
    "duplicate tensors": (crafted(b'{"a": %b, "a": %b}' % ((b"{}",) * 2)), "'a' twice"),
    "duplicate keys": (crafted(b'{"a": {"dtype": "F32", "dtype": "F64"}}'), "'dtype' twice"),
    "a lone surrogate": (crafted(b'{"\\ud800": 1}'), "UTF-8"),
    "a number of 5,000 digits": (crafted(b'{"a": ' + b"9" * 5000 + b"}"), "64 bits"),
    "a tensor that is none": (crafted({"a": 1}), "expected dtype, shape and data_offsets"),
    "a key missing": (crafted({"a": {"dtype": "F32", "shape": [2]}}), "expected dtype, shape and data_offsets"),
    "a key too many": (crafted({"a": {**ONE["a"], "file": "../x"}}, EIGHT), "expected dtype, shape and data_offsets"),
    "an unknown dtype": (crafted({"a": tensor("F33", [2], 0, 8)}, EIGHT), "expected a dtype among"),
    "a dtype as list": (crafted({"a": {**ONE["a"], "dtype": ["F32"]}}, EIGHT), "expected a dtype among"),
    "negative offsets": (crafted({"a": tensor("F32", [2], -8, 0)}, EIGHT), "data_offsets"),
    "offsets backwards": (crafted({"a": tensor("F32", [2], 8, 0)}, EIGHT), "data_offsets"),
    "offsets as numbers with a point": (crafted({"a": tensor("F32", [2], 0, 8.0)}, EIGHT), "data_offsets"),
    "offsets as booleans": (crafted({"a": tensor("U8", [1], False, True)}, b"1"), "data_offsets"),
    "three offsets": (crafted({"a": {**ONE["a"], "data_offsets": [0, 8, 8]}}, EIGHT), "data_offsets"),
    "overlapping offsets": (crafted({**ONE, "b": tensor("F32", [2], 4, 12)}, bytes(12)), "overlaps with"),
    "the same range twice": (crafted({**ONE, "b": tensor("F32", [2], 0, 8)}, EIGHT), "overlaps with"),
    "out of the file": (crafted({"a": tensor("F32", [4], 0, 16)}, EIGHT), "16 bytes of data, found 8"),
    "far out of the file": (crafted({"a": tensor("U8", [2**40], 0, 2**40)}, EIGHT), "bytes of data, found 8"),
    "a hole at the start": (crafted({"a": tensor("F32", [2], 8, 16)}, bytes(16)), "leaves a hole behind"),
    "a hole between": (crafted({**ONE, "b": tensor("F32", [2], 9, 17)}, bytes(17)), "'b': .* leaves a hole behind"),
    "a hole at the end": (crafted(ONE, bytes(9)), "8 bytes of data, found 9"),
    "too few bytes for the shape": (
        crafted({"a": tensor("F32", [3], 0, 8)}, EIGHT),
        r"12 bytes for F32 \(3,\), found 8",
    ),
    "too many bytes for the shape": (crafted({"a": tensor("F16", [2], 0, 8)}, EIGHT), "expected 4 bytes"),
    "a shape over 2^64": (crafted({"a": tensor("F32", [2**32, 2**32], 0, 0)}), r"2\^48 values"),
    "a shape over 2^64 times 0": (crafted({"a": tensor("F32", [2**63, 2**63, 0], 0, 0)}), r"2\^48 values"),
    "a negative shape": (crafted({"a": tensor("F32", [-1, -2], 0, 8)}, EIGHT), "expected a shape"),
    "a shape of numbers with a point": (crafted({"a": tensor("F32", [2.0], 0, 8)}, EIGHT), "expected a shape"),
    "a shape of 100 dimensions": (crafted({"a": tensor("U8", [1] * 100, 0, 1)}, b"1"), "expected a shape"),
    "metadata of numbers": (crafted({"__metadata__": {"a": 1}, **ONE}, EIGHT), "__metadata__: expected texts"),
    "metadata as text": (crafted({"__metadata__": "a", **ONE}, EIGHT), "__metadata__: expected texts"),
    "metadata as null": (crafted({"__metadata__": None, **ONE}, EIGHT), "__metadata__: expected texts"),
    "nested metadata": (crafted({"__metadata__": {"a": {}}, **ONE}, EIGHT), "__metadata__: expected texts"),
    "a boolean of 2": (crafted({"a": tensor("BOOL", [2], 0, 2)}, b"\1\2"), "expected booleans"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_22_a_header_that_lies_is_refused(case: str) -> None:
    data, match = HEADERS[case]
    with pytest.raises(WeightsError, match=match) as caught:
        check(data)
    assert len(str(caught.value)) < 400


def test_22_a_hundred_thousand_tensors_on_one_range_cost_no_memory() -> None:
    size = 4 * 2**20
    one = b'":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}' % (size, size)
    data = crafted(b"{" + b",".join(b'"%d' % n + one for n in range(100_000)) + b"}", bytes(size))
    started = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=r"at most 50,000 tensors|overlaps with"):
            load_numpy(data)
        assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < 20
    few = crafted({str(n): tensor("U8", [8], 0, 8) for n in range(1000)}, EIGHT)
    with pytest.raises(WeightsError, match="overlaps with"):
        load_numpy(few)


GIVEN = {"fc.weight": np.ones((3, 4), np.float32), "fc.bias": np.zeros(3, np.float32)}
EXPECTED: Expected = {"fc.weight": ("F32", (3, 4)), "fc.bias": ("F32", (3,))}


def changed(**tensors: np.ndarray[Any, Any] | None) -> bytes:
    merged = {**GIVEN, **{name.replace("_", "."): array for name, array in tensors.items()}}
    return save({name: array for name, array in merged.items() if array is not None})


def test_23_the_expected_tensors_are_taken() -> None:
    loaded = load_numpy(save(GIVEN), EXPECTED)
    assert all(np.array_equal(loaded[name], GIVEN[name]) for name in GIVEN)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (changed(fc_bias=None), "missing 'fc.bias'"),
        (changed(extra=np.zeros(1)), "unknown 'extra'"),
        (changed(fc_weight=np.ones((4, 3), np.float32)), r"'fc.weight' as F32 \(3, 4\) \(found F32 \(4, 3\)\)"),
        (changed(fc_weight=np.ones((3, 4), np.float16)), r"'fc.weight' as F32 \(3, 4\) \(found F16 \(3, 4\)\)"),
        (changed(fc_weight=np.ones((43, 4), np.float32)), r"\(found F32 \(43, 4\)\)"),
        (changed(fc_bias=None, x=np.zeros(1), fc_weight=np.ones(1)), "missing 'fc.bias'; unknown 'x'; expected 'fc.w"),
    ],
)
def test_23_what_the_model_does_not_expect_is_refused_and_all_is_told(data: bytes, match: str) -> None:
    with pytest.raises(WeightsError, match=match):
        check(data, EXPECTED)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "c8"])
def test_23_weights_that_are_not_finite_are_refused(value: float, kind: str) -> None:
    array = np.zeros((2, 3), kind)
    array[1, 1] = value
    data = save({"a": array})
    with pytest.raises(WeightsError, match="'a': expected finite weights, found NaN or infinity at value 4"):
        check(data)
    assert check(data, allow_nonfinite=True)["a"].shape == (2, 3)


def test_23_the_last_value_of_a_large_tensor_is_looked_at_too() -> None:
    array = np.zeros(2**20 + 5, np.float32)
    array[-1] = math.nan
    with pytest.raises(WeightsError, match="at value 1,048,580"):
        check(save({"a": array}))


def test_23_bfloat16_is_checked_and_not_given_to_numpy() -> None:
    head = {"a": tensor("BF16", [2], 0, 4)}
    assert check(crafted(head, b"\x80\x3f\x00\xc0"))["a"].dtype == "BF16"
    for bad in (b"\x80\x7f", b"\x80\xff", b"\xc0\x7f"):
        with pytest.raises(WeightsError, match="finite"):
            check(crafted(head, b"\x80\x3f" + bad))
    with pytest.raises(WeightsError, match="BF16"):
        load_numpy(crafted(head, bytes(4)))


def test_the_library_would_take_some_of_what_is_refused() -> None:
    """Why there is a check of our own: these pass the library."""
    taken = []
    for case, (data, _) in HEADERS.items():
        try:
            safetensors.deserialize(data)
        except safetensors.SafetensorError:
            continue
        taken.append(case)
    assert {"a boolean of 2", "duplicate tensors"} & set(taken)


@pytest.mark.slow
@pytest.mark.skipif(not TORCH.exists(), reason="needs the torch image's environment")
def test_the_tensors_of_resnet18_are_those_of_torchvision() -> None:
    program = (
        "import json, torchvision\n"
        "state = torchvision.models.resnet18(num_classes=43).state_dict()\n"
        "names = {'torch.float32': 'F32', 'torch.int64': 'I64'}\n"
        "print(json.dumps({n: [names[str(t.dtype)], list(t.shape)] for n, t in state.items()}))"
    )
    done = subprocess.run([str(TORCH), "-c", program], capture_output=True, text=True, check=True)
    theirs = {name: (dtype, tuple(shape)) for name, (dtype, shape) in json.loads(done.stdout).items()}
    assert architectures.expected("resnet18", 43) == theirs
    assert len(theirs) == 122


def test_an_architecture_that_is_not_known_expects_nothing() -> None:
    assert architectures.expected("two-layers", 3) is None
    assert sys.modules.get("torch") is None
