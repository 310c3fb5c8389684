"""The object store's credentials in the pods of KFP: what the Argo target says with one ``envFrom``.

Stages read captured traffic and models from a bucket themselves, beside what KFP's launcher brings them. Where the
cloud gives pods their rights, there is no such Secret, and none is needed: each key is optional.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

SECRET = "roadworthy-storage"  # noqa: S105 - a name
KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "ROADWORTHY_S3_TIMEOUT",
)
"""Of the Secret, and what they are called in a step's environment (manifests/README.md)."""


def reached(content: Sequence[Any]) -> list[Any]:
    """Returns an IR file's documents whose steps find the store's credentials; a variable that a step has stays."""
    documents = copy.deepcopy(list(content))
    if len(documents) == 1:
        documents.append({"platforms": {"kubernetes": {}}})
    kubernetes = documents[1]["platforms"].setdefault("kubernetes", {})
    placed = kubernetes.setdefault("deploymentSpec", {}).setdefault("executors", {})
    for label, executor in documents[0]["deploymentSpec"]["executors"].items():
        if "container" in executor:
            wanted = placed.setdefault(label, {})
            known = {key["envVar"] for one in wanted.get("secretAsEnv", []) for key in one["keyToEnv"]}
            if missing := [key for key in KEYS if key not in known]:
                wanted.setdefault("secretAsEnv", []).append(_secret(missing))
    return documents


def _secret(keys: Sequence[str]) -> dict[str, Any]:
    # As kfp-kubernetes writes it, the older field for backends before 2.5 too.
    return {
        "keyToEnv": [{"envVar": key, "secretKey": key} for key in keys],
        "optional": True,
        "secretName": SECRET,
        "secretNameParameter": {"runtimeValue": {"constant": SECRET}},
    }
