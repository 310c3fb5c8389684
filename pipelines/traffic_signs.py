"""Story A: traffic signs, from the data to the captured traffic.

::

    data ─┬─> fine_tune ─> package ─> deploy ─> replay ─> capture ─┐
          └──────────────────────────────────────────────────────── ┴─> report        at the end, always: undeploy
"""

from kfp import dsl

from components.capture.component import capture
from components.data.component import data
from components.fine_tune.component import fine_tune
from components.package.component import package
from components.report.component import report
from components.serve.component import deploy, replay, undeploy

ENDPOINT = "traffic-signs"

# The endpoint's state and its captures belong to the run: two runs side by side do not meet.
STATE = f"{dsl.PIPELINE_ROOT_PLACEHOLDER}/endpoint"
CAPTURES = f"{dsl.PIPELINE_ROOT_PLACEHOLDER}/captured"


@dsl.pipeline(name="traffic-signs", description="Train, package, serve and capture a traffic sign classifier")
def traffic_signs(
    source: str = "rendered",
    tracks_per_class: int = 30,
    frames_per_track: int = 6,
    pretrained: str = "",
    side: int = 96,
    epochs: int = 5,
    seed: int = 0,
    requests: int = 400,
    concurrency: int = 8,
    sampling_percentage: float = 50.0,
) -> None:
    """Story A as far as the captured traffic.

    Args:
        source: ``rendered``, or the URI of a GTSRB mirror.
        tracks_per_class: Of the rendered signs.
        frames_per_track: Of the rendered signs.
        pretrained: URI of a safetensors file of ResNet18 weights; empty: from scratch.
        side: Of the model's input, in pixels.
        epochs: At most.
        seed: Of everything that is drawn by chance.
        requests: How many images of the test split are sent.
        concurrency: How many at once.
        sampling_percentage: Share of the requests that is captured.
    """
    stop = undeploy(name=ENDPOINT, state=STATE)
    stop.set_caching_options(False)
    with dsl.ExitHandler(stop):
        signs = data(source=source, tracks_per_class=tracks_per_class, frames_per_track=frames_per_track, seed=seed)
        trained = fine_tune(
            dataset=signs.outputs["dataset"], name=ENDPOINT, pretrained=pretrained, side=side, epochs=epochs, seed=seed
        )
        packed = package(model=trained.outputs["model"])
        endpoint = deploy(
            archive=packed.outputs["archive"],
            name=ENDPOINT,
            state=STATE,
            capture_to=CAPTURES,
            sampling_percentage=sampling_percentage,
            capture_rotate_seconds=2.0,
        )
        traffic = replay(
            dataset=signs.outputs["dataset"],
            url=endpoint.outputs["url"],
            count=requests,
            concurrency=concurrency,
            sampling_percentage=sampling_percentage,
            seed=seed,
        )
        captured = capture(place=CAPTURES, endpoint=ENDPOINT, wait_for=traffic.outputs["captured"])
        # What talks to a running endpoint is done anew in each run; what only computes comes from the cache.
        for task in (endpoint, traffic, captured):
            task.set_caching_options(False)
        report(
            title="Traffic signs",
            dataset=signs.outputs["dataset"],
            model=trained.outputs["model"],
            training=trained.outputs["metrics"],
            confusion=trained.outputs["confusion"],
            archive=packed.outputs["archive"],
            traffic=traffic.outputs["metrics"],
            captured=captured.outputs["records"],
        )
