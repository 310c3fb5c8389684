"""Reads a page as a browser's parser would, and says what would make it less than self-contained."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2].joinpath("components", "report", "sort.js").read_text(encoding="utf-8")
VOID = {"meta", "img", "br", "hr"}
# What no page has: frames, forms, and elements that load or redirect.
FORBIDDEN = {"iframe", "frame", "object", "embed", "form", "input", "link", "base", "foreignobject", "use"}
# Attributes that can hold an address.
ADDRESSES = {"src", "href", "xlink:href", "srcset", "action", "data", "poster", "background", "formaction", "ping"}


@dataclass
class Read:
    """A parsed page.

    Attributes:
        skeleton: Every start tag with the names of its attributes, and every end tag, in order.
        texts: What is between tags.
        values: What is in attributes.
        problems: Why it is not well-formed, or not self-contained.
    """

    skeleton: list[tuple[str, ...]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.texts)

    def headings(self) -> list[str]:
        """The second-level headings, in order."""
        places = [i for i, tag in enumerate(self.skeleton) if tag[0] == "h2"]
        return [self._texts_by_place[i] for i in places]

    _texts_by_place: dict[int, str] = field(default_factory=dict)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.read = Read()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        read = self.read
        read.skeleton.append((tag, *(name for name, _ in attrs)))
        read.values += [value or "" for _, value in attrs]
        if tag == "script" and (attrs or self.open != ["html", "body"]):
            read.problems.append(f"<script> with {attrs}"[:200])
        if tag in FORBIDDEN or len({name for name, _ in attrs}) != len(attrs):
            read.problems.append(f"<{tag}> with {attrs}"[:200])
        for name, value in attrs:
            if name.startswith("on") or (name in ADDRESSES and not _within(tag, name, value or "")):
                read.problems.append(f"<{tag} {name}={value}>"[:200])
            if name == "style" and not re.fullmatch(
                r"(--)?[a-z-]+: [\d.]+(px|%)(; [a-z-]+: [\d.]+(px|%))*", value or ""
            ):
                read.problems.append(f"style {value}"[:200])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.read.skeleton.append((f"/{tag}",))
        if not self.open or self.open.pop() != tag:
            self.read.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            if data != SCRIPT or ("script",) not in self.read.skeleton:
                self.read.problems.append("a script that is not the page's own")
            return
        if self.open[-1:] == ["style"] and re.search(r"url\(|@import|expression|<", data):
            self.read.problems.append("a style that loads")
        self.read.texts.append(data)
        self.read._texts_by_place.setdefault(len(self.read.skeleton) - 1, data)

    def handle_comment(self, data: str) -> None:
        self.read.problems.append(f"comment {data[:80]}")


def _within(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return re.fullmatch(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/]+=*", value) is not None
    return tag == "a" and name == "href" and re.fullmatch(r"#section-\d+", value) is not None


def read_page(document: str) -> Read:
    """Parses a page."""
    parser = _Parser()
    parser.feed(document)
    parser.close()
    if parser.open:
        parser.read.problems.append(f"never closed: {parser.open}")
    return parser.read
