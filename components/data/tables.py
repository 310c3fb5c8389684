"""Rows of plain values in Parquet files: the same rows give the same bytes, and a foreign file is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from components import parquet
from components.errors import DatasetError

MAX_ROWS = 5_000_000

Row = TypeVar("Row")

Single = float
"""Annotates a field that is kept as float32; a plain ``float`` is kept as float64."""


def write(rows: Sequence[Row], kind: type[Row], path: Path) -> None:
    """Writes rows of one dataclass, of texts, numbers and flags; its fields are the columns, in their order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(kind)
    columns = {name: [getattr(row, name) for row in rows] for name in schema.names}
    pq.write_table(pa.table(columns, schema=schema), path, compression="zstd", store_schema=False)


def read(path: Path, kind: type[Row]) -> list[Row]:
    """Reads what ``write`` wrote.

    Raises:
        DatasetError: It is no Parquet, has other columns, or more rows or bytes than a dataset may have.
    """
    rows: list[Row] = []
    with parquet.reading(path.name, DatasetError), parquet.open_file(path) as file:
        _check_footer(file, kind, path)
        for piece in parquet.pieces(file):
            rows += [kind(*values) for values in zip(*piece.to_pydict().values(), strict=True)]
    return rows


def _check_footer(file: Any, kind: type, path: Path) -> None:
    """Refuses a foreign file before a page of it is read."""
    expected, found = _schema(kind), parquet.schema(file)
    if not found.equals(expected):
        names = ", ".join(f"{f.name} {f.type}" for f in found)
        raise DatasetError(f"{path.name}: expected the columns {', '.join(expected.names)}, found {names[:500]}")
    if file.metadata.num_rows > MAX_ROWS:
        raise DatasetError(f"{path.name}: expected at most {MAX_ROWS} rows, found {file.metadata.num_rows}")


def _schema(kind: type) -> Any:
    import pyarrow as pa

    types = {"int": pa.int32(), "str": pa.string(), "float": pa.float64(), "Single": pa.float32(), "bool": pa.bool_()}
    return pa.schema([pa.field(f.name, types[str(f.type)], nullable=False) for f in fields(kind)])
