"""Imports the KFP SDK without what no compilation needs.

``import kfp`` also imports ``kfp.client``, and ``kfp.kubernetes`` one function's client of the Kubernetes API: with all
its models, three quarters of the time that compiling every pipeline would take. Here both are left out until somebody
asks for them.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from components.errors import PipelineError

_CLIENT = "kfp.client"


def ready() -> None:
    """Imports kfp and, where it is installed, kfp-kubernetes, unless kfp has been imported already.

    Raises:
        PipelineError: It is not installed.
    """
    if "kfp" in sys.modules:
        return
    with ExitStack() as stack:
        for module, member in ((_CLIENT, "Client"), ("kubernetes", "client")):
            if module not in sys.modules:
                stack.enter_context(_standing_in(module, member))
        try:
            kfp = importlib.import_module("kfp")
        except ImportError:
            raise PipelineError("expected the KFP SDK, found none: pip install 'roadworthy[pipelines]'") from None
        with suppress(ImportError):  # asked for by pipelines that place steps, which then say what is missing
            importlib.import_module("kfp.kubernetes")
    for name in ("Client", "client"):
        vars(kfp).pop(name, None)
    vars(kfp)["__getattr__"] = _late


@contextmanager
def _standing_in(module: str, member: str) -> Iterator[None]:
    """Has an empty module of that name imported meanwhile; its users import the real one anew where they use it."""
    stand_in = types.ModuleType(module)
    setattr(stand_in, member, None)
    sys.modules[module] = stand_in
    try:
        yield
    finally:
        del sys.modules[module]


def _late(name: str) -> Any:
    """Is kfp's own ``__getattr__`` (PEP 562): imports the client when it is asked for."""
    if name not in ("Client", "client"):
        raise AttributeError(f"module 'kfp' has no attribute {name!r}")
    module = importlib.import_module(_CLIENT)
    return module if name == "client" else module.Client
