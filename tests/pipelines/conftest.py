"""Compiles probe pipelines and runs their IR, each test in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from finished import Ran

from pipelines import parameters
from pipelines.targets import kfp
from pipelines.targets.local import backends, executor, view

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Compiles a pipeline and runs it on virtual environments: ``run(pipeline, workers=…, flag="yes")``."""

    def start(pipeline: Any, *, workers: int = 4, cache: bool = True, **given: Any) -> Ran:
        _, compiled = kfp.checked(pipeline)
        texts = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given.items()]
        options = executor.Options(tmp_path / "runs", workers, cache)
        values = parameters.resolve(texts, compiled)
        return Ran(executor.execute(compiled, values, backends.VenvBackend(), view.Silent(), options))

    return start


@pytest.fixture
def roadworthy(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the program ``roadworthy`` in an empty folder."""

    def start(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error::UserWarning", "-m", "pipelines", *args],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}", **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return start
