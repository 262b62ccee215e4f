"""Fetching one page that an owner names, without being led anywhere else.

The name is resolved here, every address it has is checked, and the connection goes to that very
address: a name that answers otherwise the next time (DNS rebinding) gains nothing. Each redirect
is checked anew. Size is bounded after decompression, time as a whole.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import httpx2

from consent import __version__
from consent.errors import RefusedError
from consent.fetch.addresses import OPEN

if TYPE_CHECKING:
    import httpcore2

    from consent.fetch.network import Resolve

MOST_BYTES = 5_000_000
MOST_REDIRECTS = 5
SECONDS = 10.0
HTML = ("text/html", "application/xhtml+xml")
USER_AGENT = f"Pixelgate/{__version__} (consent scan; looks at single pages that their owner names)"

_PORTS = {"http": 80, "https": 443}
_MOVED = (301, 302, 303, 307, 308)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}["']?([\w-]{1,40})""", re.I)


class Fetched(NamedTuple):
    """An answer with status 200."""

    url: str
    """Where it came from in the end."""
    kind: str
    """Its media type, in small letters."""
    content: bytes
    policies: tuple[str, ...]
    """Its headers ``Content-Security-Policy``."""
    charset: str = ""

    @property
    def text(self) -> str:
        """The content as text; what is no text in its encoding becomes a replacement character."""
        named = _CHARSET.search(self.content[:2048])
        guesses = (self.charset, named[1].decode() if named else "", "utf-8")
        for guess in filter(None, guesses):
            try:
                return self.content.decode(guess, "replace").removeprefix("\ufeff")
            except (LookupError, ValueError):
                continue
        return self.content.decode("utf-8", "replace")


async def resolve(host: str, port: int) -> list[str]:
    """Every address of ``host``, by the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Fetcher:
    """Fetches pages.

    Args:
        private: whether private addresses, and other ports than 80 and 443, may be asked.
        resolve: gives every address of a name.
        network: makes the connections; None means the system's.
        trust: whose certificates count; None means the usual ones.
        seconds: for one page, redirects included.
    """

    def __init__(
        self,
        *,
        private: bool = False,
        resolve: Resolve = resolve,
        network: httpcore2.AsyncNetworkBackend | None = None,
        trust: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._private = private
        self._seconds = seconds
        self._resolve = resolve
        self._network = network
        self._given_trust = trust

    async def get(self, url: str, kinds: Collection[str] = HTML) -> Fetched:
        """What is at ``url``, after at most ``MOST_REDIRECTS`` redirects.

        Raises:
            RefusedError: it may not be asked, does not answer in time with status 200, or is too
                large or of none of ``kinds``.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(self.allowed(url), kinds)
        except TimeoutError as error:
            late = f"did not answer in {self._seconds:g} seconds; try again"
            raise _unfetchable(url, late) from error
        except httpx2.HTTPError as error:
            why = f"{type(error).__name__}: {error}".strip(": ")
            raise _unfetchable(url, f"cannot be fetched ({why[:200]})") from error
        except (OSError, UnicodeError, httpx2.InvalidURL) as error:
            raise _unfetchable(url, f"cannot be reached ({str(error)[:200]})") from error

    def allowed(self, url: str) -> httpx2.URL:
        """``url`` read, as far as it can be judged without asking anybody.

        Raises:
            RefusedError: another scheme or port, or a user's name in it.
        """
        try:
            read = httpx2.URL(url)
            port = read.port or _PORTS.get(read.scheme, 0)
        except (httpx2.InvalidURL, ValueError, TypeError) as error:
            raise _unfetchable(url, "is no address; expected https://...") from error
        if read.scheme not in _PORTS or not read.host:
            raise _unfetchable(url, "is no web address; expected http:// or https://")
        if read.userinfo:
            raise _unfetchable(url, "has a user's name in it; expected an address without")
        if port not in _PORTS.values() and not self._private:
            raise _unfetchable(url, f"has port {port}; expected 80 or 443, or {OPEN}")
        return read

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        # Reading every certificate takes a while, and most who make a fetcher never use it.
        return self._given_trust or httpx2.create_ssl_context(trust_env=False)

    async def _follow(self, url: httpx2.URL, kinds: Collection[str]) -> Fetched:
        # What it imports takes a twentieth of the service's start, and few processes ever fetch.
        from consent.fetch.network import transport

        through = transport(self._network, self._resolve, self._trust, private=self._private)
        headers = {
            "user-agent": USER_AGENT,
            "accept": ", ".join(kinds),
            # Only what can be unpacked bit by bit, so that it cannot swell.
            "accept-encoding": "gzip",
        }
        async with httpx2.AsyncClient(
            transport=through, headers=headers, trust_env=False, timeout=self._seconds
        ) as client:
            for _ in range(MOST_REDIRECTS + 1):
                client.cookies.clear()
                async with client.stream("GET", url) as answer:
                    place = answer.headers.get("location", "")
                    if answer.status_code not in _MOVED or not place:
                        return await _read(answer, kinds)
                url = self.allowed(str(url.join(place)))
        raise _unfetchable(str(url), f"is the {MOST_REDIRECTS + 1}th redirect; expected fewer")


def unzipped(content: bytes, most: int = MOST_BYTES) -> bytes:
    """``content``, which is gzip, unpacked.

    Raises:
        RefusedError: it is not gzip, or more than ``most`` bytes come out.
    """
    unzip = _Unzip(most)
    unzip.feed(content)
    return unzip.done()


class _Unzip:
    """Unpacks gzip bit by bit, and stops where it would become too large."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0
        self._zip = zlib.decompressobj(wbits=47)

    def feed(self, chunk: bytes) -> None:
        while chunk:
            if self._zip.eof:
                self._zip = zlib.decompressobj(wbits=47)
            try:
                part = self._zip.decompress(chunk, self._most - self._size + 1)
            except zlib.error as error:
                raise RefusedError("unfetchable", f"gzip: cannot be read ({error})") from error
            self._parts.append(part)
            self._size += len(part)
            if self._size > self._most:
                raise too_large(self._most)
            chunk = self._zip.unused_data if self._zip.eof else self._zip.unconsumed_tail

    def done(self) -> bytes:
        return b"".join(self._parts)


async def _read(answer: httpx2.Response, kinds: Collection[str]) -> Fetched:
    url = str(answer.url)
    if answer.status_code != 200:
        raise _unfetchable(url, f"answered with status {answer.status_code}; expected 200")
    kind, _, rest = answer.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if kind not in kinds:
        shown = kind[:60] or "of no type"
        raise _unfetchable(url, f"is {shown}; expected {' or '.join(kinds)}")
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("gzip", "x-gzip", "identity"):
        raise _unfetchable(url, f"is packed as {coding[:30]!r}; expected gzip or nothing")
    unzip = _Unzip(MOST_BYTES) if coding != "identity" else None
    parts, size = [], 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size > MOST_BYTES:
            raise too_large(MOST_BYTES)
        if unzip is not None:
            unzip.feed(chunk)
        else:
            parts.append(chunk)
    content = unzip.done() if unzip is not None else b"".join(parts)
    charset = re.search(r"charset\s*=\s*\"?([\w-]{1,40})", rest, re.I)
    policies = tuple(answer.headers.get_list("content-security-policy"))
    return Fetched(url, kind, content, policies, charset[1] if charset else "")


def too_large(most: int) -> RefusedError:
    return RefusedError("unfetchable", f"the answer is too large; expected at most {most:,} bytes")


def _unfetchable(url: str, said: str) -> RefusedError:
    return RefusedError("unfetchable", f"{url[:200]}: {said}")
