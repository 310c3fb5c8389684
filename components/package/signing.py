"""Signing a model that is packed already, or that was unpacked."""

from __future__ import annotations

from pathlib import Path

from components.package import signature
from components.package.limits import Limits
from components.package.loading import Package
from components.package.manifest import SIGNATURE, Manifest
from components.package.packing import pack
from components.package.private_keys import PrivateKey
from components.package.reading import unpack
from components.whole import replacing, scratch, sweep


def sign(place: Path, key: PrivateKey, limits: Limits = Limits()) -> Manifest:  # noqa: B008 - frozen
    """Puts a signature into an archive or an unpacked model, in the place of the one that is there, if any.

    All files are checked first. The model's identity stays the same. An archive is written anew, in our own form, and
    takes its place when it is whole; for a moment there is room for it twice more.

    Args:
        place: A ``model.tar.gz``, or a folder that :func:`components.package.reading.unpack` made.
        key: Of whoever signs.
        limits: What it may hold.

    Raises:
        ArchiveError: It is damaged, or not what its manifest says.
    """
    if place.is_dir():
        return _sign_folder(place, key, limits)
    with scratch(place) as folder:
        unpack(place, folder, limits, public_key=None)
        return pack(folder, place, limits, key=key)


def _sign_folder(folder: Path, key: PrivateKey, limits: Limits) -> Manifest:
    sweep(folder / SIGNATURE)  # of a run that was killed: no file of the model
    package = Package(folder, limits=limits, public_key=None)
    package.verify()
    made = signature.make(package.manifest, key)
    with replacing(folder / SIGNATURE) as partial:
        partial.write_bytes(made)
    return package.manifest
