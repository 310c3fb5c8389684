"""Writes what an image holds, as CycloneDX JSON: ``python inventory.py torch /opt/roadworthy > sbom.json``.

Runs inside the image while it is built, over what is there: the environment's packages, those of the base image's
Python, and the distribution's from dpkg's own records. The same contents give the same bytes: no time stands in it, and
its serial number follows from what it lists.
"""

from __future__ import annotations

import json
import platform
import re
import sys
import uuid
from collections.abc import Iterator
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

DPKG = Path("/var/lib/dpkg/status")
SYSTEM = Path("/etc/os-release")


def main(name: str, environment: Path) -> str:
    """Returns the SBOM of image ``name``, whose own packages lie in ``environment``."""
    root = Component(name=f"roadworthy/{name}", type=ComponentType.CONTAINER, bom_ref=name)
    below = Path(sys.base_prefix)  # the base image's Python: /usr/local or /usr
    own, lent = packages(libraries(environment), "environment"), packages(libraries(below), "base")
    bom = Bom(components=[*own, *lent, *system(), interpreter()])
    bom.metadata.component = root
    bom.register_dependency(root, bom.components)
    listed = sorted(str(component.purl or component.name) for component in bom.components)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, "\n".join([name, *listed]))
    content = json.loads(JsonV1Dot6(bom).output_as_string())
    del content["metadata"]["timestamp"]
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def libraries(prefix: Path) -> list[Path]:
    """Returns the folders below ``prefix`` that may hold installed packages of Python."""
    return sorted({*prefix.glob("lib/python3*/site-packages"), *prefix.glob("lib/python3*/dist-packages")})


def packages(folders: list[Path], part: str) -> Iterator[Component]:
    """Yields the installed packages of Python, marked as of one ``part`` of the image."""
    for found in distributions(path=[str(folder) for folder in folders]):
        name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
        purl = PackageURL("pypi", None, name, found.version)
        licence = stated(found)
        yield Component(
            name=name,
            version=found.version,
            type=ComponentType.LIBRARY,
            purl=purl,
            bom_ref=f"{purl}#{part}",
            properties=[Property(name="roadworthy:part", value=part)],
            licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        )


def stated(found: Distribution) -> str:
    """Returns a package's licence as it states it: an SPDX expression, or the first line of free text."""
    fields = found.metadata
    texts = [*(fields.get_all("License-Expression") or []), *(fields.get_all("License") or [])]
    text = next((text for text in texts if text != "UNKNOWN"), "")
    classified = [c.rpartition(" :: ")[2] for c in fields.get_all("Classifier") or [] if c.startswith("License")]
    # Some put the licence's whole text where its name belongs.
    return text if text and "\n" not in text and len(text) < 80 else " AND ".join(sorted(classified))


def system() -> Iterator[Component]:
    """Yields the distribution and its packages; nothing where there is no dpkg."""
    if not DPKG.is_file():
        return
    release = dict(line.split("=", 1) for line in SYSTEM.read_text().splitlines() if "=" in line)
    who, number = (release.get(key, "").strip('"') for key in ("ID", "VERSION_ID"))
    yield Component(name=who, version=number, type=ComponentType.OPERATING_SYSTEM, bom_ref=f"{who}-{number}")
    for record in DPKG.read_text(encoding="utf-8").split("\n\n"):
        fields = HeaderParser().parsestr(record)
        if not fields["Status"] or not fields["Status"].endswith(" installed"):
            continue
        qualifiers = {"arch": fields["Architecture"], "distro": f"{who}-{number}"}
        purl = PackageURL("deb", who, fields["Package"], fields["Version"], qualifiers)
        yield Component(
            name=fields["Package"],
            version=fields["Version"],
            type=ComponentType.LIBRARY,
            purl=purl,
            bom_ref=purl.to_string(),
        )


def interpreter() -> Component:
    """Returns the Python that runs it all."""
    purl = PackageURL("generic", None, "python", platform.python_version())
    return Component(
        name="python", version=platform.python_version(), type=ComponentType.PLATFORM, purl=purl, bom_ref=str(purl)
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"expected the name of an image and its environment, found {sys.argv[1:]}")
    sys.stdout.write(main(sys.argv[1], Path(sys.argv[2])))
