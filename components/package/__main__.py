"""The stage ``package``: packs and signs a trained model, verifies, unpacks and fetches an archive, makes keys."""

from __future__ import annotations

import argparse
import sys

from components.artifacts import Outputs, Stage, dispatch
from components.errors import InputError
from components.package import keys, private_keys
from components.package.archive import Package, check_model, pack, unpack
from components.package.limits import MIB


def _pack_stage() -> Stage:
    stage = Stage("package pack", "Packs a trained model into one deterministic model.tar.gz with a manifest.")
    stage.input("model", "folder that fine_tune wrote: model.json, its weights, perhaps code/", kind="Model")
    stage.output("archive", "Model", "model.tar.gz")
    stage.result("digest", "the model's identity: sha256:… of the manifest")
    _signing(stage)
    return stage


def _sign_stage() -> Stage:
    stage = Stage("package sign", "Signs an archive or an unpacked model where it lies; prints the model's digest.")
    stage.input("archive", "model.tar.gz, or the folder it was unpacked to", kind="Model")
    _signing(stage)
    return stage


def _key_stage() -> Stage:
    stage = Stage("package key", "Makes a pair of keys to sign models with; overwrites nothing.")
    stage.output("private_key", "Artifact", f"new file, mode 0600; encrypted if {keys.PASSWORD} is set")
    stage.output("public_key", "Artifact", "new file")
    stage.parameter("curve", "of the keys", default="P-256", choices=tuple(keys.CURVES))
    return stage


def _verify_stage() -> Stage:
    stage = Stage("package verify", "Checks an archive, its description and its weights; prints the model's digest.")
    stage.input("archive", "model.tar.gz, or the folder it was unpacked to", kind="Model")
    stage.parameter("digest", "sha256:… that the model must have", default="")
    _public(stage)
    return stage


def _unpack_stage() -> Stage:
    stage = Stage("package unpack", "Verifies an archive and unpacks it into a folder; prints the model's digest.")
    stage.input("archive", "model.tar.gz", kind="Model")
    stage.output("folder", "Model", "new folder, not a mount point itself")
    stage.parameter("digest", "sha256:… that the model must have", default="")
    _public(stage)
    return stage


def _fetch_stage() -> Stage:
    stage = Stage("package fetch", "Copies an archive out of a place, verifies and unpacks it; prints its digest.")
    stage.output("folder", "Model", "folder, not a mount point itself; what was there is replaced when all is well")
    stage.parameter("uri", "place of a model.tar.gz, file:// or s3://")
    stage.parameter("digest", "sha256:… that the model must have")
    _public(stage)
    return stage


def _signing(stage: Stage) -> None:
    stage.input("signing_key", f"private key in PEM; without it that in {keys.PRIVATE}, if it is set", optional=True)


def _public(stage: Stage) -> None:
    stage.parameter(
        "public_key", f"key that must have signed the model, PEM or its file; else {keys.PUBLIC}, if set", default=""
    )


def pack_model(args: argparse.Namespace, outputs: Outputs) -> None:
    """Packs, and checks what was packed before it takes its place."""
    key = private_keys.private(args.signing_key)
    with outputs.file("archive") as path:
        manifest = pack(args.model, path, key=key)
        description = check_model(Package(path, public_key=key.public.pem if key else None))
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
    if key:
        outputs.describe("archive", signed_by=key.public.fingerprint)
    by = f", signed by the key {key.public.name}…" if key else ""
    print(f"packed {len(manifest.files)} files, {size / MIB:.1f} MiB: {manifest.digest}{by}")


def sign_model(args: argparse.Namespace, outputs: Outputs) -> None:
    """Signs what was packed before."""
    from components.package.signing import sign

    key = private_keys.private(args.signing_key)
    if key is None:
        raise InputError(f"expected a key to sign with, found neither --signing-key nor {keys.PRIVATE}")
    print(sign(args.archive, key).digest)


def make_keys(args: argparse.Namespace, outputs: Outputs) -> None:
    """Makes a pair of keys, and tells the fingerprint by which signatures name it."""
    print(private_keys.generate(args.private_key, args.public_key, args.curve).fingerprint)


def verify_model(args: argparse.Namespace, outputs: Outputs) -> None:
    """Checks every file, the description, and that the weights fit it."""
    package = Package(args.archive, digest=args.digest or None, public_key=args.public_key)
    package.verify()
    check_model(package)
    print(package.digest)


def unpack_model(args: argparse.Namespace, outputs: Outputs) -> None:
    """Unpacks, and checks what was unpacked before it takes its place."""
    with outputs.folder("folder") as path:
        manifest = unpack(args.archive, path, digest=args.digest or None, public_key=args.public_key)
        package = Package(path, digest=manifest.digest, public_key=None)  # it was looked at just now
        check_model(package)
    print(package.digest)


def fetch_model(args: argparse.Namespace, outputs: Outputs) -> None:
    """Fetches what a server is to load, under the digest that it was asked for."""
    from components.package.fetch import fetch
    from components.storage import place

    with outputs.folder("folder") as path:
        manifest = fetch(place(args.uri), path, args.digest, public_key=args.public_key)
    print(manifest.digest)


STAGES = {
    "pack": (_pack_stage(), pack_model),
    "sign": (_sign_stage(), sign_model),
    "key": (_key_stage(), make_keys),
    "verify": (_verify_stage(), verify_model),
    "unpack": (_unpack_stage(), unpack_model),
    "fetch": (_fetch_stage(), fetch_model),
}


if __name__ == "__main__":
    sys.exit(dispatch(STAGES))
