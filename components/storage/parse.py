"""From a URI to a place: a list of what is allowed, never of what is forbidden."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from components.errors import StorageError
from components.storage.base import Place, segments
from components.storage.local import LocalPlace
from components.storage.s3 import S3Place

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_EXPECTED = "expected file:///path, s3://bucket/key or a path"


def place(uri: str) -> Place:
    """Returns the place that a URI or path names; nothing is touched yet.

    A bare path is taken as the shell would, relative and with ``..``. A URI's key is refused with ``..``, ``//`` or
    control characters in it, so that what was built from somebody's names stays below the place it was built on.

    Raises:
        StorageError: Another scheme, a host or credentials in the URI, no bucket's name, or such a key.
    """
    if not uri or "\0" in uri:
        raise StorageError(f"{_EXPECTED}, found {uri[:200]!r}")
    matched = _SCHEME.match(uri)
    if matched is None:
        return LocalPlace(Path(os.path.abspath(os.path.expanduser(uri))))
    scheme, rest = matched[1].lower(), uri[matched.end() :]
    if scheme == "file" and rest.startswith("/"):
        return _file(rest)
    if scheme == "s3" and rest.startswith("//"):
        return _s3(rest[2:])
    raise StorageError(f"{_EXPECTED}, found {shown(uri)!r}")


def shown(uri: str) -> str:
    """Returns a URI fit for a message: without user, password and query."""
    return re.sub(r"\?.*", "?…", re.sub(r"//[^/]*@", "//…@", uri), flags=re.DOTALL)[:200]


def _file(rest: str) -> Place:
    host, slash, path = rest[2:].partition("/") if rest.startswith("//") else ("", "/", rest[1:])
    if host not in ("", "localhost") or not slash:
        raise StorageError(f"expected file:///path without a host, found {shown('file:' + rest)!r}")
    if re.search(r"[?#]|%2f", path, re.IGNORECASE):
        raise StorageError(f"expected a file URI without '?', '#' or an encoded '/', found {shown('file:' + rest)!r}")
    path = unquote(path, errors="surrogateescape").removesuffix("/")
    return LocalPlace(Path("/", *(segments(path) if path else [])))


def _s3(rest: str) -> Place:
    bucket, _, key = rest.partition("/")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise StorageError(f"expected s3://bucket/key with a bucket's name, found {shown('s3://' + rest)!r}")
    key = key.removesuffix("/")
    return S3Place(bucket, "/".join(segments(key)) if key else "")
