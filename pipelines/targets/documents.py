"""YAML as the IR needs it: plain data, no aliases, no duplicate keys."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from components.errors import PipelineError

LIMIT = 16 << 20
"""Bytes an IR file may have; Kubernetes refuses objects over 3 MiB anyway."""


class _Loader(yaml.SafeLoader):
    """A safe loader that also refuses what a compiled pipeline never holds and an attack would."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        # Nested aliases make a small file explode in memory ("billion laughs").
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("expected no aliases, found one")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.YAMLError(f"expected text as a key, found {key!r}{key_node.start_mark}")
            if key in seen:
                raise yaml.YAMLError(f"expected each key once, found {key!r} twice{key_node.start_mark}")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


# Dates are text to JSON, and so to KFP.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _OwnLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """For what this process wrote itself: nobody attacks, and libyaml reads it ten times as fast."""


_OwnLoader.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def load(text: str, source: str, *, own: bool = False) -> list[Any]:
    """Reads YAML documents of plain JSON data.

    Args:
        text: The documents.
        source: What to call them in errors.
        own: This process wrote them itself a moment ago.

    Raises:
        PipelineError: For anything but plain data: broken YAML, aliases, duplicate keys, tags, nan.
    """
    try:
        documents = list(yaml.load_all(text, Loader=_OwnLoader if own else _Loader))
        json.dumps(documents, allow_nan=False)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise PipelineError(f"{source}: expected YAML of plain data, found: {' '.join(str(error).split())}") from None
    return documents


def load_file(path: Path, what: str = "a compiled pipeline") -> list[Any]:
    """Reads the YAML documents of a file of at most ``LIMIT`` bytes (see ``load``); ``what`` it is, for errors."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise PipelineError(f"{path}: expected {what}, found {error.strerror}") from None
    if len(content) > LIMIT:
        raise PipelineError(f"{path}: expected at most {LIMIT} bytes, found more")
    try:
        return load(content.decode(), str(path))
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path}: expected UTF-8, found {error.reason} at byte {error.start}") from None


def dump(documents: list[Any], heading: str) -> str:
    """Writes YAML documents so that equal data gives equal bytes; ``heading`` becomes a comment at the top."""
    comments = "".join(f"# {line}".rstrip() + "\n" for line in heading.splitlines())
    parts = [yaml.safe_dump(document, sort_keys=True, width=4096, default_flow_style=False) for document in documents]
    return comments + "---\n".join(parts)
