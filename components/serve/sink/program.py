"""The sink as a program: ``python -m components.serve sink``."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from components.artifacts import number
from components.errors import RoadworthyError
from components.serve.limits import MEBIBYTE, Limits

_LARGEST = 20  # MiB of a body: two of them, in base64, are to fit into one record (``record.LINE_LIMIT``)


def parser() -> argparse.ArgumentParser:
    """Returns the program's command line."""
    defaults = Limits()
    found = argparse.ArgumentParser(
        prog="python -m components.serve sink",
        description="Captures what KServe's logger sends as CloudEvents.",
        allow_abbrev=False,
    )
    add = found.add_argument
    add("--place", required=True, help="where the records go, file://, s3:// or a path")
    add("--name", default="", help="endpoint of all records (default: each event's InferenceService)")
    add("--variant", default="AllTraffic", help="of all records (default: %(default)s)")
    add("--max-endpoints", type=number(int, 1, 64), default=8, help="without --name (default: %(default)s)")
    add(
        "--sampling-percentage", type=number(float, 0, 100), default=100.0, help="captured share (default: %(default)s)"
    )
    add("--pair-seconds", type=number(float, 0.1, 3600), default=60.0, help="for the other half (default: %(default)s)")
    add("--pair-bytes", type=number(int, 1, 65536), default=128, help="MiB that wait for it (default: %(default)s)")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s; in containers 0.0.0.0)")
    add("--port", type=number(int, 0, 65535), default=8080, help="0 takes a free one (default: %(default)s)")
    add("--socket", type=number(int, 3), help="listening socket that was inherited, by its descriptor")
    add(
        "--max-body",
        type=number(int, 1, _LARGEST),
        default=defaults.body_bytes // MEBIBYTE,
        help="MiB (default: %(default)s)",
    )
    add("--drain-delay", type=number(float, 0, 600), default=0.5, help="seconds between not ready and not listening")
    add("--capture-rotate-seconds", type=number(float, 0.1, 3600), default=60.0, help="(default: %(default)s)")
    add("--spool", type=Path, help="folder on a local disk where captured records wait for their place")
    add("--keep-metadata", action="store_true", help="captured pictures keep place, time and author (default: removed)")
    add("--log-level", default="warning", choices=("debug", "info", "warning", "error"), help="(default: %(default)s)")
    return found


def main(argv: Sequence[str]) -> int:
    """Takes events until SIGTERM or SIGINT; returns the exit status."""
    args = parser().parse_args(argv)
    try:
        _serve(args)
    except (RoadworthyError, OSError) as error:
        print(f"sink: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return 1
    return 0


def _serve(args: argparse.Namespace) -> None:
    from components.capture.record import named
    from components.capture.writer import CaptureWriter
    from components.serve import transport
    from components.serve.program import bind
    from components.serve.sink.app import Sink
    from components.serve.sink.endpoints import Endpoints
    from components.serve.sink.pairs import Pairs
    from components.storage import place

    # Wrong arguments are told before anything is started; without a name the first writer comes with the first event.
    place(args.place)
    named(args.variant)

    def start(name: str) -> CaptureWriter:
        # The share is drawn where the first half comes; here 100 % is all that were drawn.
        return CaptureWriter(
            args.place,
            name,
            variant=args.variant,
            sampling_percentage=100.0,
            rotate_seconds=args.capture_rotate_seconds,
            spool=args.spool,
            keep_metadata=args.keep_metadata,
        )

    listening = socket.socket(fileno=args.socket) if args.socket is not None else bind(args.host, args.port)
    endpoints = Endpoints(args.name, args.max_endpoints, start)
    pairs = Pairs(
        endpoints.offer,
        seconds=args.pair_seconds,
        limit=args.pair_bytes * MEBIBYTE,
        percentage=args.sampling_percentage,
    )
    sink = Sink(args.name or "sink", pairs, endpoints, Limits(body_bytes=args.max_body * MEBIBYTE))
    host, port = listening.getsockname()[:2]
    running = transport.DrainingServer(
        transport.configuration(sink, host, port, args.log_level), sink, args.drain_delay
    )
    shown = f"[{host}]" if ":" in host else host
    print(f"sink: {args.name or 'by InferenceService'} on http://{shown}:{port}", file=sys.stderr, flush=True)
    transport.settle()
    running.run(sockets=[listening])
