"""What the stages ``deploy`` and ``undeploy`` do with their arguments."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from components.artifacts import Outputs
from components.errors import EndpointError, InputError


def deploy(args: argparse.Namespace, outputs: Outputs) -> None:
    """Starts a supervised server and waits until it is ready."""
    from components.serve.deploy import local

    if args.target != "local":
        raise EndpointError(f"expected the target local, the only one so far, found {args.target!r}")
    options = ["--threads", str(args.threads)]
    if args.allow_code:
        options += ["--allow-code"]
    if args.capture_to:
        from components.storage import place

        options += ["--capture-to", place(args.capture_to).uri, "--sampling-percentage", str(args.sampling_percentage)]
        options += ["--capture-rotate-seconds", str(args.capture_rotate_seconds)]
    if args.tensors:
        options += _tensors(args)
    wanted = local.Wanted(args.name, args.archive, args.host, args.port, options)
    endpoint = local.start(wanted, Path(args.state), args.timeout)
    endpoint["capture_to"] = args.capture_to
    endpoint["tensors"] = args.tensors
    try:
        with outputs.file("endpoint") as path:
            path.write_text(json.dumps(endpoint, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        outputs.describe("endpoint", **endpoint)
        outputs.value("url", endpoint["url"])
    except BaseException:
        local.stop(Path(args.state), args.name, 35.0)
        raise
    print(f"{args.name} is ready at {endpoint['url']}", file=sys.stderr)


def _tensors(args: argparse.Namespace) -> list[str]:
    from components.storage import place

    options = ["--tensors", place(args.tensors).uri, "--tensor-percentage", str(args.tensor_percentage)]
    options += [f"--include-regex={args.include_regex}"]  # a pattern may begin with "-"
    return [*options, "--tensor-config", str(Path(args.tensor_config).absolute())] if args.tensor_config else options


def undeploy(args: argparse.Namespace, outputs: Outputs) -> None:
    """Stops a server, whether the pipeline before went well or not."""
    from components.serve.deploy import local

    del outputs
    if args.status:
        print(f"the pipeline ended: {_ended(args.status)}", file=sys.stderr)
    if local.stop(Path(args.state), args.name, args.timeout):
        print(f"{args.name} has stopped", file=sys.stderr)
    else:
        print(f"{args.name}: nothing was running in {args.state}", file=sys.stderr)


def _ended(text: str) -> str:
    """Returns KFP's PipelineTaskFinalStatus in a few words; its keys come in camelCase and in snake_case."""
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        raise InputError(f"--status: expected PipelineTaskFinalStatus as JSON, found {text[:80]!r}")
    error = status.get("error") or {}
    message = error.get("message", "") if isinstance(error, dict) else str(error)
    task = status.get("pipelineTaskName", status.get("pipeline_task_name", ""))
    return " ".join(part for part in (str(status.get("state", "unknown")), str(task), str(message)) if part)
