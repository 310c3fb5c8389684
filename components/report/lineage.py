"""Where things come from and whether they fit together: the chain of artifacts, and what was checked between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.report.markup import NAME, Markup, join, short, tag


@dataclass(frozen=True)
class Link:
    """One artifact of a chain: what it is, its name, its digest, and figures that belong to it."""

    kind: str
    name: str
    digest: str = ""
    note: str = ""


@dataclass(frozen=True)
class Lineage:
    """What was made from what, in order; each link was made from the one before it."""

    links: Sequence[Link]

    def render(self) -> Markup:
        """Returns an ordered list; of each digest the first 12 digits, the whole of it in the tooltip."""
        return tag("ol", join(self._item(link) for link in self.links), class_="lineage")

    def _item(self, link: Link) -> Markup:
        bare = link.digest.removeprefix("sha256:")
        return tag(
            "li",
            tag("span", short(link.kind), class_="eyebrow"),
            tag("strong", short(link.name, NAME)),
            tag("code", visible_digest(bare), title=short(link.digest)) if bare else None,
            tag("span", short(link.note), class_="proof") if link.note else None,
        )


@dataclass(frozen=True)
class Check:
    """A statement about what the page shows, whether it holds, and what was found."""

    statement: str
    holds: bool
    found: str = ""


@dataclass(frozen=True)
class Checks:
    """Statements that were checked while the page was made."""

    checks: Sequence[Check]

    def render(self) -> Markup:
        """Returns a list; the verdict is a word and not only a colour."""
        return tag("ul", join(self._item(check) for check in self.checks), class_="checks")

    def _item(self, check: Check) -> Markup:
        word, kind = ("holds", "good") if check.holds else ("differs", "bad")
        found = tag("span", " ", short(check.found, 240), class_="proof") if check.found else None
        return tag("li", tag("b", word, class_=kind), " ", tag("span", short(check.statement, 240), found))


def visible_digest(digest: str) -> str:
    """Returns the first 12 digits of a digest."""
    return short(digest[:12]) + ("…" if len(digest) > 12 else "")
