"""A server as far as the capture is concerned: offers numbered exchanges until SIGTERM, and keeps a log of them.

Arguments: the place, the spool, the log. The log is written without a buffer, so that it survives a kill. In the end
the writer is closed and its statistics are printed as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from components.capture.record import Exchange
from components.capture.writer import CaptureWriter

RATE = 500  # a second


def main(place: str, spool: str, log: str) -> None:
    going = True

    def stop(*_: object) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, stop)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    writer = CaptureWriter(place, "signs", sampling_percentage=100, rotate_seconds=0.7, spool=Path(spool))
    body, number, began = os.urandom(3000), 0, time.monotonic()
    while going:
        now = time.time()
        exchange = Exchange(f"event-{number:08d}", now, body, "image/jpeg", b"[[14]]", "application/json")
        if writer.offer(exchange):
            os.write(descriptor, f"{number} {now}\n".encode())
        number += 1
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
    writer.close(10)
    print(json.dumps(writer.statistics()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
