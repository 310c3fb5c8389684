"""Starts and stops a real Kubernetes control plane from a folder of binaries, where no kind or minikube can run.

`build_control_plane.sh` makes the binaries. A control plane answers all that objects are asked before a pod runs:
schemas, defaulting, RBAC, Pod Security admission, custom resources, server-side apply. It has no node, so pods stay
pending.

    python tests/cluster/control_plane.py start --binaries build/kubernetes --data build/cluster
    KUBECONFIG=build/cluster/kubeconfig kubectl get namespaces
    python tests/cluster/control_plane.py stop --data build/cluster
"""

from __future__ import annotations

import argparse
import os
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from control_plane_certificates import Certificates
from control_plane_commands import api_server, controller_manager, etcd, scheduler

PATIENCE = 120.0  # seconds: the first start creates every built-in role on a machine that may be busy


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    starting = commands.add_parser("start", help="start it and wait until the API server is ready")
    starting.add_argument("--binaries", type=Path, required=True, help="folder with etcd and the kube-* programs")
    starting.add_argument("--address", default="127.0.0.1", help="where the API server listens; nodes must reach it")
    starting.add_argument("--port", type=int, default=6443, help="the API server's; etcd takes the next two")
    stopping = commands.add_parser("stop", help="stop it; its data stay")
    for command in (starting, stopping):
        command.add_argument("--data", type=Path, required=True, help="folder for etcd, keys, logs and kubeconfig")
    arguments = parser.parse_args()
    if arguments.command == "start":
        start(arguments.binaries.resolve(), arguments.data.resolve(), address=arguments.address, port=arguments.port)
    else:
        stop(arguments.data.resolve())


def start(binaries: Path, data: Path, *, address: str = "127.0.0.1", port: int = 6443) -> Path:
    """Starts etcd, API server, controller manager and scheduler; they outlive this process.

    Args:
        binaries: the folder with the four programs.
        data: the folder for state; a second start from the same folder finds the objects of the first.
        address: where the API server listens. Pods reach a loopback address only from the host's network.
        port: the API server's TCP port; etcd listens on the next two of 127.0.0.1.

    Returns:
        The path of a kubeconfig with all rights.

    Raises:
        SystemExit: a program is missing, runs already or ended, or the API server was not ready in time; with
            the last lines of its log.
    """
    data.mkdir(parents=True, exist_ok=True)
    keys = Certificates(data / "keys", address)
    kubeconfigs = {
        user: keys.kubeconfig(data / file, f"https://{address}:{port}", user, group)
        for user, group, file in (
            ("admin", "system:masters", "kubeconfig"),
            ("system:kube-controller-manager", "", "keys/controller-manager.kubeconfig"),
            ("system:kube-scheduler", "", "keys/scheduler.kubeconfig"),
        )
    }
    commands = [
        etcd(data, port),
        api_server(keys, address, port),
        controller_manager(keys, kubeconfigs["system:kube-controller-manager"]),
        scheduler(kubeconfigs["system:kube-scheduler"]),
    ]
    if missing := [command[0] for command in commands if not (binaries / command[0]).is_file()]:
        raise SystemExit(f"expected {', '.join(missing)} in {binaries}: build_control_plane.sh makes them")
    for command in commands:
        launch([str(binaries / command[0]), *command[1:]], data)
        if command[0] == "kube-apiserver":
            try:
                wait_until_ready(f"https://{address}:{port}/readyz", keys, data)
            except SystemExit:
                stop(data)
                raise
    return kubeconfigs["admin"]


def launch(command: list[str], data: Path) -> None:
    """Starts a program in a session of its own, with its log and its process id in `data`."""
    name = Path(command[0]).name
    if (running := process_of(data / f"{name}.pid", name)) is not None:
        raise SystemExit(f"{name} of {data} runs already, as process {running}")
    with (data / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    (data / f"{name}.pid").write_text(f"{process.pid}\n")


def wait_until_ready(url: str, keys: Certificates, data: Path) -> None:
    """Asks the API server for its readiness until it is ready.

    Raises:
        SystemExit: etcd or the API server ended, or `PATIENCE` has passed.
    """
    context = ssl.create_default_context(cafile=keys.authority)
    context.load_cert_chain(*keys.client("admin", "system:masters"))
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5, context=context).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
        else:
            return
        for name in ("etcd", "kube-apiserver"):
            if process_of(data / f"{name}.pid", name) is None:
                raise SystemExit(f"{name} ended:\n{last_lines(data / f'{name}.log')}")
    raise SystemExit(f"API server not ready after {PATIENCE:.0f} s:\n{last_lines(data / 'kube-apiserver.log')}")


def last_lines(log: Path, count: int = 10) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def stop(data: Path) -> None:
    """Ends the programs, the readers of etcd before etcd itself; does nothing where none runs."""
    for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
        file = data / f"{name}.pid"
        end = time.monotonic() + 30
        while (process := process_of(file, name)) is not None:
            os.kill(process, signal.SIGTERM if time.monotonic() < end else signal.SIGKILL)
            time.sleep(0.2)
        file.unlink(missing_ok=True)


def process_of(file: Path, name: str) -> int | None:
    """The process that `file` names, or None where it has ended or its number belongs to another program now."""
    try:
        process = int(file.read_text())
        command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return process if Path(os.fsdecode(command)).name == name else None


if __name__ == "__main__":
    main()
