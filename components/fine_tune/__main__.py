"""The stage ``fine_tune``: a dataset folder in; a model folder, metrics and the confusion matrix out."""

from __future__ import annotations

import argparse
import sys

from components.artifacts import Outputs, Stage, number

stage = Stage("fine_tune", "Fine-tunes a ResNet18 on a dataset folder and judges it on the tracks of its test split.")
stage.input("dataset", "folder that the data stage wrote", kind="Dataset")
stage.output("model", "Model", "folder: model.safetensors and model.json")
stage.output("metrics", "Metrics", "accuracy with its interval, loss, epochs, seconds")
stage.output("confusion", "ClassificationMetrics", "the confusion matrix on the test split")
stage.parameter("name", "of the model", default="traffic-signs")
stage.parameter("pretrained", "URI of a safetensors file of ResNet18 weights; empty: from scratch", default="")
stage.parameter("side", "of the model's input, in pixels", type=number(int, 32, 1024), default=96)
stage.parameter("epochs", "at most", type=number(int, 1, 1000), default=5)
stage.parameter("batch_size", "images a step", type=number(int, 2, 4096), default=64)
stage.parameter("learning_rate", "the peak of its cycle", type=number(float, 1e-6, 10), default=0.1)
stage.parameter("patience", "epochs without a better one before it stops", type=number(int, 1, 1000), default=3)
stage.parameter("seed", "of weights, order and augmentation", type=number(int, 0, 2**31), default=0)


def work(args: argparse.Namespace, outputs: Outputs) -> None:
    """Loads, trains, judges, writes."""
    from components.data.dataset import read
    from components.images import Preprocessing
    from components.storage import place

    dataset, preprocessing = read(args.dataset), Preprocessing(args.side, args.side)
    pretrained = place(args.pretrained).read_bytes() if args.pretrained else None

    from components.fine_tune import evaluation, folder, network, pictures, training  # torch takes seconds to import

    recipe = training.Recipe(args.epochs, args.batch_size, args.learning_rate, patience=args.patience, seed=args.seed)
    training.seed_everything(args.seed)
    model = network.classifier(len(dataset.labels), pretrained)
    parts = {split: pictures.load(dataset, split, preprocessing) for split in ("train", "validation", "test")}
    print(", ".join(f"{split}: {len(part)} images" for split, part in parts.items()), file=sys.stderr, flush=True)
    history = training.train(model, parts["train"], parts["validation"], preprocessing, recipe)
    judged = evaluation.evaluate(model, parts["test"], preprocessing)

    description = folder.describe(args.name, dataset, preprocessing, recipe, history, judged)
    with outputs.folder("model") as path:
        folder.write(path, model, description)
    outputs.describe("model", framework="torch", architecture=network.ARCHITECTURE, data=dataset.digest)
    outputs.metrics("metrics", folder.metrics(history, judged))
    outputs.confusion_matrix("confusion", list(dataset.labels), judged.confusion.tolist())
    low, high = judged.interval
    print(f"test accuracy {judged.accuracy:.4f} [{low:.4f}, {high:.4f}] on {judged.count} images", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(stage.main(work))
