"""JSON schemas of KServe's objects, from the tables of fields in the package ``kserve``, of which nothing is imported.

Each generated model there has two dictionaries, ``openapi_types`` and ``attribute_map``. Kubernetes' own types are left
as references into the definitions of ``kubernetes-validate``.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

KINDS = {
    ("serving.kserve.io/v1beta1", "InferenceService"): "V1beta1InferenceService",
    ("serving.kserve.io/v1alpha1", "ServingRuntime"): "V1alpha1ServingRuntime",
}

_PLAIN: dict[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "object": {},
    "ResourceQuantity": {"type": ["string", "integer"]},
}


def schema(api_version: str, kind: str, core: Schema) -> Schema:
    """Returns the closed schema of a kind.

    Args:
        api_version: As in the object.
        kind: As in the object.
        core: Kubernetes' definitions by their full names.

    Raises:
        KeyError: KServe has no such kind.
    """
    found: dict[str, Schema] = {}
    root = KINDS[api_version, kind]
    _add(root, found, core)
    return {"$ref": f"#/$defs/{root}", "$defs": found}


def _add(name: str, found: dict[str, Schema], core: Schema) -> None:
    if name in found:
        return
    types, spelled = _tables()[name]
    found[name] = {"type": "object", "additionalProperties": False}
    found[name]["properties"] = {spelled[key]: _type(one, found, core) for key, one in types.items()}


def _type(text: str, found: dict[str, Schema], core: Schema) -> Schema:
    if text in _PLAIN:
        return _PLAIN[text]
    if listed := re.fullmatch(r"list\[(.*)\]", text):
        return {"type": "array", "items": _type(listed[1], found, core)}
    if mapped := re.fullmatch(r"dict\(str, (.*)\)", text):
        return {"type": "object", "additionalProperties": _type(mapped[1], found, core)}
    if text in _tables():
        _add(text, found, core)
        return {"$ref": f"#/$defs/{text}"}
    full = _core(text, core)
    # A field that cannot be checked is refused.
    return {"$ref": f"/api/_definitions.json#/$defs/{full}"} if full else {"not": {}}


def _core(text: str, core: Schema) -> str:
    """The full name of a type of Kubernetes, V1Container's is io.k8s.api.core.v1.Container; empty if it is none."""
    parts = re.fullmatch(r"(?:K8sIoApi[A-Z][a-z]+)?V([0-9](?:(?:alpha|beta)[0-9])?)(\w+)", text)
    fitting = [full for full in core if parts and full.endswith(f".v{parts[1]}.{parts[2]}")]
    return min(fitting, key=lambda full: (".core." not in full, full), default="")


@lru_cache(maxsize=1)
def _tables() -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    spec = find_spec("kserve")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("kserve")
    found = {}
    for path in sorted(Path(spec.submodule_search_locations[0], "models").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                tables = [ast.literal_eval(one.value) for one in node.body if isinstance(one, ast.Assign)]
                if len(tables) >= 2:
                    found[node.name] = (tables[0], tables[1])
    return found
