"""The folder over which whoever deploys, supervises and undeploys a server agree.

==================  ========================================================================================
``lock``            held (flock) by the supervisor as long as it lives: who can take it knows that none does
``stop``            asks the supervisor to stop; a file works across containers, and cannot hit a stranger
``status.json``     what the supervisor sees: its pid, the server's pid, restarts, state
``endpoint.json``   what was deployed
``server.log``      what the server and its supervisor had to say
``model/``          the unpacked archive
``spool/``          captured records on their way
==================  ========================================================================================
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from components.whole import replacing

LOG_TAIL_BYTES = 16 * 1024


class State:
    """The paths in a state folder, and what is written to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.stop = self.folder / "stop"
        self.status = self.folder / "status.json"
        self.endpoint = self.folder / "endpoint.json"
        self.log = self.folder / "server.log"
        self.model = self.folder / "model"
        self.spool = self.folder / "spool"

    def lock(self, timeout: float = 0.0) -> int | None:
        """Returns the descriptor of the lock, now held, or None if another holds it ``timeout`` seconds long.

        The lock belongs to the descriptor: a process that inherits it holds the lock when this one is gone.
        """
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return None
                time.sleep(0.1)
            else:
                return descriptor

    def is_free(self) -> bool:
        """Returns whether no supervisor lives."""
        descriptor = self.lock()
        if descriptor is None:
            return False
        os.close(descriptor)
        return True

    def read(self, path: Path) -> dict[str, Any]:
        """Returns a JSON object, empty if there is none."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, path: Path, content: dict[str, Any]) -> None:
        """Writes a JSON object, whole or not at all."""
        with replacing(path) as partial:
            partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def last_words(self, lines: int = 5) -> str:
        """Returns the last lines of the log in one."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - LOG_TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            text = ""
        said = [line.strip() for line in text.splitlines() if line.strip()]
        return " | ".join(said[-lines:]) or "nothing"
