"""From a package to a model that answers: the archive's own code if it has some and it is allowed, else a runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from components.errors import InputError
from components.package.archive import Package
from components.serve.handlers import CODE, Handler
from components.serve.runtimes import Runtime

DESCRIPTION = "model.json"


class Settings(NamedTuple):
    """How a model is loaded; see ``Options`` of ``runtimes.classifier`` and ``runtimes.detector``.

    Attributes:
        allow_code: Whether code inside the archive may run.
        digest: The identity the package must have, ``sha256:…``; empty for any.
        threads: Of one batch on a CPU, 0 for the library's own choice.
        device: ``cpu``, ``cuda``, or empty.
        bfloat16: Half precision; torch only.
        fold: Fold batch normalisation; torch only.
        public_key: That must have signed the package, PEM text or the path of a file; empty for the environment's.
    """

    allow_code: bool = False
    digest: str = ""
    threads: int = 0
    device: str = ""
    bfloat16: bool = False
    fold: bool = False
    public_key: str = ""


class Loaded(NamedTuple):
    """A model that is ready to answer.

    Attributes:
        name: From its description; empty if it has none.
        version: The first twelve digits of the package's digest.
        digest: The package's, ``sha256:…``.
        model: A runtime, or the archive's own handler.
    """

    name: str
    version: str
    digest: str
    model: Runtime | Handler


def load(place: Path, settings: Settings) -> Loaded:
    """Loads a packaged model, from verified bytes only, and warms it up.

    Args:
        place: An unpacked package, or a ``model.tar.gz`` (one with code must be unpacked).
        settings: How.

    Raises:
        ArchiveError: The package is damaged, not what its manifest says, or not signed by the key that is required.
        InputError: It holds code that is not allowed, or asks for a framework, task or architecture that is not known.
        WeightsError: The weights do not fit the description.
    """
    package = Package(place, digest=settings.digest or None, public_key=settings.public_key)
    version = package.digest.removeprefix("sha256:")[:12]
    name = package.description.name if DESCRIPTION in package.manifest.files else ""
    model = _handler(package, settings) if CODE in package.manifest.files else _runtime(package, settings)
    return Loaded(name, version, package.digest, model)


def _handler(package: Package, settings: Settings) -> Handler:
    if not settings.allow_code:
        raise InputError(f"expected a model without code, or --allow-code, found {CODE} in the archive")
    if not package.place.is_dir():
        raise InputError(f"expected an unpacked archive for one with {CODE}, found {package.place.name}")
    package.verify()
    return Handler(package.place, package.read(CODE))


def _runtime(package: Package, settings: Settings) -> Runtime:
    if DESCRIPTION not in package.manifest.files:
        raise InputError(f"expected {DESCRIPTION} or {CODE} in the package, found neither")
    wanted = (package.description.framework, package.description.task)
    if wanted not in _RUNTIMES:
        known = ", ".join(f"{framework} for {task}" for framework, task in _RUNTIMES)
        raise InputError(f"expected a model of {known}, found {wanted[0]!r} for {wanted[1]!r}")
    return _RUNTIMES[wanted](package, settings)


def _classifier(package: Package, settings: Settings) -> Runtime:
    from components.serve.runtimes import classifier

    description = package.description
    options = classifier.Options(settings.threads, settings.device, settings.bfloat16, settings.fold)
    runtime = classifier.load(description, package.read(description.weights), options)
    runtime.warm_up()
    return runtime


def _detector(package: Package, settings: Settings) -> Runtime:
    from components.serve.runtimes import detector

    if settings.bfloat16 or settings.fold:
        raise InputError("expected a torch model with --bfloat16 or --fold, found one for MXNet")
    description = package.description
    network, weights = package.read(description.symbol), package.read(description.weights)
    return detector.load(description, network, weights, detector.Options(settings.threads, settings.device))


_RUNTIMES: dict[tuple[str, str], Callable[[Package, Settings], Runtime]] = {
    ("torch", "classification"): _classifier,
    ("mxnet", "detection"): _detector,
}
