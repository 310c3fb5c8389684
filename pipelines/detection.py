"""Story B: detection, from the scenes to the reason for every box.

::

    scenes ─> fine_tune_detector ─> package ─> deploy ─> clarify ─> report
    at the end, always: undeploy
"""

from kfp import dsl

from components.clarify.component import clarify
from components.data.scenes.component import scenes
from components.fine_tune.detector.component import fine_tune_detector
from components.package.component import package
from components.report.component import report_detection
from components.serve.component import deploy_detector, undeploy
from pipelines.placement import of_endpoints, on_gpu

ENDPOINT = "detector"

READY_SECONDS = 900.0
"""A cluster may have to start a node for the endpoint, and the node to pull its image."""

# The endpoint's state belongs to the run: two runs side by side do not meet. Where the run's root is in a bucket, its
# steps are pods, and the endpoint is deployed beside them.
STATE = f"{dsl.PIPELINE_ROOT_PLACEHOLDER}/endpoint"


@dsl.pipeline(name="detection", description="Train, serve and explain a detector, box by box")
def detection(
    source: str = "signs",
    classes: str = "",
    train: int = 0,
    validation: int = 0,
    test: int = 0,
    architecture: str = "yolo3_small",
    pretrained: str = "",
    pretrained_digest: str = "",
    side: int = 128,
    epochs: int = 8,
    mirror: bool = False,
    seed: int = 0,
    config: str = "",
    explained: int = 12,
    num_samples: int = 500,
    probability_threshold: float = 0.5,
    baseline: str = "blur",
    endpoint: str = ENDPOINT,
    deploy_to: str = "auto",
    namespace: str = "",
    models: str = "",
) -> None:
    """Story B.

    Args:
        source: ``signs``, or ``cut-outs:``, ``voc:`` or ``coco:`` and a place: a path, file:// or s3://.
        classes: Names separated by commas, in the order of their numbers; empty: the four signs, or all.
        train: Pictures for training; 0: 2000 composed ones, all of the user's.
        validation: Pictures for validation; 0: 200 composed ones, all of the user's.
        test: Pictures for the test; 0: 300 composed ones, all of the user's.
        architecture: ``yolo3_small``, or a YOLOv3 of GluonCV's zoo.
        pretrained: Place of a ``.params`` file for that architecture; empty: from scratch.
        pretrained_digest: ``sha256:…`` that the file must have; empty: any.
        side: Of the detector's input, in pixels, a multiple of 32.
        epochs: At most; 0 with pretrained weights trains nothing.
        mirror: Whether a mirrored object is still one of its class; signs are not.
        seed: Of everything that is drawn by chance.
        config: Place of an ``analysis_config.json`` in Clarify's words; empty: its defaults.
        explained: How many pictures of the test split are explained.
        num_samples: Coalitions of segments that a picture is asked with.
        probability_threshold: Score from which a detection is explained.
        baseline: What absent segments show: ``blur``, ``noise``, ``mean``, or the place of a picture.
        endpoint: Name of the endpoint; of two runs at a time on one cluster each needs its own.
        deploy_to: ``local``, ``kubernetes``, or ``auto``: the cluster if the run's root is in a bucket.
        namespace: Of the endpoint on the cluster; empty: the run's own.
        models: Place that keeps the served archive for its pods, s3://…; empty: the run's root.
    """
    served = {"name": endpoint, "state": STATE, "target": deploy_to, "namespace": namespace}
    stop = undeploy(**served)
    stop.set_caching_options(False)
    with dsl.ExitHandler(stop):
        pictures = scenes(
            source=source, classes=classes, train=train, validation=validation, test=test, side=side, seed=seed
        )
        trained = fine_tune_detector(
            dataset=pictures.outputs["dataset"],
            name=ENDPOINT,
            architecture=architecture,
            pretrained=pretrained,
            pretrained_digest=pretrained_digest,
            side=side,
            epochs=epochs,
            mirror=mirror,
            seed=seed,
        )
        packed = package(model=trained.outputs["model"])
        on_gpu(trained)
        server = deploy_detector(
            archive=packed.outputs["archive"],
            models=models,
            placement=of_endpoints(),
            timeout=READY_SECONDS,
            **served,
        )
        reasons = clarify(
            images=pictures.outputs["dataset"],
            url=server.outputs["url"],
            config=config,
            count=explained,
            num_samples=num_samples,
            probability_threshold=probability_threshold,
            baseline=baseline,
            seed=seed,
        )
        # What talks to a running endpoint is done anew in each run; what only computes comes from the cache.
        for task in (server, reasons):
            task.set_caching_options(False)
        report_detection(
            title="Detection",
            scenes=pictures.outputs["dataset"],
            model=trained.outputs["model"],
            training=trained.outputs["metrics"],
            curves=trained.outputs["curves"],
            archive=packed.outputs["archive"],
            clarify=reasons.outputs["results"],
        )
