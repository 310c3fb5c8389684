"""What identifies an output, however long it took to make."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# What two undisturbed runs differ in: how long things took, what was named by lot, and on which port.
VOLATILE = {
    *("seconds", "predictions_per_second", "overhead", "images_per_second"),
    *("latency_p50_seconds", "latency_p99_seconds", "event_id", "estimated_seconds"),
}
_TOOK = re.compile(r"(?:\d+\smin\s)?\d[\d.,]*\s(?:µs|ms|s)\b|(?:&[lg]t;\s)?\d[\d.,]*\s% of that besides")
_INSTANT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def digest(path: Path) -> str | None:
    """Returns what identifies a file or folder with all that is in it, times taken left out; None where nothing is."""
    if not path.exists():
        return None
    found = hashlib.sha256()
    for one in [path, *sorted(path.rglob("*"))]:
        found.update(f"{one.relative_to(path)}\0{one.is_dir()}\0".encode())
        if one.is_file():
            found.update(hashlib.sha256(_steady(one.read_bytes())).digest())
    return found.hexdigest()


def _steady(content: bytes) -> bytes:
    """Returns what does not change from run to run; of half a text something is missing there too."""
    if content[:1] in (b"{", b"["):
        try:
            return json.dumps([_without(json.loads(line)) for line in _documents(content)]).encode()
        except ValueError:
            return content
    if content[:15].lower() == b"<!doctype html>":
        return _TOOK.sub("0", content.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    return _INSTANT.sub(b"T", content) if len(content) < 64 else content


def _documents(content: bytes) -> list[bytes]:
    lines = content.splitlines()
    return lines if len(lines) > 1 and lines[0].endswith(b"}") else [content]


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(one) for key, one in value.items() if key not in VOLATILE}
    return [_without(one) for one in value] if isinstance(value, list) else value
