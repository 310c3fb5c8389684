"""What was applied before: the part of an object that a field manager applied, read from the object itself.

The API server keeps for each manager which fields it set (``metadata.managedFields``, FieldsV1), so what ran before can
be applied again as it was, without a copy kept anywhere: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]


def applied(live: Object, manager: str) -> Object | None:
    """Returns what ``manager`` last applied to an object, or None if it never did.

    Law: applying the answer again changes nothing.
    """
    for entry in live["metadata"].get("managedFields") or []:
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            found: Object = _kept(live, entry.get("fieldsV1") or {})
            found |= {"apiVersion": live["apiVersion"], "kind": live["kind"]}
            found["metadata"] = {**found.get("metadata", {}), "name": live["metadata"]["name"]}
            return found
    return None


def _kept(value: Any, fields: Mapping[str, Any]) -> Any:
    """Returns the part of a value that a set of fields names; a set that names none is the whole value."""
    inner = {path: below for path, below in fields.items() if path != "."}
    if not inner:
        # "." alone: the map or item is ours, what is in it is not. Nothing at all: a leaf.
        return ({} if isinstance(value, dict) else []) if fields else value
    if isinstance(value, dict):
        names = {path[2:]: below for path, below in inner.items() if path.startswith("f:")}
        return {name: _kept(value[name], below) for name, below in names.items() if name in value}
    return [one for item in value if (one := _item(item, inner)) is not None]


def _item(item: Any, inner: Mapping[str, Any]) -> Any:
    """Returns the part of an item of a list, or None if it is not ours: found by its keys, or its value in a set."""
    for path, below in inner.items():
        mark, _, text = path.partition(":")
        wanted = json.loads(text)
        if mark == "v" and wanted == item:
            return item
        if mark == "k" and isinstance(item, dict) and all(item.get(key) == one for key, one in wanted.items()):
            return {**wanted, **_kept(item, below)}
    return None
