"""MXNet's parameter lists, and the ways in which one can lie; no MXNet is needed to see them."""

from __future__ import annotations

import struct
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components.errors import WeightsError
from components.package import params
from tests.package import detectors as made

KINDS = st.sampled_from([np.dtype(code) for code in made.CODES])
SHAPES = arrays.array_shapes(max_dims=4, max_side=4)


def finite(kind: Any, shape: Any) -> Any:
    return arrays.arrays(
        kind, shape, elements={"allow_nan": False, "allow_infinity": False} if kind.kind == "f" else {}
    )


ARRAYS = st.tuples(KINDS, SHAPES).flatmap(lambda of: finite(*of))
NAMES = st.builds("{}:{}".format, st.sampled_from(["arg", "aux"]), st.text(min_size=1, max_size=9).filter(str.isalnum))


@given(st.dictionaries(NAMES, ARRAYS, max_size=5), st.sampled_from([1, 2]))
def test_what_is_written_is_read_again(given_arrays: dict[str, Any], version: int) -> None:
    data = made.params(given_arrays, version)
    found = params.load_numpy(data)
    assert list(found) == list(given_arrays)
    for name, values in given_arrays.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)
    specifications = params.check(data)
    assert {name: array.shape for name, array in specifications.items()} == {n: a.shape for n, a in found.items()}


def test_the_bytes_of_the_file_cannot_be_changed_through_its_arrays() -> None:
    with pytest.raises(ValueError, match="read-only"):
        params.load_numpy(made.params(made.WEIGHTS))["arg:norm_beta"][0] = 1


def test_a_file_that_is_cut_anywhere_is_refused() -> None:
    data = made.params({"arg:a": np.arange(3, dtype=np.float32), "aux:b": np.ones((2, 2), np.float16)})
    for end in range(len(data)):
        with pytest.raises(WeightsError, match="expected"):
            params.check(data[:end])


@given(st.binary(max_size=120), st.booleans())
def test_any_bytes_are_refused_with_an_error_of_ours(data: bytes, begun: bool) -> None:
    with pytest.raises(WeightsError):
        params.check((made.HEAD if begun else b"") + data + b"\xff")


@given(st.data())
def test_a_byte_that_was_changed_never_gives_anything_but_weights_or_an_error_of_ours(data: st.DataObject) -> None:
    whole = bytearray(made.params(made.WEIGHTS))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = params.load_numpy(bytes(whole))
    except WeightsError:
        return
    assert all(np.isfinite(values).all() for values in found.values())


ONE = np.ones((2, 3), np.float32)
NAMED = made.names(b"arg:a")


def listed(body: bytes, count: int = 1, behind: bytes = NAMED) -> bytes:
    return made.HEAD + struct.pack("<Q", count) + body + behind


def shaped(*sides: int, count: int | None = None) -> bytes:
    sizes = struct.pack(f"<i{len(sides)}q", len(sides) if count is None else count, *sides)
    return struct.pack("<Ii", 0xF993FAC9, 0) + sizes + struct.pack("<iii", 1, 0, 0) + bytes(24)


def valued(value: float, kind: str = "<f4") -> bytes:
    return made.params({"arg:a": np.array([1, value, 3], kind)})


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "found 0 bytes"),
    "a pickle": (b"\x80\x04\x95" + bytes(30), "found a pickle"),
    "safetensors": (struct.pack("<Q", 2) + b"{}" + bytes(30), "expected weights as MXNet's parameter list"),
    "more arrays than bytes": (listed(b"", 2**63), "expected at most 50,000 arrays, found 9,223,372,036,854,775,808"),
    "an array too many": (listed(made.array(ONE), 2), "array 1: expected an array of version 1 or 2"),
    "an array too few": (listed(made.array(ONE) * 2), "expected 1 names for as many arrays"),
    "bytes behind": (listed(made.array(ONE)) + b"\0", "expected the end behind the names, found 1 bytes more"),
    "two lists": (listed(made.array(ONE)) * 2, "found 109 bytes more"),
    "an old array without magic": (listed(struct.pack("<III", 2, 2, 3) + bytes(40)), "version 1 or 2, found 0x2"),
    "an array of mxnet.numpy": (listed(struct.pack("<I", 0xF993FACA) + bytes(40)), "found one of mxnet.numpy's"),
    "a row-sparse array": (listed(made.array(ONE, storage=1)), "expected a dense array, found storage type 1"),
    "a csr array": (listed(made.array(ONE, storage=2)), "expected a dense array, found storage type 2"),
    "a storage type of -1": (listed(made.array(ONE, storage=-1)), "expected a dense array, found storage type -1"),
    "no sides": (listed(shaped()), "expected 1 to 32 sides, found 0"),
    "sides of -1": (listed(shaped(count=-1)), "expected 1 to 32 sides, found -1"),
    "two thousand million sides": (listed(shaped(count=2**31 - 1)), "expected 1 to 32 sides, found 2147483647"),
    "a side of 0": (listed(shaped(2, 0)), "expected sides of 1 and more"),
    "a side of -1": (listed(shaped(2, -1)), "expected sides of 1 and more"),
    "sides whose product overflows": (listed(shaped(2**32, 2**32)), r"fewer than 2\^48 values"),
    "two negative sides": (listed(shaped(-2, -3)), "expected sides of 1 and more"),
    "more values than bytes": (listed(shaped(2**40)), "expected 4,398,046,511,104 bytes of array 0"),
    "a device that is none": (listed(made.array(ONE, device=(9, 0))), "expected a device among cpu, gpu"),
    "a device of number -1": (listed(made.array(ONE, device=(2, -1))), "expected a device among .*found 2 -1"),
    "a data type that is none": (
        listed(shaped(2, 3).replace(struct.pack("<iii", 1, 0, 0), struct.pack("<iii", 1, 0, 99))),
        "expected a data type among .*found 99",
    ),
    "bfloat16": (
        listed(shaped(2, 3).replace(struct.pack("<iii", 1, 0, 0), struct.pack("<iii", 1, 0, 12))),
        "expected a data type among .*found 12",
    ),
    "no names": (listed(made.array(ONE), behind=made.names()), "expected 1 names for as many arrays, found 0"),
    "names beyond counting": (listed(made.array(ONE), behind=struct.pack("<Q", 2**64 - 1)), "expected 1 names"),
    "a name beyond the end": (
        listed(made.array(ONE), behind=struct.pack("<QQ", 1, 500)),
        "expected 500 bytes of a name",
    ),
    "a name of 2^63 bytes": (listed(made.array(ONE), behind=struct.pack("<QQ", 1, 2**63)), "at most 1,000 bytes"),
    "a name without prefix": (listed(made.array(ONE), behind=made.names(b"conv0.weight")), "expected names that begin"),
    "an empty name": (listed(made.array(ONE), behind=made.names(b"arg:")), "expected names that begin"),
    "a name that is no UTF-8": (listed(made.array(ONE), behind=made.names(b"arg:\xff")), "expected names in UTF-8"),
    "a name twice": (
        listed(made.array(ONE) * 2, 2, made.names(b"arg:a", b"arg:a")),
        "expected each name once, found 'arg:a' again",
    ),
    "NaN": (valued(float("nan")), "'arg:a': expected finite weights, found NaN or infinity at value 1"),
    "infinity": (valued(float("inf")), "expected finite weights"),
    "infinity in half precision": (valued(float("-inf"), "<f2"), "expected finite weights"),
    "NaN in double precision": (valued(float("nan"), "<f8"), "expected finite weights"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_parameter_list_is_refused_and_named(case: str) -> None:
    data, match = HOSTILE[case]
    with pytest.raises(WeightsError, match=match) as caught:
        params.check(data)
    assert len(str(caught.value)) < 500


def test_a_file_saved_on_a_gpu_is_read_as_any_other() -> None:
    found = params.load_numpy(listed(made.array(ONE, device=(2, 3))))
    np.testing.assert_array_equal(found["arg:a"], ONE)


def test_names_without_prefix_are_taken_where_they_are_asked_for() -> None:
    data = listed(made.array(ONE), behind=made.names(b"stages.0.weight"))
    np.testing.assert_array_equal(params.load_numpy(data, exported=False)["stages.0.weight"], ONE)
    with pytest.raises(WeightsError, match="expected names"):
        params.check(listed(made.array(ONE), behind=made.names(b"")), exported=False)


def test_fifty_thousand_equal_names_are_refused_quickly() -> None:
    body = made.array(np.zeros(1, np.float32)) * 50_000
    data = listed(body, 50_000, made.names(*[b"arg:a"] * 50_000))
    started = time.perf_counter()
    with pytest.raises(WeightsError, match="each name once"):
        params.check(data)
    assert time.perf_counter() - started < 5
