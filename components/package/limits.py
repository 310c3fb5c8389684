"""How large a model archive may become before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024
GIB = 1024 * MIB

CHUNK = 256 * 1024
"""Bytes read, hashed and written at a time: what bounds the memory of every pass over an archive."""


@dataclass(frozen=True)
class Limits:
    """What an archive may hold; the defaults leave room for any vision model and none for a bomb.

    Args:
        members: Files and folders.
        total: Bytes of the unpacked tar stream: contents, headers and padding together.
        file: Bytes of one file.
        ratio: Unpacked bytes for one packed byte, looked at from ``RATIO_FROM`` unpacked bytes on. Trained
            weights reach about 1.1; deflate itself cannot pass 1,032.
        name: Bytes of a name, in UTF-8.
    """

    members: int = 10_000
    total: int = 8 * GIB
    file: int = 4 * GIB
    ratio: int = 200
    name: int = 512


RATIO_FROM = 16 * MIB
"""Small archives may compress as well as they like: a few short files are mostly the tar format's zeros."""
