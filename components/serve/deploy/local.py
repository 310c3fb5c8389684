"""Starting and stopping a supervised server on this machine."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import components
from components.errors import EndpointError
from components.serve.deploy.state import State
from components.whole import sweep

POLL_SECONDS = 0.1


class Wanted(NamedTuple):
    """What shall run.

    Attributes:
        name: Of the endpoint.
        archive: A ``model.tar.gz``.
        host: To listen on.
        port: To listen on; 0 takes a free one.
        options: More arguments of ``python -m components.serve run``.
        public_key: That must have signed the archive, PEM text or the path of a file; empty for the environment's.
    """

    name: str
    archive: Path
    host: str = "127.0.0.1"
    port: int = 0
    options: Sequence[str] = ()
    public_key: str = ""


def start(wanted: Wanted, folder: Path, timeout: float) -> dict[str, Any]:
    """Starts a server and its supervisor, and returns what ``endpoint.json`` says when it is ready.

    Args:
        wanted: The server.
        folder: Its state folder; it holds at most one server.
        timeout: Seconds from here to ready.

    Raises:
        ArchiveError: The archive is not what its manifest says, or not signed by the key that is required.
        InputError: The key is none.
        EndpointError: One is running already, the port is taken, or it did not become ready: with its last words.
    """
    from components.capture.record import named
    from components.package import keys
    from components.package.archive import unpack

    named(wanted.name)
    key = keys.required(wanted.public_key)
    # As a text: the server that is started again after a crash needs no file, and is given the same key.
    wanted = wanted._replace(public_key=key.pem if key else "")
    state = State(folder)
    state.folder.mkdir(parents=True, exist_ok=True)
    lock = state.lock()
    if lock is None:
        running = state.read(state.endpoint)
        raise EndpointError(
            f"expected no server in {folder}, found {running.get('name', 'one')!r} at "
            f"{running.get('url', 'an unknown address')}: undeploy it first"
        )
    try:
        _sweep(state)
        digest = unpack(wanted.archive, state.model, public_key=wanted.public_key).digest
        url = _spawn(wanted, state, lock, digest)
    finally:
        os.close(lock)  # the supervisor has inherited it
    endpoint = {
        "name": wanted.name,
        "url": url,
        "digest": digest,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    state.write(state.endpoint, endpoint)
    try:
        _wait_until_ready(url, state, timeout)
    except BaseException:
        stop(folder, wanted.name, 35.0)
        raise
    return endpoint


def stop(folder: Path, name: str, timeout: float) -> bool:
    """Stops the server of a state folder, after it has answered what it was asked; returns whether there was one.

    Raises:
        EndpointError: Another endpoint runs there, or it did not stop in time.
    """
    state = State(folder)
    if not state.folder.is_dir():
        return False
    found = state.read(state.endpoint).get("name", name)
    lock = state.lock()
    running = lock is None
    if lock is None:
        if found != name:
            raise EndpointError(f"expected the endpoint {name!r} in {folder}, found {found!r}")
        state.stop.touch()
        lock = state.lock(timeout)
    if lock is None:
        raise EndpointError(
            f"expected {name!r} to stop within {timeout:g} s, found it running; its log ends: {state.last_words()}"
        )
    try:
        _sweep(state)
    finally:
        os.close(lock)
    return running


def _sweep(state: State) -> None:
    # Whoever holds the lock knows that nobody uses these any more. Log and spool stay.
    for path in (state.stop, state.status, state.endpoint, state.model):
        sweep(path)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _spawn(wanted: Wanted, state: State, lock: int, digest: str) -> str:
    from components.serve.program import bind

    listening = bind(wanted.host, wanted.port)
    host, port = listening.getsockname()[:2]
    server = [
        *(sys.executable, "-m", "components.serve", "run"),
        *("--model", str(state.model), "--digest", digest, "--name", wanted.name),
        *("--spool", str(state.spool)),
        *wanted.options,
    ]
    descriptor = listening.fileno()
    command = [
        *(sys.executable, "-m", "components.serve", "supervise"),
        *("--state", str(state.folder), "--listening", str(descriptor), "--", *server),
    ]
    from components.package import keys

    kept = {name: value for name, value in os.environ.items() if name not in (keys.PRIVATE, keys.PASSWORD)}
    root = str(Path(components.__file__).parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    with state.log.open("ab") as log:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # neither a Ctrl-C nor the end of this step's process group is meant for it
            pass_fds=[lock, descriptor],
            env={**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", keys.PUBLIC: wanted.public_key},
        ).returncode = 0  # it is meant to outlive this process: no warning that it does
    listening.close()
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def _wait_until_ready(url: str, state: State, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if _is_ready(url):
            return
        status = state.read(state.status)
        if status.get("restarts", 0) or status.get("state") == "failed":
            raise EndpointError(
                f"expected the server to become ready, found it ended with {status.get('exit')}; "
                f"its log ends: {state.last_words()}"
            )
        if state.is_free():  # killed, since it would have told of an end
            raise EndpointError(
                f"expected the server to become ready, found its supervisor gone; its log ends: {state.last_words()}"
            )
        time.sleep(POLL_SECONDS)
    raise EndpointError(
        f"expected the server to be ready within {timeout:g} s, found it is not; its log ends: {state.last_words()}"
    )


def _is_ready(url: str) -> bool:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=1.0)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
