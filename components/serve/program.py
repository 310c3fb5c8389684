"""The server as a program: ``python -m components.serve run``.

SageMaker starts a container with the one word ``serve``, its model in ``/opt/ml/model``, and expects port 8080; that
word is taken too, and means just this.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.artifacts import number
from components.errors import EndpointError, InputError, RoadworthyError
from components.serve.limits import MEBIBYTE, Limits

if TYPE_CHECKING:
    from components.capture.writer import CaptureWriter
    from components.serve.loading import Loaded
    from components.serve.tensors.emitter import TensorEmitter

SAGEMAKER = ("--model", "/opt/ml/model", "--host", "0.0.0.0")  # noqa: S104 - inside its container


def parser() -> argparse.ArgumentParser:
    """Returns the program's command line."""
    defaults = Limits()
    found = argparse.ArgumentParser(
        prog="python -m components.serve run", description="Serves one packaged model.", allow_abbrev=False
    )
    add = found.add_argument
    add("--model", type=Path, required=True, help="unpacked package, or model.tar.gz")
    add("--digest", default="", help="identity that the package must have, sha256:…")
    add("--public-key", default="", help="key that must have signed the package, PEM or its file (default: none)")
    add("--name", default="", help="name of the endpoint and model (default: the package's)")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s; in containers 0.0.0.0)")
    add("--port", type=number(int, 0, 65535), default=8080, help="0 takes a free one (default: %(default)s)")
    add("--socket", type=number(int, 3), help="listening socket that was inherited, by its descriptor")
    add("--parent", type=number(int, 1), help="process that started this one; the server stops when it is gone")
    add("--allow-code", action="store_true", help="run code/inference.py from the package")
    add(
        "--device", default="", choices=("", "cpu", "cuda"), help="where the model runs (default: cuda if there is one)"
    )
    add(
        "--threads", type=number(int, 0, 1024), default=0, help="for one batch on a CPU (default: the library's choice)"
    )
    add("--bfloat16", action="store_true", help="run in half precision")
    add("--fold", action="store_true", help="fold batch normalisation into the convolutions")
    add("--max-batch", type=number(int, 1, 4096), default=32, help="images in one batch (default: %(default)s)")
    add("--max-wait", type=number(float, 0, 1), default=0.0, help="seconds an idle model waits for a fuller batch")
    add("--max-body", type=number(int, 1), default=defaults.body_bytes // MEBIBYTE, help="MiB (default: %(default)s)")
    add("--max-queue", type=number(int, 1), default=defaults.queue_images, help="images (default: %(default)s)")
    add("--timeout", type=number(float, 0.1), default=defaults.request_seconds, help="seconds (default: %(default)s)")
    add("--drain-delay", type=number(float, 0, 600), default=0.5, help="seconds between not ready and not listening")
    add("--capture-to", default="", help="place for captured requests and answers, file:// or s3:// (default: off)")
    add("--sampling-percentage", type=number(float, 0, 100), default=20.0, help="captured share (default: %(default)s)")
    add("--capture-rotate-seconds", type=number(float, 0.1, 3600), default=60.0, help="(default: %(default)s)")
    add("--spool", type=Path, help="folder on a local disk where captured records wait for their place")
    add("--keep-metadata", action="store_true", help="captured pictures keep place, time and author (default: removed)")
    add("--tensors", default="", help="place for tensors of sampled requests, file:// or s3:// (default: off)")
    add("--include-regex", default="", help="names of tensors, beside pixels and logits (default: only these)")
    add("--tensor-percentage", type=number(float, 0, 100), default=1.0, help="share (default: %(default)s)")
    add("--tensor-config", type=Path, help="JSON file that changes these while the server runs; read each second")
    add("--log-level", default="warning", choices=("debug", "info", "warning", "error"), help="(default: %(default)s)")
    return found


def main(argv: Sequence[str]) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit status."""
    args = parser().parse_args(argv)
    try:
        _check_tensors(args)
        _serve(args, _bound(args))
    except (RoadworthyError, OSError) as error:
        print(f"serve: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return 1
    return 0


def served(args: argparse.Namespace) -> tuple[Loaded, str, Limits]:
    """Loads the model of a command line; returns it, its name, and what its server refuses.

    Raises:
        InputError: As ``loading.load``.
    """
    from components.serve.loading import Settings, load

    settings = Settings(
        args.allow_code,
        args.digest,
        args.threads,
        device=args.device,
        bfloat16=args.bfloat16,
        fold=args.fold,
        public_key=args.public_key,
    )
    loaded = load(args.model, settings)
    limits = Limits(body_bytes=args.max_body * MEBIBYTE, queue_images=args.max_queue, request_seconds=args.timeout)
    return loaded, args.name or loaded.name or "model", limits


def _serve(args: argparse.Namespace, listening: socket.socket) -> None:
    from components.serve import transport
    from components.serve.app import Server
    from components.serve.batching import Policy

    with transport.not_outliving(args.parent):
        loaded, name, limits = served(args)
    policy = Policy(args.max_batch, args.max_wait)
    # Tensors first: their settings may be wrong, and a capture that was begun would have to be ended.
    tensors = _tensors(args, loaded)
    server = Server(loaded, name, policy, limits, _capture(args, name, loaded.digest), tensors)
    host, port = listening.getsockname()[:2]
    running = transport.DrainingServer(
        transport.configuration(server, host, port, args.log_level), server, args.drain_delay, args.parent
    )
    print(f"serve: {name} version {loaded.version} on http://{_bracketed(host)}:{port}", file=sys.stderr, flush=True)
    transport.settle()
    running.run(sockets=[listening])


def _capture(args: argparse.Namespace, name: str, digest: str) -> CaptureWriter | None:
    if not args.capture_to:
        return None
    from components.capture.writer import CaptureWriter

    return CaptureWriter(
        args.capture_to,
        name,
        sampling_percentage=args.sampling_percentage,
        rotate_seconds=args.capture_rotate_seconds,
        spool=args.spool,
        model=digest,
        keep_metadata=args.keep_metadata,
    )


def _tensors(args: argparse.Namespace, loaded: Loaded) -> TensorEmitter | None:
    if not args.tensors:
        return None
    from components.serve.tensors.emitter import TensorEmitter
    from components.serve.tensors.settings import Settings

    settings = Settings(percentage=args.tensor_percentage, include_regex=args.include_regex)
    check = _patterns(args.model, loaded)
    return TensorEmitter(args.tensors, args.model, loaded.digest, settings, args.tensor_config, check)


def _check_tensors(args: argparse.Namespace) -> None:
    """Raises for what needs no model to be seen as wrong, before one is loaded."""
    from components.capture.tensors import names
    from components.storage import place

    if args.tensors:
        place(args.tensors)
        names.pattern(args.include_regex)
    elif args.include_regex or args.tensor_config:
        raise InputError("expected --tensors with --include-regex or --tensor-config, found no place")


def _patterns(model: Path, loaded: Loaded) -> Callable[[str], Any]:
    from components.serve.handlers import Handler

    if isinstance(loaded.model, Handler):
        raise InputError("--tensors: expected a model without code of its own, found one with its own handlers")
    if loaded.model.platform != "torch":
        raise InputError(f"--tensors: expected a torch model, whose tensors have names, found {loaded.model.platform}")
    from components.capture.tensors.modules import check_pattern
    from components.package.archive import Package
    from components.package.network import skeleton

    network = skeleton(Package(model, digest=loaded.digest, public_key=None).description)
    return lambda include_regex: check_pattern(network, include_regex)


def _bound(args: argparse.Namespace) -> socket.socket:
    # Bound before the model is loaded, so that a port in use is told at once; listening only after it.
    if args.socket is not None:
        return socket.socket(fileno=args.socket)
    return bind(args.host, args.port)


def bind(host: str, port: int) -> socket.socket:
    """Returns a TCP socket that is bound, but does not listen yet.

    Raises:
        EndpointError: The address is not of this machine, or the port is in use.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        raise EndpointError(f"expected a free port {port} on {host!r}, found {error.strerror}") from None
    return found


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
