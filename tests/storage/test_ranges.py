"""Ranges of files: just the bytes asked for, in every kind of place."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import StorageError
from components.storage import Place

DATA = bytes(range(256)) * 4


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 1100), length=st.integers(0, 1100))
def test_a_range_is_that_slice_of_the_file_or_an_error(folder: Place, start: int, length: int) -> None:
    file = folder.child("file")
    file.write_bytes(DATA)
    if start + length <= len(DATA):
        assert file.read_range(start, length) == DATA[start : start + length]
    elif length:
        with pytest.raises(StorageError, match=f"expected {length} bytes from {start}|reading"):
            file.read_range(start, length)


def test_of_a_file_that_is_not_there_there_are_no_ranges(folder: Place) -> None:
    with pytest.raises(StorageError, match="reading"):
        folder.child("none").read_range(0, 1)
