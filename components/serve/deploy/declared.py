"""What the stages ``deploy``, ``undeploy`` and ``manifests`` take and give."""

from __future__ import annotations

from components.artifacts import Stage, boolean, number

TARGETS = ("auto", "local", "kubernetes")
"""``auto``: on the cluster if the state is in a bucket, where pods could not share a folder; else on this machine."""


def deploy() -> Stage:
    """Returns the declaration of ``serve deploy``."""
    stage = Stage("serve deploy", "Starts a server for a packaged model and waits until it is ready.")
    stage.input("archive", "model.tar.gz that package wrote", kind="Model")
    stage.output("endpoint", "Artifact", "endpoint.json: name, url, model digest, capture place")
    stage.result("url", "address of the server")
    stage.parameter("name", "name of the endpoint, of letters, digits, '.', '_' and '-'; on a cluster a DNS label")
    _where(stage)
    stage.parameter("host", "local: address to listen on", default="127.0.0.1")
    stage.parameter("port", "local: port to listen on, 0 takes a free one", type=number(int, 0, 65535), default=0)
    stage.parameter("models", "kubernetes: place for the archive, s3://…; empty: below --state", default="")
    _serving(stage)
    _cluster(stage)
    stage.parameter("timeout", "seconds until it must be ready", type=number(float, 1, 3600), default=120.0)
    return stage


def undeploy() -> Stage:
    """Returns the declaration of ``serve undeploy``."""
    stage = Stage("serve undeploy", "Drains and stops what deploy started; does nothing where nothing runs.")
    stage.parameter("name", "name of the endpoint")
    _where(stage)
    # Below the 30 seconds that the local runner gives an exit handler after Ctrl-C.
    stage.parameter("timeout", "seconds until it must have stopped", type=number(float, 1, 3600), default=28.0)
    stage.parameter("status", "how the pipeline ended, KFP's PipelineTaskFinalStatus as JSON", default="")
    return stage


def manifests() -> Stage:
    """Returns the declaration of ``serve manifests``."""
    stage = Stage("serve manifests", "Prints an endpoint's Kubernetes objects as YAML.")
    stage.parameter("name", "name of the endpoint, a DNS label")
    stage.parameter("archive", "place of the model.tar.gz, s3://…")
    stage.parameter("digest", "sha256:… that the model must have")
    stage.parameter("namespace", "written into the objects; empty for none", default="")
    _serving(stage)
    _cluster(stage)
    return stage


def _where(stage: Stage) -> None:
    stage.parameter(
        "state",
        "local: folder for the server's model, log and state; kubernetes: whose endpoint it is; for undeploy the same",
        default="",
    )
    stage.parameter(
        "target", "where it runs; auto: kubernetes if --state is s3://…, else local", default="auto", choices=TARGETS
    )
    stage.parameter("namespace", "kubernetes: of the endpoint; empty: the configuration's own", default="")


def _serving(stage: Stage) -> None:
    stage.parameter("capture_to", "place for captured requests and answers, empty for none", default="")
    stage.parameter("sampling_percentage", "share of requests captured", type=number(float, 0, 100), default=20.0)
    stage.parameter(
        "capture_rotate_seconds", "age at which captured files appear", type=number(float, 0.1, 3600), default=60.0
    )
    stage.parameter("tensors", "place for tensors of sampled requests, empty for none", default="")
    stage.parameter("include_regex", "names of tensors, empty for pixels and logits alone", default="")
    stage.parameter("tensor_percentage", "share of requests", type=number(float, 0, 100), default=1.0)
    stage.parameter("tensor_config", "local: JSON file that changes these while it runs, empty for none", default="")
    stage.parameter(
        "threads", "for one batch on a CPU, 0 for the library's choice", type=number(int, 0, 1024), default=0
    )
    stage.parameter("allow_code", "run code/inference.py from the archive", type=boolean, default=False)
    stage.parameter(
        "public_key",
        "that must have signed the archive, PEM or its file; else ROADWORTHY_PUBLIC_KEY, if set",
        default="",
    )
    stage.parameter("options", "more arguments of the server, as a shell would split them", default="")


def _cluster(stage: Stage) -> None:
    stage.parameter("image", "kubernetes: of the pods; empty: this step's own, or what the model needs", default="")
    stage.parameter("placement", "kubernetes: nodes and GPUs, a profile's fields as JSON", default="")
    stage.parameter("replicas", "kubernetes: pods, at least", type=number(int, 1, 1000), default=1)
    stage.parameter("max_replicas", "kubernetes: pods, at most; 0: no more", type=number(int, 0, 1000), default=0)
    stage.parameter("cpu", "kubernetes: cores that a pod asks for", default="1")
    stage.parameter("memory", "kubernetes: that a pod asks for and may use at most", default="2Gi")
