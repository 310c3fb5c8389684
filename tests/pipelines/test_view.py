"""What a terminal is shown."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

HERE, ROOT = Path(__file__).parent, Path(__file__).resolve().parents[2]


def test_a_terminal_gets_one_table_kept_up_to_date(tmp_path):
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}", "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-m", "pipelines", "run", "pipeline_probes:chained"]
    done = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = bytearray()
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert done.wait() == 0
    assert b"\x1b[1A" in shown  # the cursor goes up: the table is drawn over
    table = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode().rpartition("\x1b[1A")[2])
    states = dict(line.split()[:2] for line in table.splitlines() if line.startswith("span"))
    assert states == {"span": "done", "span-2": "done"}
