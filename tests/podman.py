"""Podman, where tests can have it: the image that their steps run in, and which containers there are."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

IMAGE = "localhost/roadworthy/probe:test"
MAKE_IT = "mmdebstrap --variant=minbase --include=python3 bookworm - | podman import - roadworthy/probe:test"


def podman(*args: str) -> subprocess.CompletedProcess[str]:
    """Asks podman."""
    return subprocess.run(["podman", *args], capture_output=True, text=True, timeout=120, check=False)


def why_not() -> str:
    """Returns why no step can run in ``IMAGE`` here; nothing if one can."""
    if not shutil.which("podman"):
        return "podman is not installed"
    if podman("image", "exists", IMAGE).returncode:
        return f"podman has no {IMAGE}: {MAKE_IT}"
    trial = podman("run", "--rm", "--network=host", IMAGE, "python3", "-c", "")
    said = trial.stderr.strip().splitlines() or ["no reason given"]
    return f"podman cannot run {IMAGE} here (CONTAINERS_CONF?): {said[-1]}" if trial.returncode else ""


def containers(folder: Path) -> list[str]:
    """Returns the containers, in any state, that a folder or something in it is mounted into."""
    found = json.loads(podman("ps", "--all", "--format", "json").stdout or "[]")
    return [one["Id"] for one in found if any(Path(mount).is_relative_to(folder) for mount in one["Mounts"] or ())]
