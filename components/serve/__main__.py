"""The stages ``deploy``, ``undeploy`` and ``replay``, and the server they start: ``run`` (SageMaker says ``serve``)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from components.artifacts import Outputs, Stage, Work, boolean, dispatch, number

TARGETS = ("local", "kubernetes")


def _deploy() -> Stage:
    stage = Stage("serve deploy", "Starts a supervised server for a packaged model and waits until it is ready.")
    stage.input("archive", "model.tar.gz that package wrote", kind="Model")
    stage.output("endpoint", "Artifact", "endpoint.json: name, url, model digest, capture place")
    stage.result("url", "address of the server")
    stage.parameter("name", "name of the endpoint, of letters, digits, '.', '_' and '-'")
    stage.parameter("state", "folder for the server's model, log and state; undeploy takes the same")
    stage.parameter("target", "where it runs", default="local", choices=TARGETS)
    stage.parameter("host", "address to listen on", default="127.0.0.1")
    stage.parameter("port", "port to listen on, 0 takes a free one", type=number(int, 0, 65535), default=0)
    stage.parameter("capture_to", "place for captured requests and answers, empty for none", default="")
    stage.parameter("sampling_percentage", "share of requests captured", type=number(float, 0, 100), default=20.0)
    stage.parameter(
        "capture_rotate_seconds", "age at which captured files appear", type=number(float, 0.1, 3600), default=60.0
    )
    stage.parameter("tensors", "place for tensors of sampled requests, empty for none", default="")
    stage.parameter("include_regex", "names of tensors, empty for pixels and logits alone", default="")
    stage.parameter("tensor_percentage", "share of requests", type=number(float, 0, 100), default=1.0)
    stage.parameter("tensor_config", "JSON file that changes these while it runs, empty for none", default="")
    stage.parameter(
        "threads", "for one batch on a CPU, 0 for the library's choice", type=number(int, 0, 1024), default=0
    )
    stage.parameter("allow_code", "run code/inference.py from the archive", type=boolean, default=False)
    stage.parameter("timeout", "seconds until it must be ready", type=number(float, 1, 3600), default=120.0)
    return stage


def _undeploy() -> Stage:
    stage = Stage("serve undeploy", "Drains and stops what deploy started; does nothing where nothing runs.")
    stage.parameter("name", "name of the endpoint")
    stage.parameter("state", "folder that deploy was given")
    # Below the 30 seconds that the local runner gives an exit handler after Ctrl-C.
    stage.parameter("timeout", "seconds until it must have stopped", type=number(float, 1, 3600), default=28.0)
    stage.parameter("status", "how the pipeline ended, KFP's PipelineTaskFinalStatus as JSON", default="")
    return stage


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


def replay(args: argparse.Namespace, outputs: Outputs) -> None:
    """Sends a dataset."""
    from components.serve import replay as room

    room.replay(args, outputs)


STAGES: dict[str, tuple[Stage, Work]] = {
    "deploy": (_deploy(), deploy),
    "undeploy": (_undeploy(), undeploy),
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
    if argv[:1] == ["supervise"]:
        from components.serve.deploy import supervisor

        return supervisor.main(argv[1:])
    return dispatch(STAGES, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
