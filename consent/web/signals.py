"""What a request's headers say about the visitor: language, device, GPC, place. Nothing is kept.

The same few header values come with almost every request, so what is parsed from them is
remembered in bounded caches.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import parse_qs

from starlette.types import Scope

from consent import crawlers
from consent.geo import Geo
from consent.geo.addresses import parse, public
from consent.model import Device, Place

Encoding = Literal["br", "zstd", "gzip", "identity"]
BEST_FIRST: tuple[Encoding, ...] = ("br", "zstd", "gzip")
MAX_LANGUAGES = 16
_JOINED = "pixelgate.headers"


_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class Query(NamedTuple):
    """``language`` of the page, ``first``: it has no decision yet, and the ``version`` of the
    loader that asks; 0 means the newest.
    """

    language: str = ""
    first: bool = False
    version: int = 0


def place(scope: Scope, geo: Geo) -> Place:
    """Where the request comes from; the address is used here and forgotten."""
    client = scope.get("client")
    return geo.locate(client[0] if client else None, joined(scope))


def address(scope: Scope, geo: Geo) -> str | None:
    """The visitor's address, to be used and forgotten. It is kept nowhere."""
    client = scope.get("client")
    return geo.address(client[0] if client else None, joined(scope))


def joined(scope: Scope) -> dict[bytes, bytes]:
    """The headers by lower-case name; lines of one name joined with commas, in their order.

    Put together once for each request.
    """
    known: dict[bytes, bytes] | None = scope.get(_JOINED)
    if known is not None:
        return known
    headers = scope[_JOINED] = dict(scope["headers"])
    if len(headers) < len(scope["headers"]):
        headers.clear()
        for name, value in scope["headers"]:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def gpc(scope: Scope) -> bool:
    """Whether Global Privacy Control is on: any ``Sec-GPC`` that is exactly ``1``.

    Source: https://www.w3.org/TR/gpc/ section 3.3.
    """
    return (b"sec-gpc", b"1") in scope["headers"]


def is_bot(scope: Scope, geo: Geo) -> bool:
    """Whether the counts leave out what this browser posts. It gets banner and records as others.

    A browser that a program drives is left out where it comes over the internet. In the service's
    own network it is somebody's test, who wants to see that it counts.
    """
    agent = joined(scope).get(b"user-agent", b"")
    kind = crawlers.kind(agent[: crawlers.MOST_BYTES])
    if kind == "driven":
        sender = parse(address(scope, geo))
        return sender is not None and public(sender) is not None
    return kind == "crawler"


def device(scope: Scope) -> Device:
    """Coarse on purpose: three words are enough for a rate, and no one is known by them."""
    headers = joined(scope)
    agent = headers.get(b"user-agent", b"")
    if b"iPad" in agent or b"Tablet" in agent:
        return "tablet"
    if headers.get(b"sec-ch-ua-mobile") == b"?1" or b"Mobi" in agent:
        return "phone"
    return "tablet" if b"Android" in agent else "desktop"


@lru_cache(maxsize=4096)
def query(text: bytes) -> Query:
    """What a page says of itself in the address of a script.

    The snippet says ``de,false`` and the loader ``de,3``; others may say ``l=de&c=false&v=3``.
    """
    page_language, comma, second = text.decode("latin-1").partition(",")
    if comma and "=" not in page_language:
        second = second.partition("&")[0]
        return Query(page_language[:64], second == "false", _number(second))
    try:
        fields = parse_qs(text.decode("latin-1"), max_num_fields=16)
    except ValueError:
        return Query()
    return Query(
        fields.get("l", [""])[0][:64],
        fields.get("c") == ["false"],
        _number(fields.get("v", [""])[0]),
    )


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0


@lru_cache(maxsize=4096)
def languages(accept: bytes) -> tuple[str, ...]:
    """The languages of ``Accept-Language``, most wanted first."""
    return tuple(name for name in _weighed(accept) if name != "*")[:MAX_LANGUAGES]


@lru_cache(maxsize=1024)
def encoding(accept: bytes) -> Encoding:
    """The smallest encoding that ``Accept-Encoding`` takes."""
    taken = {name.lower() for name in _weighed(accept)}
    return next((name for name in BEST_FIRST if name in taken), "identity")


def _weighed(accept: bytes) -> list[str]:
    """The names of an ``Accept-*`` header by falling q, those with q=0 left out."""
    weighed: list[tuple[float, str]] = []
    for part in accept.decode("latin-1").split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith(("q=", "Q=")):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        if name and 0 < weight <= 1:
            weighed.append((weight, name))
    return [name for _, name in sorted(weighed, key=lambda pair: -pair[0])]
