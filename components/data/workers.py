"""Processes that share a stage's work, and end with it however it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def pool(workers: int, begin: Callable[..., None] | None = None, *given: Any) -> ProcessPoolExecutor:
    """Returns a pool of processes, spawned: a fork would copy the locks of whatever threads the libraries have started.

    Args:
        workers: Of them.
        begin: Called in each before its first job.
        given: To ``begin``.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(begin, given))


def _begin(begin: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    threading.Thread(target=_follow, daemon=True).start()
    if begin is not None:
        begin(*given)


def _follow() -> None:
    """Ends this process when its parent is gone: a killed one tells nobody, and its workers would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
