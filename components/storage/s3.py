"""Places in S3 buckets, over pyarrow's S3 client."""

from __future__ import annotations

import io
import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from components.errors import StorageError
from components.storage.base import Entry, Place, segments, whole

# Seconds without a byte until a connection counts as dead, in each of three attempts. A store that hangs is an error
# after half a minute; an upload to it after three quarters, because curl takes some six seconds more to see that
# nothing moves any longer. ROADWORTHY_S3_TIMEOUT sets another.
TIMEOUT = 8.0
# Uploads larger than this wait for their parts, so that they do not pile up in memory.
_WINDOW = 64 * 1024 * 1024
_READ = 8 * 1024 * 1024  # bytes a request: each read of the stream below is one GET of a range
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")


@dataclass(frozen=True)
class S3Place(Place):
    """An object or prefix of a bucket; an empty key is the bucket itself."""

    bucket: str
    key: str

    def __post_init__(self) -> None:
        if len(self.key.encode(errors="surrogatepass")) > 1024:
            raise StorageError(f"expected a key of at most 1024 bytes, found {self.key[:80]!r}…")

    @property
    def uri(self) -> str:
        """``s3://bucket/key``; keys are literal, nothing is encoded (as the AWS command line does it)."""
        return f"s3://{self._path}"

    @property
    def name(self) -> str:
        """The last segment of the key."""
        return self.key.rpartition("/")[2]

    @property
    def _path(self) -> str:
        return f"{self.bucket}/{self.key}" if self.key else self.bucket

    def _below(self, names: list[str]) -> Place:
        return S3Place(self.bucket, "/".join([self.key, *names] if self.key else names))

    def entries(self) -> list[Entry]:
        """Objects and prefixes; keys that ``child`` would refuse are left out, nobody could have written them here."""
        fs = _fs()
        with _errors("listing", self):
            found = _client().get_file_info(fs.FileSelector(self._path, allow_not_found=True))
            if not found and _client().get_file_info(self.bucket).type == fs.FileType.NotFound:
                raise OSError(f"no bucket {self.bucket}")
        entries = (self._entry(info, info.type == fs.FileType.Directory) for info in found)
        return sorted((entry for entry in entries if entry), key=_order)

    def _entry(self, info: Any, folder: bool) -> Entry | None:
        key = info.path.partition("/")[2]
        try:
            segments(key)
        except StorageError:
            return None
        return Entry(S3Place(self.bucket, key), info.size or 0, (info.mtime_ns or 0) / 1e9, folder)

    def exists(self) -> bool:
        """Whether there is an object of this key, or any below it."""
        fs = _fs()
        with _errors("looking for", self):
            return bool(_client().get_file_info(self._path).type != fs.FileType.NotFound)

    def open(self) -> IO[bytes]:
        """Opens the object; it is fetched in ranges as it is read."""
        with _errors("reading", self):
            # Without compression=None, pyarrow unpacks what is named *.gz.
            source = _client().open_input_stream(self._path, compression=None)
        return io.BufferedReader(_Stream(source, self), _READ)

    def read_range(self, start: int, length: int) -> bytes:
        """Asks for the object's size and then for the range."""
        with _errors("reading", self), _client().open_input_file(self._path) as source:
            data = bytes(source.read_at(length, start)) if length else b""
        return whole(data, start, length, self)

    def write_bytes(self, data: bytes) -> None:
        """Uploads the bytes, in one PUT up to 5 MiB or so and in parts above."""
        with _errors("writing", self):
            self._upload(memoryview(data))

    def put_file(self, local_path: Path, *, move: bool = False) -> None:
        """Uploads the file."""
        with _errors("writing", self):
            with local_path.open("rb") as source:
                # Mapped, not read in a loop: pyarrow's stream cannot be aborted, and one that were left behind after
                # a failed read would complete the upload with what it had.
                if os.fstat(source.fileno()).st_size == 0:
                    self._upload(memoryview(b""))
                else:
                    with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
                        self._upload(view)
            if move:
                local_path.unlink()

    def _upload(self, data: memoryview) -> None:
        stream = _client().open_output_stream(self._path, compression=None)
        for start in range(0, len(data), _WINDOW):
            with data[start : start + _WINDOW] as window:
                stream.write(window)
            if len(data) > _WINDOW:
                stream.flush()
        stream.close()

    def delete(self) -> None:
        """Deletes the object."""
        if self.exists():
            with _errors("deleting", self):
                _client().delete_file(self._path)


class _Stream(io.RawIOBase):
    """A pyarrow stream as a Python one whose errors are ours."""

    def __init__(self, source: Any, place: Place) -> None:
        self._source = source
        self._place = place

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _errors("reading", self._place):
            data: bytes = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        # The inherited one reads 8 KiB at a time, each a request.
        return b"".join(iter(lambda: self.read(_READ) or b"", b""))

    def close(self) -> None:
        self._source.close()
        super().close()


def _order(entry: Entry) -> str:
    return entry.place.name + "/" if entry.folder else entry.place.name


def _fs() -> Any:
    try:
        from pyarrow import fs
    except ImportError as error:  # also one that was built for another numpy than the environment's
        raise StorageError(f"s3:// places: expected a pyarrow that can be imported, found {error}") from None
    return fs


def _client() -> Any:
    ignored = os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    bundle = os.environ.get("AWS_CA_BUNDLE", "")
    keys = tuple(os.environ.get(name, "") for name in (*_SECRETS, "AWS_PROFILE"))
    return _connect("" if ignored else endpoint, region, bundle, _seconds(), keys)


@lru_cache(maxsize=4)
def _connect(endpoint: str, region: str, bundle: str, seconds: float, keys: tuple[str, ...]) -> Any:
    """Makes a client; ``keys`` are read by the client itself and only tell one set of settings from another."""
    del keys
    fs = _fs()
    options: dict[str, Any] = {"region": region or None, "tls_ca_file_path": bundle or None}
    if endpoint:
        options["scheme"], options["endpoint_override"] = _endpoint(endpoint)
    return fs.S3FileSystem(
        connect_timeout=min(seconds, 5.0),
        request_timeout=seconds,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=3),
        allow_delayed_open=True,  # small objects take one PUT instead of three requests
        **options,
    )


def _endpoint(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or "@" in parts.netloc:
        # The URL is not shown: someone may have put credentials into it.
        raise StorageError(
            "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL: expected http(s)://host[:port], found something else"
        )
    return parts.scheme, parts.netloc


def _seconds() -> float:
    text = os.environ.get("ROADWORTHY_S3_TIMEOUT", "")
    try:
        seconds = float(text) if text else TIMEOUT
    except ValueError:
        seconds = -1.0
    if not 0.1 <= seconds <= 3600:
        raise StorageError(f"ROADWORTHY_S3_TIMEOUT: expected seconds from 0.1 to 3600, found {text!r}")
    return seconds


@contextmanager
def _errors(doing: str, place: Place) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise StorageError(f"{doing} {place}: expected an object, found none of this key") from None
    except OSError as error:
        raise StorageError(f"{doing} {place}: found {_masked(str(error))}") from None


def _masked(message: str) -> str:
    for name in _SECRETS:
        if secret := os.environ.get(name):
            message = message.replace(secret, "…")
    return re.sub(r"(?i)(signature|credential|token)=[^&\s]+", r"\1=…", " ".join(message.split()))[:500]
