"""Parquet files that mean harm, through every reader of the house: refused before they are unpacked."""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components import parquet
from components.capture import dataset, records
from components.data import tables
from components.data.index import Row
from components.errors import InputError, RoadworthyError
from components.fullgrad import selection
from components.report import explanations, verdicts

LONG = "x" * 1_000_000
ROWS = 100_000  # of a text of a megabyte: 100 GB in a file of some hundred kilobytes

WHEN = pa.timestamp("us", tz="UTC")
FLAGGED = {
    "violation": str,
    "event_id": str,
    "inference_id": str,
    "time": WHEN,
    "class": int,
    "label": str,
    "score": float,
}
KINDS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
EMPTY = {pa.string(): "", pa.int64(): 0, pa.float64(): 0.0, pa.bool_(): False, pa.int32(): 0, pa.float32(): 0.0}


def column(kind: Any, count: int, bomb: bool) -> Any:
    """A column of one value; as a bomb, of one long text."""
    value = LONG if bomb and pa.types.is_string(kind) else EMPTY.get(kind, 0)
    if pa.types.is_string(kind):
        return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([value]))
    return pa.array([value] * count, kind)


def written(path: Path, schema: Any, count: int = ROWS, bomb: bool = True) -> None:
    """Writes a file of a schema whose every text is the same long one."""
    columns = {field.name: column(field.type, count, bomb) for field in schema}
    table = pa.table(columns, schema=pa.schema([f.with_type(columns[f.name].type) for f in schema]))
    pq.write_table(table, path, compression="zstd", store_schema=False)


def flagged_schema() -> Any:
    return pa.schema([(name, KINDS.get(kind, kind)) for name, kind in FLAGGED.items()])


def explained_schema() -> Any:
    texts = ("event_id", "inference_id", "violations", "label", "original_label", *explanations._FILES)
    kinds = {**dict.fromkeys(texts, pa.string()), "class": pa.int64(), "original_class": pa.int64()}
    kinds |= dict.fromkeys(("same", "alert", "original_alert"), pa.bool_())
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in (*explanations._COLUMNS, *explanations._FILES)])


READERS: dict[str, tuple[str, Callable[[], Any], Callable[[Path], Any]]] = {
    "a dataset's index": (
        "index.parquet",
        lambda: tables._schema(Row),
        lambda f: tables.read(f / "index.parquet", Row),
    ),
    "captured records": ("index.parquet", dataset._schema, records.read),
    "flagged records, for the report": ("flagged.parquet", flagged_schema, lambda f: [*verdicts.read_flagged(f)]),
    "flagged records, for FullGrad": (
        "flagged.parquet",
        flagged_schema,
        lambda f: selection.choose(f, 10, selection.Counts()),
    ),
    "explanations": ("index.parquet", explained_schema, explanations.read),
}


@pytest.mark.parametrize("name", READERS)
def test_a_text_that_is_stored_once_and_stands_in_every_row_is_refused_in_bounded_memory(
    name: str, tmp_path: Path
) -> None:
    file, schema, read = READERS[name]
    written(tmp_path / file, schema(), 1_900 if name == "explanations" else ROWS)
    assert (tmp_path / file).stat().st_size < 4_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RoadworthyError, match="bytes of text"):
        read(tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 1024


@pytest.mark.parametrize("name", READERS)
def test_another_schema_and_damage_anywhere_are_refused_by_name(name: str, tmp_path: Path) -> None:
    file, schema, read = READERS[name]
    path = tmp_path / file
    pq.write_table(pa.table({"event_id": [1, 2], "other": ["a", "b"]}), path)
    with pytest.raises(RoadworthyError, match="expected"):
        read(tmp_path)
    written(path, schema(), 20, bomb=False)
    whole = path.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with suppress(RoadworthyError):  # or it is read: a byte of a value was changed
            read(tmp_path)
    for at in (0, 3, 4, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        path.write_bytes(whole[:at])
        with pytest.raises(RoadworthyError, match="expected"):
            read(tmp_path)


def test_what_another_machine_wrote_with_its_bytes_the_other_way_round_is_read_as_what_it_says(tmp_path: Path) -> None:
    """Parquet has one order of bytes and .npy says its own, so nothing is ever read the wrong way round."""
    import io

    import numpy as np

    from components.errors import RequestError
    from components.serve.protocols import npy

    buffer = io.BytesIO()
    np.save(buffer, np.arange(12, dtype=">u2").reshape(2, 2, 3))
    with pytest.raises(RequestError, match="dtype"):
        npy.read(buffer.getvalue())
    written(tmp_path / "flagged.parquet", flagged_schema(), 3, bomb=False)
    assert len([*verdicts.read_flagged(tmp_path)]) == 3


@pytest.mark.slow
def test_a_column_of_three_gigabytes_of_zeros_is_refused_by_what_its_footer_says(tmp_path: Path) -> None:
    path, schema = tmp_path / "big.parquet", pa.schema([("n", pa.int64())])
    zeros = pa.table({"n": pa.array([0] * 1_000_000, pa.int64())}, schema=schema)
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False) as writer:
        for _ in range(300):
            writer.write_table(zeros)
    assert path.stat().st_size < 3_000_000
    with pytest.raises(InputError, match="bytes of columns"):
        parquet.open_file(path)


def test_reading_in_pieces_gives_what_reading_at_once_gives(tmp_path: Path) -> None:
    rows = {"text": ["a", None, "ü", "a"] * 9_000, "n": [*range(36_000)], "flag": [True, None, False, True] * 9_000}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    with parquet.open_file(tmp_path / "a.parquet") as file:
        assert parquet.schema(file) == pq.read_schema(tmp_path / "a.parquet")
        found = [piece.to_pydict() for piece in parquet.pieces(file, rows=5_000)]
    assert {name: [one for piece in found for one in piece[name]] for name in rows} == rows
