"""Story A: traffic signs, from the data to the explanation of an attack.

::

    data ─> fine_tune ─> package ─┬─> deploy ─> first traffic ─> usual traffic ─> attacked traffic ─┬─> report
                                  │                 │                 │                 │           │
                                  │             baseline ────────> check ─────────── check ─> if violated: compare
                                  └─> adversarial ─────────────────────────────────────┘
    at the end, always: undeploy
"""

from typing import Any

from kfp import dsl

from components.adversarial.component import adversarial
from components.capture.component import capture
from components.data.component import data
from components.fine_tune.component import fine_tune
from components.fullgrad.component import compare
from components.monitor.component import baseline, check
from components.package.component import package
from components.report.component import report, report_unexplained
from components.serve.component import deploy, replay, undeploy
from pipelines.placement import of_endpoints, on_gpu

ENDPOINT = "traffic-signs-trial"

READY_SECONDS = 900.0
"""A cluster may have to start a node for the endpoint, and the node to pull its image."""

# The endpoint's state and its captures belong to the run: two runs side by side do not meet. Where the run's root is in
# a bucket, its steps are pods, and the endpoint is deployed beside them.
STATE = f"{dsl.PIPELINE_ROOT_PLACEHOLDER}/endpoint"
CAPTURES = f"{dsl.PIPELINE_ROOT_PLACEHOLDER}/captured"


def _window(traffic: Any, endpoint: Any) -> dict[str, Any]:
    """Returns the arguments by which a stage reads what was captured of a replay."""
    return {
        "place": CAPTURES,
        "endpoint": endpoint,
        "start": traffic.outputs["start"],
        "end": traffic.outputs["end"],
        "wait_for": traffic.outputs["captured"],
    }


@dsl.pipeline(name="traffic-signs", description="Train, serve, monitor, attack and explain a traffic sign classifier")
def traffic_signs(
    source: str = "rendered",
    tracks_per_class: int = 30,
    frames_per_track: int = 6,
    classes: str = "",
    pretrained: str = "",
    side: int = 96,
    epochs: int = 5,
    seed: int = 0,
    requests: int = 400,
    concurrency: int = 8,
    sampling_percentage: float = 50.0,
    attack: str = "deepfool",
    target: int = 14,
    epsilon: float = 0.0,
    attacked: int = 200,
    explained: int = 8,
    share_threshold: float = 0.5,
    endpoint: str = ENDPOINT,
    deploy_to: str = "auto",
    namespace: str = "",
    models: str = "",
) -> None:
    """Story A.

    Args:
        source: ``rendered``, or the URI of a GTSRB mirror.
        tracks_per_class: Of the rendered signs.
        frames_per_track: Of the rendered signs.
        classes: Class numbers separated by commas; empty: all 43.
        pretrained: URI of a safetensors file of ResNet18 weights; empty: from scratch.
        side: Of the model's input, in pixels.
        epochs: At most.
        seed: Of everything that is drawn by chance.
        requests: How many images of the test split are sent for the baseline, and again as usual traffic.
        concurrency: How many at once.
        sampling_percentage: Share of the requests that is captured.
        attack: ``deepfool``, ``pgd``, ``mi_fgsm`` or ``fgsm``.
        target: The class that attacked images are to be taken for; -1: any other.
        epsilon: Largest change, in units of the attack's norm; 0: what the attack says.
        attacked: How many images are attacked and sent.
        explained: How many flagged images of a violation are explained at most.
        share_threshold: Share of one class above which the monitor says that it is predicted too often.
        endpoint: Name of the endpoint; of two runs at a time on one cluster each needs its own.
        deploy_to: ``local``, ``kubernetes``, or ``auto``: the cluster if the run's root is in a bucket.
        namespace: Of the endpoint on the cluster; empty: the run's own.
        models: Place that keeps the served archive for its pods, s3://…; empty: the run's root.
    """
    served = {"name": endpoint, "state": STATE, "target": deploy_to, "namespace": namespace}
    stop = undeploy(**served)
    stop.set_caching_options(False)
    with dsl.ExitHandler(stop):
        signs = data(
            source=source,
            tracks_per_class=tracks_per_class,
            frames_per_track=frames_per_track,
            classes=classes,
            seed=seed,
        )
        trained = fine_tune(
            dataset=signs.outputs["dataset"], name=ENDPOINT, pretrained=pretrained, side=side, epochs=epochs, seed=seed
        )
        on_gpu(trained)
        packed = package(model=trained.outputs["model"])
        crafted = adversarial(
            dataset=signs.outputs["dataset"],
            archive=packed.outputs["archive"],
            attack=attack,
            target=target,
            epsilon=epsilon,
            count=attacked,
            seed=seed,
        )
        on_gpu(crafted)
        server = deploy(
            archive=packed.outputs["archive"],
            models=models,
            capture_to=CAPTURES,
            sampling_percentage=sampling_percentage,
            capture_rotate_seconds=2.0,
            placement=of_endpoints(),
            timeout=READY_SECONDS,
            **served,
        )
        sent = {
            "url": server.outputs["url"],
            "concurrency": concurrency,
            "sampling_percentage": sampling_percentage,
        }
        # One after the other: each has a window of its own in the captured traffic.
        first = replay(dataset=signs.outputs["dataset"], count=requests, seed=seed, **sent)
        usual = replay(dataset=signs.outputs["dataset"], count=requests, seed=1, **sent).after(first)
        attack_sent = replay(dataset=crafted.outputs["adversarial"], seed=seed, **sent).after(usual)
        # At some hundred records, chance alone moves distributions by more than a tenth.
        learned = baseline(comparison_threshold=0.2, **_window(first, endpoint))
        calm = check(baseline=learned.outputs["baseline"], share_threshold=share_threshold, **_window(usual, endpoint))
        alarm = check(
            baseline=learned.outputs["baseline"], share_threshold=share_threshold, **_window(attack_sent, endpoint)
        )
        captured = capture(**_window(usual, endpoint))
        # What talks to a running endpoint is done anew in each run; what only computes comes from the cache.
        for task in (server, first, usual, attack_sent, learned, calm, alarm, captured):
            task.set_caching_options(False)
        shown = {
            "title": "Traffic signs",
            "dataset": signs.outputs["dataset"],
            "model": trained.outputs["model"],
            "training": trained.outputs["metrics"],
            "confusion": trained.outputs["confusion"],
            "archive": packed.outputs["archive"],
            "traffic": usual.outputs["metrics"],
            "captured": captured.outputs["records"],
            "baseline": learned.outputs["baseline"],
            "monitor_clean": calm.outputs["results"],
            "monitor_attacked": alarm.outputs["results"],
            "adversarial": crafted.outputs["adversarial"],
            "attack_metrics": crafted.outputs["metrics"],
        }
        with dsl.If(alarm.outputs["violated"] == True, name="violated"):  # noqa: E712 -- the DSL overloads ==
            explanation = compare(
                results=alarm.outputs["results"],
                archive=packed.outputs["archive"],
                dataset=crafted.outputs["adversarial"],
                place=CAPTURES,
                endpoint=endpoint,
                start=attack_sent.outputs["start"],
                end=attack_sent.outputs["end"],
                count=explained,
            )
            explanation.set_caching_options(False)
            on_gpu(explanation)
            report(explanations=explanation.outputs["explanations"], **shown)
        with dsl.Else(name="not-violated"):
            report_unexplained(**shown)
