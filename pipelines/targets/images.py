"""Where the images of the steps come from: another registry, another tag, a digest.

The pipelines name their images as ``make images`` builds them, ``roadworthy/torch:0.1.0``. ``--images`` says what
stands for them in a cluster, and may be given repeatedly; later ones win over earlier ones:

* ``registry.example/team``: all three lie below this place, ``registry.example/team/roadworthy/torch:0.1.0``;
* ``:2026-11-23``: all three have this tag;
* ``torch=registry.example/team/torch@sha256:…``: one image, as a whole reference;
* ``images.yaml``: a file with any of ``registry``, ``tag``, ``torch``, ``detector``, ``analysis``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.artifacts import VERSION, image
from components.errors import InputError
from pipelines.targets import documents

NAMES = ("analysis", "detector", "torch")
"""The folders under ``images/``."""

_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
# The grammar of distribution/reference; a host is what has a dot, a colon or brackets in it, or is localhost.
_REFERENCE = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::{_TAG})?(?:@sha256:[0-9a-f]{{64}})?")
_REGISTRY = re.compile(rf"{_HOST}(?:/{_PART})*")


@dataclass(frozen=True)
class Images:
    """What stands for the three images.

    Attributes:
        registry: Before ``roadworthy/<name>``; empty: nothing.
        tag: In place of the version; empty: the version.
        whole: References by name, which win over both.
    """

    registry: str = ""
    tag: str = ""
    whole: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """Returns the reference of the image called ``name``."""
        if name in self.whole:
            return self.whole[name]
        prefix = f"{self.registry}/" if self.registry else ""
        return f"{prefix}roadworthy/{name}:{self.tag or VERSION}"

    def placed(self, tree: Any) -> Any:
        """Returns documents or objects in which each text that is one of our images is what stands for it.

        Steps' images are such texts, and so are parameters that name an image to deploy.
        """
        ours = {image(name): self.of(name) for name in NAMES}
        return _mapped(tree, lambda text: ours.get(text, text))


def chosen(given: Sequence[str]) -> Images:
    """Returns what ``--images`` says; each of ``given`` is of one of the forms above.

    Raises:
        InputError: One is of no such form, or names an image that there is not.
    """
    said: dict[str, str] = {}
    for one in given:
        name, sign, reference = one.partition("=")
        if one.endswith((".yaml", ".yml")):
            said |= _file(Path(one))
        elif sign:
            said |= _checked({name: reference}, "--images")
        elif one.startswith(":"):
            said |= _checked({"tag": one[1:]}, "--images")
        else:
            said |= _checked({"registry": one.rstrip("/")}, "--images")
    return Images(said.pop("registry", ""), said.pop("tag", ""), said)


def _file(path: Path) -> dict[str, str]:
    content = documents.load_file(path, "a file of images")
    if len(content) != 1 or not isinstance(content[0], dict):
        raise InputError(f"{path}: expected an object of images by name, registry and tag, found another form")
    return _checked(content[0], str(path))


def _checked(said: Mapping[str, Any], where: str) -> dict[str, str]:
    forms = {"registry": (_REGISTRY, "a registry, host[:port][/path]"), "tag": (re.compile(_TAG), "a tag")}
    for name, value in said.items():
        if name not in (*forms, *NAMES):
            raise InputError(f"{where}: expected an image among {', '.join(NAMES)}, found {name!r}")
        pattern, expected = forms.get(name, (_REFERENCE, f"an image's reference as {name}"))
        # Without a tag or digest a cluster would pull `latest`, whatever that is on the day.
        bare = name in NAMES and isinstance(value, str) and not re.search(r":[^/]+$", value)
        if not isinstance(value, str) or not pattern.fullmatch(value) or bare:
            more = " with a tag or digest" if name in NAMES else ""
            raise InputError(f"{where}: expected {expected}{more}, found {value!r}")
    return dict(said)


def _mapped(tree: Any, change: Callable[[str], str]) -> Any:
    if isinstance(tree, str):
        return change(tree)
    if isinstance(tree, Mapping):
        return {key: _mapped(value, change) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_mapped(value, change) for value in tree]
    return tree
