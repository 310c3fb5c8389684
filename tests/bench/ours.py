"""The trivial model behind components.serve; run with the torch environment's Python."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import trivial_model

from components.capture.writer import CaptureWriter
from components.images import Preprocessing
from components.serve import transport
from components.serve.app import Server
from components.serve.loading import Loaded
from components.serve.program import bind
from components.serve.runtimes.labelled import Labelled


class Trivial(Labelled):
    platform = "trivial"

    def __init__(self) -> None:
        super().__init__([f"sign {number}" for number in range(trivial_model.CLASSES)])
        self.preprocessing = Preprocessing(trivial_model.SIDE, trivial_model.SIDE)

    def prepare(self, image: Any) -> Any:
        return self.preprocessing.resize(image)

    def predict(self, batch: Any) -> Any:
        return trivial_model.scores(batch)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--capture-to", default="")
    parser.add_argument("--spool", type=Path)
    args = parser.parse_args()
    capture = None
    if args.capture_to:
        capture = CaptureWriter(args.capture_to, "trivial", sampling_percentage=100, spool=args.spool)
    server = Server(Loaded("trivial", "1", "", Trivial()), "trivial", capture=capture)
    # One process with and without capture: two of the same code differ by some percent, as memory falls out.
    signal.signal(signal.SIGUSR1, lambda *_: setattr(server.gate, "capture", capture))
    signal.signal(signal.SIGUSR2, lambda *_: setattr(server.gate, "capture", None))
    listening = bind("127.0.0.1", args.port)
    config = transport.configuration(server, "127.0.0.1", args.port, "warning")
    transport.settle()
    transport.DrainingServer(config, server, 0.0).run(sockets=[listening])


if __name__ == "__main__":
    main()
