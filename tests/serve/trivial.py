"""A model that does nearly nothing, for tests of everything around a model; and a server over it as a program."""

from __future__ import annotations

import argparse
import socket
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from components.images import Preprocessing
from components.serve.app import Server
from components.serve.batching import Policy
from components.serve.limits import Limits
from components.serve.loading import Loaded
from components.serve.runtimes.detections import Detected
from components.serve.runtimes.labelled import Labelled

LABELS = tuple(f"sign {number}" for number in range(43))
SIDE = 32


class Trivial(Labelled):
    """Class = mean of the red channel // 6, with a score of 0.9; slow if told so, and failing on pure red."""

    platform = "trivial"

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(LABELS)
        self.preprocessing = Preprocessing(SIDE, SIDE)
        self.seconds = seconds
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def prepare(self, image: Any) -> Any:
        return self.preprocessing.resize(image)

    def predict(self, batch: Any) -> Any:
        self.gate.wait()
        time.sleep(self.seconds)
        self.batches.append(len(batch))
        means = batch[..., 0].mean(axis=(1, 2))
        if (means > 254).any():
            raise ValueError("a picture that this model chokes on")
        classes = np.minimum(means // 6, 42).astype(int)
        outputs = np.full((len(batch), 43), 0.1 / 42, np.float32)
        outputs[np.arange(len(batch)), classes] = 0.9
        return outputs


class Finding(Detected):
    """Detections that differ in number and class: as many as the mean of the red channel's last two bits say."""

    platform = "trivial"

    def __init__(self) -> None:
        super().__init__(LABELS[:4], 3)
        self.preprocessing = Preprocessing(SIDE, SIDE)

    def prepare(self, image: Any) -> Any:
        return self.preprocessing.resize(image)

    def predict(self, batch: Any) -> Any:
        found = np.full((len(batch), 3, 6), -1, np.float32)
        for rows, mean in zip(found, batch[..., 0].mean(axis=(1, 2)).astype(int), strict=True):
            for number in range(mean % 4):
                rows[number] = [(mean + number) % 4, 0.9 - 0.1 * number, 0.0, 0.25, 0.5, 1.0]
        return found


def loaded(runtime: Any) -> Loaded:
    return Loaded("trivial", "abc123", "sha256:" + "0" * 64, runtime)


def main() -> None:
    from components.capture.writer import CaptureWriter
    from components.serve import transport

    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--detector", action="store_true")
    parser.add_argument("--capture-to", default="")
    parser.add_argument("--spool", type=Path)
    parser.add_argument("--drain-delay", type=float, default=0.5)
    parser.add_argument("--header-seconds", type=float, default=10.0)
    parser.add_argument("--body-seconds", type=float, default=30.0)
    parser.add_argument("--idle-seconds", type=float, default=75.0)
    args = parser.parse_args()
    capture = None
    if args.capture_to:
        capture = CaptureWriter(args.capture_to, "trivial", sampling_percentage=100, spool=args.spool, rotate_seconds=5)
    limits = Limits(header_seconds=args.header_seconds, body_seconds=args.body_seconds, idle_seconds=args.idle_seconds)
    model = Finding() if args.detector else Trivial(args.seconds)
    server = Server(loaded(model), "trivial", Policy(), limits, capture)
    listening = socket.socket(fileno=args.socket)
    host, port = listening.getsockname()[:2]
    config = transport.configuration(server, host, port, "warning")
    transport.DrainingServer(config, server, args.drain_delay).run(sockets=[listening])


if __name__ == "__main__":
    main()
