"""The project's programs, run to their end in this environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def program(*arguments: object, module: str = "serve", **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs ``python -m components.<module>``; its output is text."""
    return subprocess.run(
        [sys.executable, "-m", f"components.{module}", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
