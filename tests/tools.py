"""Brings an S3 server for the tests: versitygw built with go where there is go, else moto's in an environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
SERVERS = ("versitygw", "weed", "minio")


def main() -> None:
    """Does nothing when a server is there."""
    tools = ROOT / ".venvs" / "tools" / "bin"
    path = f"{tools}:{os.environ['PATH']}"
    if any(shutil.which(server, path=path) for server in SERVERS):
        return
    if shutil.which("go"):
        print(f"building {VERSITYGW} with go, about two minutes", flush=True)
        if (
            subprocess.run(
                ["go", "install", VERSITYGW], env={**os.environ, "GOBIN": str(tools)}, check=False
            ).returncode
            == 0
        ):
            return
        print("go could not build it", flush=True)
    print("no S3 server and no go: the tests take moto's server instead", flush=True)
    moto = ROOT / ".venvs" / "moto"
    raise SystemExit(
        subprocess.run([sys.executable, "images/environment.py", "moto", str(moto)], cwd=ROOT, check=False).returncode
    )


if __name__ == "__main__":
    main()
