"""The laptop's environments: what a lock file says, by uv, and by pip where uv fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys, pathlib
sys.path.insert(0, sys.argv[1])
import environment
environment.UV = pathlib.Path(sys.argv[2])
environment.LOCKS["small"] = environment.LOCKS["uv"]
environment.main("small", pathlib.Path(sys.argv[3]))
"""


def made(uv: Path, target: Path) -> str:
    command = [sys.executable, "-c", PROGRAM, str(ROOT / "images"), str(uv), str(target)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=240).stdout


@pytest.mark.slow
def test_where_uv_fails_pip_makes_the_environment_and_it_is_made_once(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\nexit 2\n")
    uv.chmod(0o755)
    uv.with_name("python").symlink_to(sys.executable)
    found = made(uv, tmp_path / "small")
    assert "uv ended with 2; pip makes it" in found
    assert subprocess.run([tmp_path / "small" / "bin" / "uv", "--version"], check=False).returncode == 0
    assert made(uv, tmp_path / "small") == ""
