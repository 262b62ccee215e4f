"""The address of a shop as an owner types it: with or without a scheme, in any alphabet."""

from __future__ import annotations

import re
from typing import NamedTuple

import httpx2

from consent.errors import RefusedError

LONGEST = 500
_EXPECTED = "expected your shop's address, such as shop.example or https://shop.example"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?=/|[^0-9/])", re.I)
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\]")
_LOCAL = re.compile(r"localhost\b|[0-9.]+(?:[:/]|$)|\[", re.I)
"""What has no certificate as a rule."""
_PORTS = {"http": 80, "https": 443}
_SECOND_LEVEL = frozenset(("ac", "co", "com", "edu", "gob", "gov", "net", "ne", "or", "org"))
_NO_NAMES = frozenset(("www", "www2", "shop", "store", "m"))


class Named(NamedTuple):
    """An address read. ``origin`` is as a browser writes it: in small ASCII letters."""

    url: str
    origin: str
    host: str

    @property
    def label(self) -> str:
        """The part of the host that is a name: ``summit`` of ``www.summit.co.uk``; else empty."""
        labels = [one for one in self.host.split(".") if one]
        if len(labels) < 2 or labels[-1].isdigit() or self.host.startswith("["):
            return ""
        rest = labels[:-1]
        if len(rest) > 1 and rest[-1] in _SECOND_LEVEL and len(labels[-1]) == 2:
            rest = rest[:-1]
        named = [one for one in rest if one not in _NO_NAMES]
        return (named or rest)[-1]


def read(typed: str) -> Named:
    """What ``typed`` means. Nobody is asked.

    Raises:
        RefusedError: it is no address of a web page; it says what it is and what is accepted.
    """
    text = typed.strip()
    if not text:
        raise _refused("empty")
    if len(text) > LONGEST:
        raise _refused(f"{len(text)} characters")
    if any(one.isspace() or not one.isprintable() for one in text):
        raise _refused(f"{text[:60]!r} has a space or an invisible character in it")
    if "@" in text.partition("?")[0]:
        raise _refused(f"{text[:60]!r} has an @ in it, as a mail address")
    scheme = _SCHEME.match(text)
    try:
        bare = text.lstrip("/")
        usual = "http" if _LOCAL.match(bare) else "https"
        url = httpx2.URL(text if scheme else f"{usual}://{bare}")
        host, port = url.raw_host.decode("ascii").lower(), url.port
    except (httpx2.InvalidURL, UnicodeError, ValueError, TypeError) as error:
        raise _refused(f"{text[:60]!r} is no address") from error
    if url.scheme not in _PORTS:
        raise _refused(f"{url.scheme[:20]!r} is no address of a web page")
    host = f"[{host}]" if ":" in host else host.rstrip(".")
    if not _HOST.fullmatch(host) or ("." not in host and host != "localhost" and host[0] != "["):
        raise _refused(f"{text[:60]!r} is no address of a web page")
    if port is not None and not 0 < port < 65536:
        raise _refused(f"port {port}")
    plain = port is None or port == _PORTS[url.scheme]
    origin = f"{url.scheme}://{host}" + ("" if plain else f":{port}")
    path = url.raw_path.decode("ascii", "replace") or "/"
    return Named(f"{origin}{path}", origin, host)


def _refused(found: str) -> RefusedError:
    return RefusedError("bad_address", f"{found}; {_EXPECTED}")
