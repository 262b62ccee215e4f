"""A page's HTML as a flat list of the elements that can load something, each with its place.

A tokenizer cuts the elements out, in one pass and in time linear in the text whatever the text is;
BeautifulSoup reads each one. A whole tree is not built: five megabytes of nested tags would take a
minute and a gigabyte, and no finding needs a parent.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Literal, NamedTuple
from urllib.parse import urljoin

State = Literal["live", "commented", "noscript", "inert"]
"""Whether a browser looks at it: always, never (a comment), without scripts, never (a template)."""

MOST_ELEMENTS = 10_000
"""Of those that are read; a page with more is read so far."""
_LONGEST_TAG = 32_768
"""A start tag that is longer holds a picture in its address, and nothing to load."""

_WANTED = frozenset(("script", "iframe", "img", "link", "meta", "base", "head", "body"))
_INSIDE: Mapping[str, State] = {"noscript": "noscript", "template": "inert"}
# Every alternative takes at least one character and gives none back, so the whole is linear.
_ATTRIBUTES = r"""(?:[^"'>=]++|=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))|["'=])*+"""
_TOKEN = re.compile(
    rf"""(?P<comment><!--(?:-?>|(?P<said>[\s\S]*?)(?:--!?>|\Z)))
    |(?P<opened><(?P<raw>script|style|textarea|title|iframe|xmp|noembed|noframes)(?=[\s/>])
      {_ATTRIBUTES}(?:>|\Z))(?P<content>[\s\S]*?)(?:</(?P=raw)(?=[\s/>]){_ATTRIBUTES}(?:>|\Z)|\Z)
    |(?P<tag><(?P<end>/?)(?P<name>[a-z][^\s/>]*+){_ATTRIBUTES}(?:>|\Z))
    |<[!?/][^>]*+(?:>|\Z)""",
    re.IGNORECASE | re.VERBOSE,
)


class Element(NamedTuple):
    """An element and its place in the page's text, as offsets."""

    name: str
    attributes: Mapping[str, str]
    """Names in small letters; of a name that is there twice the first counts."""
    text: str
    """What stands between its tags, of a script or a frame; else empty."""
    start: int
    text_start: int
    end: int
    state: State

    def get(self, name: str) -> str:
        """The attribute without spaces around it; empty when it is not there."""
        return self.attributes.get(name, "").strip()


class Place(NamedTuple):
    """Both from 1."""

    line: int
    column: int


class Page:
    """A page's text and the elements in it, in their order.

    Args:
        text: HTML, or code alone.
        url: where it came from, for addresses that leave something out.
    """

    def __init__(self, text: str, url: str = "") -> None:
        self.text = text
        found = _elements(text, 0, "live")
        self.elements = tuple(one for _, one in zip(range(MOST_ELEMENTS), found, strict=False))
        base = next((one.get("href") for one in self.elements if one.name == "base"), "")
        self._base = _joined(url, base) if base else url

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def place(self, at: int) -> Place:
        """Line and column of the character at ``at``."""
        line = bisect_right(self._lines, at)
        return Place(line, at - self._lines[line - 1] + 1)

    def address(self, written: str) -> str:
        """``written`` as a whole address; as it is where it is none."""
        if written.startswith("//") and not self._base:
            return f"https:{written}"
        return _joined(self._base, written)


def _joined(base: str, written: str) -> str:
    try:
        return urljoin(base, written)
    except ValueError:  # such as a bracket where a host should be
        return written


def _elements(text: str, offset: int, state: State) -> Iterator[Element]:
    inside: list[State] = []
    for token in _TOKEN.finditer(text):
        now = inside[-1] if inside else state
        if token["comment"]:
            if state == "live" and "<" in (token["said"] or ""):
                yield from _elements(token["said"], offset + token.start("said"), "commented")
            continue
        opened = token["opened"] or token["tag"]
        if not opened:
            continue
        name = (token["raw"] or token["name"]).lower()
        if token["end"]:
            if name in _INSIDE and inside:
                inside.pop()
        elif name in _INSIDE:
            inside.append(now if now in ("commented", "inert") else _INSIDE[name])
        elif name in _WANTED and len(opened) <= _LONGEST_TAG:
            at = offset + token.start()
            yield Element(
                name,
                _attributes(opened, name),
                token["content"] or "" if token["raw"] else "",
                at,
                at + len(opened),
                offset + token.end(),
                now,
            )


def _attributes(opened: str, name: str) -> Mapping[str, str]:
    if len(opened) == len(name) + 2:
        return {}
    from bs4 import BeautifulSoup  # only who reads a page waits for it, and no start of the service

    soup = BeautifulSoup(
        opened, "html.parser", multi_valued_attributes=None, on_duplicate_attribute="ignore"
    )
    tag = soup.find(True)
    return {key: str(value) for key, value in tag.attrs.items()} if tag else {}
