"""Builds a folder of ``manifests/`` as ``kubectl apply -k`` would."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml
from pod_lint import Object

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C where PyYAML has it: a tenth of the time."""


def built(folder: Path) -> str:
    """Returns the YAML of a folder; skips the test where there is no kubectl.

    Raises:
        AssertionError: It cannot be built, with kustomize's message.
    """
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl: expected it on PATH to build kustomizations")
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise AssertionError(f"{folder}: {done.stderr.strip()}")
    return done.stdout


@cache
def text(folder: str) -> str:
    """Returns the YAML of a folder below ``manifests/``, built once."""
    return built(MANIFESTS / folder)


@cache
def objects(folder: str) -> list[Object]:
    """Returns the objects of a folder below ``manifests/``."""
    return list(yaml.load_all(text(folder), Loader=_Loader))
