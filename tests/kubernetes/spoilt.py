"""Wrong samples: objects with one thing changed, as a small file says it."""

from __future__ import annotations

from typing import Any


def spoilt(documents: list[Any], sample: dict[str, Any]) -> list[Any]:
    """Returns the objects after one change.

    Args:
        documents: Changed as well.
        sample: ``in`` (``Deployment/name``), ``at`` (keys and indices with dots between them; empty for the object),
            ``to`` (the new value; null takes away what is there).
    """
    names = [f"{one['kind']}/{one['metadata']['name']}" for one in documents]
    place: Any = documents
    last: Any = names.index(sample["in"])
    for step in str(sample["at"]).split(".") if sample["at"] else ():
        place, last = place[last], int(step) if step.isdigit() else step
    if sample["to"] is None:
        del place[last]
    elif isinstance(place, list):
        place[last : last + 1] = [sample["to"]]
    else:
        place[last] = sample["to"]
    return documents
