"""What the stages ``deploy``, ``undeploy`` and ``manifests`` do with their arguments."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components import foreign_json
from components.artifacts import Outputs
from components.errors import InputError

_STORE = re.compile(r"(?!file:)[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def deploy(args: argparse.Namespace, outputs: Outputs) -> None:
    """Starts a server and waits until it is ready; takes it back if that cannot be written down."""
    with _started(args) as endpoint:
        endpoint |= {"capture_to": args.capture_to, "tensors": args.tensors}
        with outputs.file("endpoint") as path:
            path.write_text(json.dumps(endpoint, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        outputs.describe("endpoint", **endpoint)
        outputs.value("url", endpoint["url"])
    print(f"{args.name} is ready at {endpoint['url']}", file=sys.stderr)


def undeploy(args: argparse.Namespace, outputs: Outputs) -> None:
    """Stops a server, whether the pipeline before went well or not."""
    del outputs
    if args.status:
        print(f"the pipeline ended: {_ended(args.status)}", file=sys.stderr)
    if _is_cluster(args):
        from components.serve.deploy.kubernetes import stage

        stopped, where = stage.stop(args), f"the namespace {args.namespace}" if args.namespace else "the namespace"
    else:
        from components.serve.deploy import local

        stopped, where = local.stop(_folder(args), args.name, args.timeout), args.state
    if stopped:
        print(f"{args.name} has stopped", file=sys.stderr)
    else:
        print(f"{args.name}: nothing was running in {where}", file=sys.stderr)


def manifests(args: argparse.Namespace, outputs: Outputs) -> None:
    """Prints an endpoint's objects."""
    from components.serve.deploy.kubernetes import stage

    del outputs
    sys.stdout.write(stage.manifests(args, options(args)))


def options(args: argparse.Namespace) -> list[str]:
    """Returns the arguments of the server that follow from those of the stage.

    Raises:
        InputError: ``--options`` has a quote without its other half.
        StorageError: A place is none.
    """
    found = ["--threads", str(args.threads)] if args.threads else []
    if args.allow_code:
        found += ["--allow-code"]
    if args.capture_to:
        from components.storage import place

        found += ["--capture-to", place(args.capture_to).uri, "--sampling-percentage", str(args.sampling_percentage)]
        found += ["--capture-rotate-seconds", str(args.capture_rotate_seconds)]
    if args.tensors:
        found += _tensors(args)
    try:
        return [*found, *shlex.split(args.options)]
    except ValueError as error:
        raise InputError(f"--options: expected words as a shell splits them, found {error}") from None


@contextmanager
def _started(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if _is_cluster(args):
        from components.serve.deploy.kubernetes import stage

        with stage.started(args, options(args)) as endpoint:
            yield endpoint
        return
    from components.serve.deploy import local

    folder = _folder(args)
    endpoint = local.start(
        local.Wanted(args.name, args.archive, args.host, args.port, options(args), args.public_key),
        folder,
        args.timeout,
    )
    try:
        yield endpoint
    except BaseException:
        local.stop(folder, args.name, 35.0)
        raise


def _is_cluster(args: argparse.Namespace) -> bool:
    # Any store counts, also one that is then refused: a server in the pod of a step would end with it, unnoticed.
    return args.target == "kubernetes" or (args.target == "auto" and _STORE.match(args.state) is not None)


def _folder(args: argparse.Namespace) -> Path:
    if not args.state:
        raise InputError("--state: expected a folder for the server's model, log and state, found none")
    return Path(args.state)


def _tensors(args: argparse.Namespace) -> list[str]:
    from components.storage import place

    found = ["--tensors", place(args.tensors).uri, "--tensor-percentage", str(args.tensor_percentage)]
    found += [f"--include-regex={args.include_regex}"]  # a pattern may begin with "-"
    return [*found, "--tensor-config", str(Path(args.tensor_config).absolute())] if args.tensor_config else found


def _ended(text: str) -> str:
    """Returns KFP's PipelineTaskFinalStatus in a few words; its keys come in camelCase and in snake_case."""
    try:
        status = foreign_json.loads(text)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        raise InputError(f"--status: expected PipelineTaskFinalStatus as JSON, found {text[:80]!r}")
    error = status.get("error") or {}
    message = error.get("message", "") if isinstance(error, dict) else str(error)
    task = status.get("pipelineTaskName", status.get("pipeline_task_name", ""))
    return " ".join(part for part in (str(status.get("state", "unknown")), str(task), str(message)) if part)
