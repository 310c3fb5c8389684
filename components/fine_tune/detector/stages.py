"""What the stage ``fine_tune.detector`` does with its arguments."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from components.artifacts import Outputs
from components.data.scenes.dataset import Scenes, read
from components.errors import InputError
from components.images import Preprocessing
from components.package.strict import listed
from components.storage import place


def fine_tune(args: argparse.Namespace, outputs: Outputs) -> None:
    """Loads, trains, judges, writes."""
    if args.side % 32:
        raise InputError(f"--side: expected a multiple of 32, found {args.side}")
    if not args.epochs and not args.pretrained:
        raise InputError("--epochs: expected 1 or more where there are no pretrained weights, found 0")
    if args.pretrained_digest and not args.pretrained:
        raise InputError(f"--pretrained-digest: expected none without --pretrained, found {args.pretrained_digest!r}")
    scenes, preprocessing = read(args.dataset), Preprocessing(args.side, args.side)
    given = place(args.pretrained).read_bytes() if args.pretrained else None
    if args.threads:
        os.environ["OMP_NUM_THREADS"] = str(args.threads)  # MXNet reads it once, when it is imported

    from components.fine_tune.detector import evaluation, folder, network, page, pictures, pretrained, training
    from components.fine_tune.detector.answering import find
    from components.fine_tune.detector.framework import device

    if given is not None:
        pretrained.check_digest(given, args.pretrained_digest)
    context, recipe = device(), _recipe(args)
    splits = ("train", "validation", "test") if args.epochs else ("test",)
    parts = {split: pictures.load(scenes, split, preprocessing) for split in splits}
    _say(", ".join(f"{split}: {len(part)} pictures" for split, part in parts.items()) + f", on {context}")
    model = _network(args, scenes, given, parts.get("train"), context)
    history = training.History()
    if args.epochs:
        classes = len(scenes.labels)
        history = training.train(model, parts["train"], parts["validation"], preprocessing, recipe, classes)
    found = find(model, parts["test"].pixels, preprocessing, context)
    judged = evaluation.evaluate(parts["test"].objects, found, len(scenes.labels), args.seed)

    told = {**vars(recipe), "pretrained_digest": pretrained.digest(given) if given is not None else ""}
    description = folder.describe(args.name, args.architecture, scenes, preprocessing, told, history, judged)
    with outputs.folder("model") as path:
        network.export(model, path, args.side, args.side, context)
        description.write(path)
    outputs.describe("model", framework="mxnet", architecture=args.architecture, data=scenes.digest)
    outputs.metrics("metrics", folder.metrics(scenes.labels, history, judged))
    with outputs.file("curves") as path:
        folder.write_json(path, folder.curves(scenes.labels, judged))
    with outputs.file("report") as path:
        path.write_text(page.page(scenes, parts["test"], found, judged, history).render(), encoding="utf-8")
    low, high = judged.area[1:]
    _say(f"test mAP50 {judged.area.value:.4f} [{low:.4f}, {high:.4f}] on {judged.pictures} pictures")


def _recipe(args: argparse.Namespace) -> Any:
    from components.fine_tune.detector.training import Recipe

    return Recipe(
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        mirror=args.mirror,
        shift=args.shift,
        patience=args.patience,
        seed=args.seed,
    )


def _network(args: argparse.Namespace, scenes: Scenes, given: bytes | None, data: Any, context: Any) -> Any:
    """Returns the network with its first weights, answering the dataset's classes."""
    from components.fine_tune.detector import anchors, network, pretrained
    from components.fine_tune.detector.framework import mx

    small = args.architecture == network.SMALL
    model = network.small(scenes.labels) if small else network.zoo(args.architecture, scenes.labels)
    if given is None:
        network.initialize(model, context, args.seed)
        model(mx.nd.zeros((1, 3, args.side, args.side), ctx=context))  # its layers learn their input's channels
        network.set_anchors(model, anchors.fit(data.sizes, network.anchor_count(model)))
        known = []
    else:
        mx.random.seed(args.seed)
        pretrained.adopt(model, given, context)
        known = [label for label in scenes.labels if label in model.classes]
        if not args.epochs and len(known) < len(scenes.labels):
            unknown = listed([label for label in scenes.labels if label not in known])
            raise InputError(f"--epochs: expected 1 or more, as the given weights do not know {unknown}, found 0")
    pretrained.reset_classes(model, scenes.labels, known)
    return model


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
