"""The packed model: its digest and files, verified while the page was made."""

from __future__ import annotations

from pathlib import Path

from components.package.archive import Package
from components.report import wording
from components.report.blocks import Block, Figure, Figures, Table
from components.report.lineage import Link
from components.report.page import Section

_MOST = 200


def section(package: Package) -> Section:
    """Returns the section."""
    files = sorted(package.manifest.files.items())
    size = _size(package.place)
    blocks: list[Block] = [
        Figures(
            [
                Figure("Files", wording.count(len(files)), proof="every SHA-256 verified"),
                Figure("Unpacked", wording.size(package.manifest.size)),
                *([Figure("Packed", wording.size(size))] if size else []),
            ]
        ),
        Table(
            ("file", "size", "SHA-256"),
            [
                ("manifest.json, the model's identity", "", package.digest.removeprefix("sha256:")),
                *((name, wording.size(file.size), file.sha256) for name, file in files[:_MOST]),
            ],
            f"The manifest's {len(files)} files" + (f", the first {_MOST}" if len(files) > _MOST else ""),
            numeric=frozenset({1}),
            code=frozenset({2}),
        ),
    ]
    return Section("Package", blocks, "Read whole and compared with its manifest while this page was made.")


def link(package: Package) -> Link:
    """Returns the archive's place in the lineage."""
    return Link("Archive", "model.tar.gz", package.digest, wording.size(_size(package.place) or package.manifest.size))


def _size(place: Path) -> int:
    return place.stat().st_size if place.is_file() else 0
