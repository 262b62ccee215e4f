"""The pages that a sitemap names. Source: https://www.sitemaps.org/protocol.html.

Bounded in every direction, and a document type is refused: whoever writes entities that swell, or
that read files, is no sitemap.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit
from xml.parsers import expat

from consent.errors import RefusedError
from consent.fetch import Fetcher, unzipped

KINDS = ("application/xml", "text/xml", "application/gzip", "application/x-gzip")
MOST_ADDRESSES = 50_000
MOST_SITEMAPS = 20
"""Of one index that are read; an index in an index is none."""
_GZIP = b"\x1f\x8b"
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


class Sitemap(NamedTuple):
    """``is_index``: the addresses are those of sitemaps, not of pages."""

    is_index: bool
    addresses: tuple[str, ...]


def looks_like_one(content: bytes) -> bool:
    """Whether ``content`` is XML or gzip rather than a page."""
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    return content.startswith(_GZIP) or (
        start.startswith(b"<?xml") and b"<html" not in start.lower()
    )


def read(content: bytes, name: str) -> Sitemap:
    """The sitemap in ``content``, XML or that in gzip.

    Raises:
        RefusedError: it is none, has a document type, or is too large; ``name`` says where.
    """
    if content.startswith(_GZIP):
        content = unzipped(content)
    reader = _Reader()
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise _refused(name, f"is no XML ({error}); expected a sitemap") from error
    except _NotASitemapError as error:
        raise _refused(name, str(error)) from error
    return Sitemap(reader.root == "sitemapindex", tuple(dict.fromkeys(reader.addresses)))


async def pages(fetcher: Fetcher, sitemap: Sitemap, limit: int) -> list[str]:
    """The first ``limit`` pages of ``sitemap`` and, when it is an index, of its sitemaps.

    Raises:
        RefusedError: one of them cannot be fetched or is none.
    """
    if not sitemap.is_index:
        return list(sitemap.addresses[:limit])
    found: list[str] = []
    for address in sitemap.addresses[:MOST_SITEMAPS]:
        if len(found) >= limit:
            break
        answer = await fetcher.get(address, KINDS)
        inner = read(answer.content, address)
        if inner.is_index:
            raise _refused(address, "is an index in an index; expected a list of pages")
        found.extend(inner.addresses)
    return found[:limit]


def on_host(addresses: list[str], url: str) -> list[str]:
    """Those of ``addresses`` on the host of ``url``, which alone a sitemap there may speak of."""
    own = _host(url)
    return [one for one in addresses if _host(one) == own]


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


class _NotASitemapError(Exception):
    pass


class _Reader:
    """Collects ``loc`` of ``url`` and ``sitemap``, and stops at what no sitemap has."""

    def __init__(self) -> None:
        self.root = ""
        self.addresses: list[str] = []
        self._path: list[str] = []
        self._text: list[str] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._say

    def _doctype(self, *_: object) -> None:
        raise _NotASitemapError("has a document type; expected a sitemap without")

    def _start(self, name: str, _: object) -> None:
        space, _, local = name.rpartition(" ")
        if not self._path:
            if local not in ("urlset", "sitemapindex") or space not in ("", _NAMESPACE):
                raise _NotASitemapError(f"is {local[:40]!r}; expected urlset or sitemapindex")
            self.root = local
        self._path.append(local if space in ("", _NAMESPACE) else "")
        if len(self._path) > 20:
            raise _NotASitemapError("is nested too deeply; expected a sitemap")
        self._text = []

    def _end(self, _: str) -> None:
        if self._path[1:] in (["url", "loc"], ["sitemap", "loc"]):
            self.addresses.append("".join(self._text).strip()[:2048])
            if len(self.addresses) > MOST_ADDRESSES:
                raise _NotASitemapError(
                    f"has too many addresses; expected at most {MOST_ADDRESSES:,}"
                )
        self._path.pop()

    def _say(self, text: str) -> None:
        self._text.append(text)


def _refused(name: str, said: str) -> RefusedError:
    return RefusedError("no_sitemap", f"{name[:200]}: {said}")
