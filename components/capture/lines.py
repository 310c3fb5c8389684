"""Lines of a stream, none longer than a limit, whatever the stream holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

_CHUNK = 1 << 20


class TooLong:
    """Stands for a line over the limit; its bytes were skipped, not kept."""


TOO_LONG = TooLong()


def lines(stream: IO[bytes], limit: int) -> Iterator[tuple[bytes | TooLong, bool]]:
    r"""Yields each line without its ``\n``, and whether it had one (the last one of a cut file has none).

    At most ``limit`` bytes and one chunk of 1 MiB are held.
    """
    parts: list[bytes] = []
    size = 0
    while chunk := stream.read(_CHUNK):
        first, *others = chunk.split(b"\n")
        size += len(first)
        parts.append(first)
        if size > limit:
            parts.clear()
        if not others:
            continue
        yield (TOO_LONG if size > limit else b"".join(parts)), True
        for line in others[:-1]:
            yield (TOO_LONG if len(line) > limit else line), True
        parts, size = [others[-1]], len(others[-1])
    if size:
        yield (TOO_LONG if size > limit else b"".join(parts)), False
