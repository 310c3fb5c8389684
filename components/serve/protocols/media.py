"""Media types: what a body is (Content-Type), and what the answer may be (Accept).

RFC 9110, sections 8.3.1 and 12.5.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from components.errors import RequestError

JSON = "application/json"
NPY = "application/x-npy"
OCTETS = "application/octet-stream"

MAX_LENGTH = 512


class MediaType(NamedTuple):
    """A media type without its parameters, in lower case, and its parameters beside it."""

    name: str
    parameters: Mapping[str, str]


@lru_cache(maxsize=256)
def parse(header: str) -> MediaType:
    """Reads one media type, ``application/json; format=bare``.

    Raises:
        RequestError: 400, it is none.
    """
    if len(header) > MAX_LENGTH:
        raise RequestError(f"expected a media type of at most {MAX_LENGTH} characters, found {len(header)}")
    name, *rest = (part.strip() for part in header.split(";"))
    kind, slash, sub = name.partition("/")
    if not (kind and slash and sub) or " " in name:
        raise RequestError(f"expected a media type as in type/subtype, found {header[:80]!r}")
    parameters = {}
    for part in filter(None, rest):
        key, equals, value = part.partition("=")
        if not equals:
            raise RequestError(f"expected name=value after the media type, found {part[:80]!r}")
        parameters[key.strip().lower()] = value.strip().strip('"')
    return MediaType(name.lower(), parameters)


@lru_cache(maxsize=256)
def negotiate(accept: str, offered: tuple[str, ...]) -> MediaType:
    """Returns the best of ``offered`` for an Accept header: highest ``q`` first, then the client's order, then ours.

    Raises:
        RequestError: 406, none of them is acceptable; 400, the header is malformed.
    """
    if len(accept) > 2 * MAX_LENGTH:
        raise RequestError(f"expected an Accept of at most {2 * MAX_LENGTH} characters, found {len(accept)}")
    ranges = [parse(part) for part in accept.split(",") if part.strip()] or [MediaType("*/*", {})]
    for wanted in sorted(ranges, key=_quality, reverse=True):
        for name in offered:
            if _quality(wanted) > 0 and _matches(wanted.name, name):
                return MediaType(name, {k: v for k, v in wanted.parameters.items() if k != "q"})
    raise RequestError(f"expected an Accept that allows one of {_listed(offered)}, found {accept[:80]!r}", 406)


def unsupported(found: str, supported: Sequence[str]) -> RequestError:
    """Returns the 415 for a body of the type ``found``."""
    return RequestError(f"expected a Content-Type among {_listed(supported)}, found {found[:80]!r}", 415)


def _quality(media: MediaType) -> float:
    text = media.parameters.get("q", "1")
    try:
        quality = float(text)
    except ValueError:
        quality = -1.0
    if not 0 <= quality <= 1:
        raise RequestError(f"expected q from 0 to 1 in Accept, found {text[:20]!r}")
    return quality


def _matches(wanted: str, name: str) -> bool:
    kind, _, sub = wanted.partition("/")
    return wanted in ("*/*", name) or (sub == "*" and name.startswith(kind + "/"))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
