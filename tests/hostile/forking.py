"""Runs many program calls from one warm process: each in a fork of its own, as ``python -m <module>`` would.

Started as a program in the environment of an image. Standard input holds one JSON object a line with ``module``,
``arguments``, ``folder`` and ``seconds``. For each, one line comes back on standard output with ``status`` (negative
for a signal, 124 for a call that was still running after its time), ``stdout``, ``stderr`` and ``megabytes``, the
call's largest resident set. What the modules import is loaded by their first call only, unless it is named as an
argument here.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any

TIME_OVER = 124


def main(preloaded: list[str]) -> None:
    """Answers calls until standard input ends."""
    for name in preloaded:
        with suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


def _answer(call: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if not child:
            _run(call, out.fileno(), errors.fileno())
        status, usage = _wait(child, call["seconds"])
        texts = []
        for stream in (out, errors):
            stream.seek(0)
            texts.append(stream.read(200_000).decode(errors="replace"))
    megabytes = usage.ru_maxrss / 1024 if usage else 0.0
    return {"status": status, "stdout": texts[0], "stderr": texts[1], "megabytes": megabytes}


def _run(call: dict[str, Any], out: int, errors: int) -> None:
    """Becomes the program; never returns."""
    os.setsid()
    os.chdir(call["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(errors, 2)
    sys.argv = [call["module"], *call["arguments"]]
    status = 1
    try:
        runpy.run_module(call["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _wait(child: int, seconds: float) -> tuple[int, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found, status, usage = os.wait4(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), usage
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    _, _, usage = os.wait4(child, 0)
    return TIME_OVER, usage


if __name__ == "__main__":
    main(sys.argv[1:])
