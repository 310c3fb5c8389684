"""uvicorn's server and its settings, with a shutdown that drains."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import uvicorn
from starlette.types import ASGIApp

from components.serve.connection import BoundedProtocol
from components.serve.limits import Limits

DRAIN_SECONDS = 20
"""For requests at work when the server is asked to stop; with the capture's 5 it stays below SageMaker's 30."""

_LOOK = 0.5  # seconds between looks for the parent, while a model is loaded


class Server(Protocol):
    """What is served: ``serve.app.Server`` is one, ``serve.sink.app.Sink`` another."""

    limits: Limits

    def application(self) -> ASGIApp:
        """Returns the ASGI application."""

    def drain(self) -> None:
        """Says that it is not ready any more; it still answers."""


class DrainingServer(uvicorn.Server):
    """uvicorn's server that says it is not ready before it stops listening, and then finishes what it has begun.

    Args:
        config: uvicorn's.
        server: Its ``ready`` goes false at the first SIGTERM or SIGINT; a second one stops at once.
        drain_delay: Seconds to go on listening after that: until load balancers have looked, and whatever was already
            under way on a connection has been read.
        parent: Process that the server must not outlive, if any.
    """

    def __init__(self, config: uvicorn.Config, server: Server, drain_delay: float, parent: int | None = None) -> None:
        super().__init__(config)
        self._server = server
        self._delay = drain_delay
        self._parent = parent
        self._asked: float | None = None

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begins to drain. The signal is not raised again afterwards: a drained server ends well."""
        del sig, frame
        if self._asked is not None:
            self.force_exit = self.should_exit = True
        else:
            self._asked = time.monotonic()
            self._server.drain()

    async def on_tick(self, counter: int) -> bool:
        """Looks whether it is time to stop listening."""
        if self._parent is not None and self._asked is None and os.getppid() != self._parent:
            self.handle_exit(signal.SIGTERM, None)
        if self._asked is not None and time.monotonic() - self._asked >= self._delay:
            self.should_exit = True
        return await super().on_tick(counter)


@contextmanager
def not_outliving(parent: int | None) -> Iterator[None]:
    """Ends this process if ``parent`` is gone while the block runs: loading a model may take a minute.

    Args:
        parent: The process that started this one; None for whoever it was.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK):
            if os.getppid() != parent:
                os._exit(1)

    if parent is not None:
        threading.Thread(target=watch, name="parent", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def settle() -> None:
    """Tells the garbage collector that what is loaded stays, and to look seldom: requests leave no cycles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


def configuration(server: Server, host: str, port: int, log_level: str) -> uvicorn.Config:
    """Returns uvicorn's settings for a server."""
    protocol = type("Protocol", (BoundedProtocol,), {"limits": server.limits})
    return uvicorn.Config(
        server.application(),
        host=host,
        port=port,
        loop="uvloop",
        http=protocol,
        ws="none",
        lifespan="on",
        log_level=log_level,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=2048,
        timeout_keep_alive=server.limits.idle_seconds,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
