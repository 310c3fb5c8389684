"""The stages ``deploy``, ``undeploy``, ``manifests`` and ``replay``, and the server they start: ``run``.

SageMaker says ``serve``; that word is taken too. ``openapi`` prints what ``run`` with the same arguments would speak.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from components.artifacts import Outputs, Stage, Work, dispatch, number
from components.serve.deploy import declared


def _replay() -> Stage:
    stage = Stage("serve replay", "Sends a dataset's images to an endpoint and keeps the answers.")
    stage.input("dataset", "folder of a dataset", kind="Dataset")
    stage.output("answers", "Dataset", "answers.jsonl: path, true and predicted class, score, event id, seconds")
    stage.output("metrics", "Metrics", "accuracy with its sample size, requests, retries, latencies")
    stage.result("captured", "how many of the answered requests the endpoint captures")
    stage.result("start", "of the window that holds this traffic and no other replay's, ISO 8601, whole seconds, UTC")
    stage.result("end", "of that window, itself outside; the stage ends after it")
    stage.parameter("url", "address of the endpoint")
    stage.parameter("split", "split of the dataset", default="test")
    stage.parameter("count", "images to send, drawn with the seed; 0 sends all", type=number(int, 0), default=0)
    stage.parameter("concurrency", "requests at once", type=number(int, 1, 256), default=8)
    stage.parameter("retries", "of a request that was refused or lost", type=number(int, 0, 100), default=8)
    stage.parameter("timeout", "seconds for one try", type=number(float, 0.1, 600), default=60.0)
    stage.parameter("seed", "of the choice and order of the images", type=number(int, 0), default=0)
    stage.parameter("sampling_percentage", "share that the endpoint captures", type=number(float, 0, 100), default=0.0)
    return stage


def deploy(args: argparse.Namespace, outputs: Outputs) -> None:
    """Starts a server."""
    from components.serve.deploy import stages

    stages.deploy(args, outputs)


def undeploy(args: argparse.Namespace, outputs: Outputs) -> None:
    """Stops a server."""
    from components.serve.deploy import stages

    stages.undeploy(args, outputs)


def manifests(args: argparse.Namespace, outputs: Outputs) -> None:
    """Prints an endpoint's objects."""
    from components.serve.deploy import stages

    stages.manifests(args, outputs)


def replay(args: argparse.Namespace, outputs: Outputs) -> None:
    """Sends a dataset."""
    from components.serve import replay as room

    room.replay(args, outputs)


STAGES: dict[str, tuple[Stage, Work]] = {
    "deploy": (declared.deploy(), deploy),
    "undeploy": (declared.undeploy(), undeploy),
    "manifests": (declared.manifests(), manifests),
    "replay": (_replay(), replay),
}


def main(argv: Sequence[str]) -> int:
    """Runs a stage, the server, or what watches over a server."""
    if argv[:1] == ["run"]:
        from components.serve import program

        return program.main(argv[1:])
    if argv[:1] == ["serve"]:
        from components.serve import program

        return program.main([*program.SAGEMAKER, *argv[1:]])
    if argv[:1] == ["openapi"]:
        from components.serve.openapi import program as openapi

        return openapi.main(argv[1:])
    if argv[:1] == ["sink"]:
        from components.serve.sink import program as sink

        return sink.main(argv[1:])
    if argv[:1] == ["supervise"]:
        from components.serve.deploy import supervisor

        return supervisor.main(argv[1:])
    return dispatch(STAGES, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
