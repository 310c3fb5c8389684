"""The stage ``package``: packs a trained model, verifies an archive, unpacks one, or fetches one from its place."""

from __future__ import annotations

import argparse
import sys

from components.artifacts import Outputs, Stage, dispatch
from components.package.archive import Package, check_model, pack, unpack
from components.package.limits import MIB


def _pack_stage() -> Stage:
    stage = Stage("package pack", "Packs a trained model into one deterministic model.tar.gz with a manifest.")
    stage.input("model", "folder that fine_tune wrote: model.json, its weights, perhaps code/", kind="Model")
    stage.output("archive", "Model", "model.tar.gz")
    stage.result("digest", "the model's identity: sha256:… of the manifest")
    return stage


def _verify_stage() -> Stage:
    stage = Stage("package verify", "Checks an archive, its description and its weights; prints the model's digest.")
    stage.input("archive", "model.tar.gz, or the folder it was unpacked to", kind="Model")
    stage.parameter("digest", "sha256:… that the model must have", default="")
    return stage


def _unpack_stage() -> Stage:
    stage = Stage("package unpack", "Verifies an archive and unpacks it into a folder; prints the model's digest.")
    stage.input("archive", "model.tar.gz", kind="Model")
    stage.output("folder", "Model", "new folder, not a mount point itself")
    stage.parameter("digest", "sha256:… that the model must have", default="")
    return stage


def _fetch_stage() -> Stage:
    stage = Stage("package fetch", "Copies an archive out of a place, verifies and unpacks it; prints its digest.")
    stage.output("folder", "Model", "folder, not a mount point itself; what was there is replaced when all is well")
    stage.parameter("uri", "place of a model.tar.gz, file:// or s3://")
    stage.parameter("digest", "sha256:… that the model must have")
    return stage


def pack_model(args: argparse.Namespace, outputs: Outputs) -> None:
    """Packs, and checks what was packed before it takes its place."""
    with outputs.file("archive") as path:
        manifest = pack(args.model, path)
        description = check_model(Package(path))
        size = path.stat().st_size
    outputs.value("digest", manifest.digest)
    outputs.describe(
        "archive",
        model=description.name,
        framework=description.framework,
        task=description.task,
        architecture=description.architecture,
        classes=len(description.labels),
        digest=manifest.digest,
        bytes=size,
        files={name: file.size for name, file in manifest.files.items()},
    )
    print(f"packed {len(manifest.files)} files, {size / MIB:.1f} MiB: {manifest.digest}")


def verify_model(args: argparse.Namespace, outputs: Outputs) -> None:
    """Checks every file, the description, and that the weights fit it."""
    package = Package(args.archive, digest=args.digest or None)
    package.verify()
    check_model(package)
    print(package.digest)


def unpack_model(args: argparse.Namespace, outputs: Outputs) -> None:
    """Unpacks, and checks what was unpacked before it takes its place."""
    with outputs.folder("folder") as path:
        unpack(args.archive, path, digest=args.digest or None)
        package = Package(path)
        check_model(package)
    print(package.digest)


def fetch_model(args: argparse.Namespace, outputs: Outputs) -> None:
    """Fetches what a server is to load, under the digest that it was asked for."""
    from components.package.fetch import fetch
    from components.storage import place

    with outputs.folder("folder") as path:
        manifest = fetch(place(args.uri), path, args.digest)
    print(manifest.digest)


STAGES = {
    "pack": (_pack_stage(), pack_model),
    "verify": (_verify_stage(), verify_model),
    "unpack": (_unpack_stage(), unpack_model),
    "fetch": (_fetch_stage(), fetch_model),
}


if __name__ == "__main__":
    sys.exit(dispatch(STAGES))
