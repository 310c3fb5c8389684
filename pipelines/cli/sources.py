"""What several commands ask for: a pipeline by its name or file, its profile, its images, its parameters."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from components.errors import InputError
from components.serve.deploy.kubernetes.placement import Placement
from pipelines import placement, registry
from pipelines.targets import documents, images, kfp

_FILES = (".yaml", ".yml")


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """Adds the option for a run's parameters."""
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="may be given repeatedly")


def add_placing(parser: argparse.ArgumentParser) -> None:
    """Adds the options for where steps run and where their images come from."""
    parser.add_argument("--profile", help="where the steps run that gain by a GPU (default: cpu)")
    parser.add_argument("--profiles", type=Path, metavar="FILE", help="more profiles, YAML")
    parser.add_argument(
        "--images",
        action="append",
        default=[],
        metavar="WHERE",
        help="where the images come from: registry/path, :tag, torch=reference, or a YAML file of these; "
        "may be given repeatedly",
    )


def is_file(name: str) -> bool:
    """Says whether a pipeline is given as a compiled file."""
    return name.endswith(_FILES)


def profile(args: argparse.Namespace) -> Placement:
    """Returns the chosen profile; ``cpu`` where none is named."""
    return placement.choose(args.profile or "cpu", args.profiles)


def compiled(name: str, known: Mapping[str, registry.Entry], chosen: Placement) -> kfp.Documents:
    """Returns the IR of the pipeline called ``name``."""
    return kfp.compiled(registry.find(name, known), chosen)


def content(args: argparse.Namespace) -> kfp.Documents:
    """Returns the IR of ``args.name``, a pipeline or a compiled file, its images as the repository names them.

    Raises:
        InputError: A compiled file is to be placed: it has been.
    """
    if not is_file(args.name):
        return compiled(args.name, registry.entries(), profile(args))
    if args.profile or args.profiles:
        raise InputError(f"expected no profile with a compiled file, whose steps are placed, found {args.name} and one")
    return documents.load_file(Path(args.name))


def chosen_images(args: argparse.Namespace) -> images.Images:
    """Returns what ``--images`` says."""
    return images.chosen(args.images)
