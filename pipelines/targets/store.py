"""What the pods of a run get out of Secrets: the object store's credentials, and the keys of signed models.

Stages read captured traffic and models from a bucket themselves, beside what KFP's launcher brings them. Where the
cloud gives pods their rights, there is no such Secret, and none is needed: each key is optional. So are those of the
Secret ``roadworthy-signing``, of which the private one is for the step alone that packs the model.

The Argo target says the store's with one ``envFrom``.
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Sequence
from typing import Any

from components.package import keys

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

SIGNING = "roadworthy-signing"
_PACK = ("python", "-m", "components.package", "pack")


def signing(command: Sequence[str]) -> tuple[str, ...]:
    """Returns the variables that a step gets out of the Secret ``SIGNING``, where they are keys of the same names.

    Each stage has the public key: it is no secret, and one that was forgotten would load what nobody signed.
    """
    if tuple(command[: len(_PACK)]) == _PACK:
        return (keys.PRIVATE, keys.PASSWORD)
    return (keys.PUBLIC,) if _is_stage(command) else ()


def signer(command: Sequence[str]) -> str:
    """Returns a digest of the key that a step on this machine signs with, empty for none; it decides what is packed."""
    key = os.environ.get(keys.PRIVATE, "") if keys.PRIVATE in signing(command) else ""
    return hashlib.sha256(key.encode()).hexdigest() if key else ""


def _is_stage(command: Sequence[str]) -> bool:
    return tuple(command[:2]) == _PACK[:2] and len(command) > 2 and command[2].startswith("components.")


def reached(content: Sequence[Any]) -> list[Any]:
    """Returns an IR file's documents whose steps find credentials and keys; a variable that a step has stays."""
    documents = copy.deepcopy(list(content))
    if len(documents) == 1:
        documents.append({"platforms": {"kubernetes": {}}})
    kubernetes = documents[1]["platforms"].setdefault("kubernetes", {})
    placed = kubernetes.setdefault("deploymentSpec", {}).setdefault("executors", {})
    for label, executor in documents[0]["deploymentSpec"]["executors"].items():
        if "container" in executor:
            wanted = placed.setdefault(label, {})
            known = {key["envVar"] for one in wanted.get("secretAsEnv", []) for key in one["keyToEnv"]}
            command = executor["container"].get("command", ())
            for name, variables in ((SECRET, KEYS), (SIGNING, signing(command))):
                if missing := [key for key in variables if key not in known]:
                    wanted.setdefault("secretAsEnv", []).append(_secret(name, missing))
    return documents


def _secret(name: str, variables: Sequence[str]) -> dict[str, Any]:
    # As kfp-kubernetes writes it, the older field for backends before 2.5 too.
    return {
        "keyToEnv": [{"envVar": key, "secretKey": key} for key in variables],
        "optional": True,
        "secretName": name,
        "secretNameParameter": {"runtimeValue": {"constant": name}},
    }
