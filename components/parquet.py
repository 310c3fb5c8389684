"""Reading Parquet files that a stranger may have made: in pieces, and no more text than is expected.

A text that is the same in every row is stored once, so a file of a few kilobytes can hold rows that are worth
terabytes; neither its size nor its footer tell (Parquet's encodings: PLAIN_DICTIONARY, RLE). Here texts stay the
numbers of their dictionary until it is known how long they are together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.errors import InputError

MOST_TEXT = 256 * 1024 * 1024
"""Bytes of text in one piece: 16 KiB a row in pieces of 16,384 rows."""

MOST_BYTES = 2 * 1024**3
"""Bytes of a file's columns, unpacked but with each dictionary counted once, as its footer says."""


@contextmanager
def reading(what: str, kind: type[InputError] = InputError) -> Iterator[None]:
    """Turns all that a file can do wrong within into one line about ``what``.

    Args:
        what: The file, as its reader calls it.
        kind: The reader's own error, which passes through as it is.

    Raises:
        InputError: Of that kind.
    """
    import pyarrow as pa

    try:
        yield
    except kind:
        raise
    except (pa.ArrowException, OSError) as error:
        raise kind(f"{what}: expected Parquet, found {type(error).__name__}: {error}") from None
    except InputError as error:
        raise kind(f"{what}: {error}") from None


def open_file(path: Path) -> Any:
    """Opens a file as ``pyarrow.parquet.ParquetFile``, its texts left in their dictionaries.

    Raises:
        InputError: It is no plain file, or unpacks to more than ``MOST_BYTES``.
        pyarrow.ArrowException: It is no Parquet.
        OSError: It cannot be read.
    """
    import pyarrow.parquet as pq

    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise InputError(f"{path.name}: expected a file, found none")
    with pq.ParquetFile(path) as file:
        footer, names = file.metadata, _texts(file.schema_arrow)
    size = sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))
    if size > MOST_BYTES:
        raise InputError(f"{path.name}: expected at most {MOST_BYTES} bytes of columns, found {size}")
    return pq.ParquetFile(path, read_dictionary=names)


def schema(file: Any) -> Any:
    """Returns the columns of a file that ``open_file`` opened, its texts as texts."""
    import pyarrow as pa

    plain = [field.with_type(_plain(field.type)) for field in file.schema_arrow]
    return pa.schema(plain)


def pieces(file: Any, columns: Sequence[str] | None = None, rows: int = 16_384) -> Iterator[Any]:
    """Yields record batches of at most ``rows`` rows, texts as texts.

    Args:
        file: As ``open_file`` opened it.
        columns: Which; None for all.
        rows: Of a piece.

    Raises:
        InputError: A piece's texts are together longer than ``MOST_TEXT``.
        pyarrow.ArrowException: The file is damaged.
    """
    import pyarrow as pa

    for batch in file.iter_batches(rows, columns=None if columns is None else list(columns)):
        if (length := sum(_length(column) for column in batch.columns)) > MOST_TEXT:
            raise InputError(f"expected at most {MOST_TEXT} bytes of text in {rows} rows, found {length}")
        arrays = [column.cast(_plain(column.type)) for column in batch.columns]
        yield pa.record_batch(arrays, names=batch.schema.names)


def _texts(columns: Any) -> list[str]:
    import pyarrow as pa

    return [field.name for field in columns if pa.types.is_string(field.type)]


def _plain(kind: Any) -> Any:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _length(column: Any) -> int:
    """Returns the bytes of a column's texts once they are spelled out; 0 for numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return 0
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(pc.sum(lengths).as_py() or 0)
