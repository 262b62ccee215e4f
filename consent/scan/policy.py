"""What a page's Content-Security-Policy stops, as a browser would apply it.

Source: https://www.w3.org/TR/CSP3/. Several policies hold each by itself, so one is enough to stop.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from consent.csp import Policy
from consent.markup import Element, Page

Directives = Mapping[str, Sequence[str]]

_FALLBACK = {
    "script-src": ("script-src-elem", "script-src", "default-src"),
    "connect-src": ("connect-src", "default-src"),
    "img-src": ("img-src", "default-src"),
    "frame-src": ("frame-src", "child-src", "default-src"),
}
_HASHES = {"'sha256-": hashlib.sha256, "'sha384-": hashlib.sha384, "'sha512-": hashlib.sha512}


class Stop(NamedTuple):
    """``kind``: which of ``scan/README.md``."""

    kind: str
    says: str
    do: str


def of(page: Page, headers: Iterable[str]) -> list[Directives]:
    """The policies of a page: those of its headers, and those in its markup."""
    written = [part for header in headers for part in header.split(",")]
    written += [
        element.get("content")
        for element in page.elements
        if element.name == "meta"
        and element.state == "live"
        and element.get("http-equiv").lower() == "content-security-policy"
    ]
    return [read for text in written if (read := _read(text))]


def stops(
    policies: Iterable[Directives], snippet: Element, service: str, needed: Policy, origin: str
) -> Iterator[Stop]:
    """What keeps the snippet, its loader or the store's pixels from working.

    Args:
        policies: as ``of`` gives them.
        snippet: our element.
        service: the public URL that it names.
        needed: what the store's pages need, as ``csp.policy`` gives it; empty when not known.
        origin: the page's own; empty when not known.
    """
    for policy in policies:
        scripts = _sources(policy, "script-src")
        trusted = _is_trusted(scripts, snippet)
        runs = scripts is None or trusted or _is_inline_allowed(scripts)
        if scripts is not None and not runs and not _has_hash(scripts, snippet):
            yield Stop(
                "csp-snippet",
                "the page's Content-Security-Policy stops the snippet, so nothing of ours runs",
                "give the snippet's <script> the nonce that script-src has",
            )
        elif scripts is not None and not trusted and not _covered(scripts, service, origin):
            yield Stop(
                "csp-loader",
                "the page's Content-Security-Policy stops the loader",
                f"add {_origin(service)} to script-src, or give the snippet the page's nonce",
            )
        connect = _sources(policy, "connect-src")
        if connect is not None and not _covered(connect, service, origin):
            yield Stop(
                "csp-connect",
                "the page's Content-Security-Policy keeps decisions from being stored",
                f"add {_origin(service)} to connect-src",
            )
        if "'script'" in policy.get("require-trusted-types-for", ()):
            named = policy.get("trusted-types")
            if named is not None and not {"pixelgate", "*"} & set(named):
                yield Stop(
                    "csp-loader",
                    "the page allows no Trusted Types policy of ours, which stops the loader",
                    "add pixelgate to trusted-types",
                )
        yield from _pixel_stops(policy, needed, service, origin)


def _pixel_stops(policy: Directives, needed: Policy, service: str, origin: str) -> Iterator[Stop]:
    for directive, wanted in needed.items():
        have = _sources(policy, directive)
        if have is None or "'strict-dynamic'" in have:
            continue
        urls = [one for one in wanted if one.startswith("https://") and one != _origin(service)]
        missing = [one for one in urls if not _covered(have, one, origin)]
        if missing:
            yield Stop(
                "csp-pixels",
                f"the page's Content-Security-Policy stops registered pixels in {directive}",
                f"add to {directive}: {' '.join(missing)}",
            )


def _read(text: str) -> Directives:
    found: dict[str, Sequence[str]] = {}
    for directive in text.split(";"):
        name, *sources = directive.split() or [""]
        if name:
            found.setdefault(name.lower(), sources)
    return found


def _sources(policy: Directives, directive: str) -> Sequence[str] | None:
    """What ``policy`` lets ``directive`` load; None: everything."""
    return next((policy[name] for name in _FALLBACK[directive] if name in policy), None)


def _is_trusted(sources: Sequence[str] | None, snippet: Element) -> bool:
    """Whether a nonce or a hash lets the snippet run, and so what it brings.

    The snippet hands its nonce on to the loader; a hash lets the loader run by strict-dynamic.
    """
    if sources is None:
        return True
    nonce = snippet.get("nonce")
    if nonce and f"'nonce-{nonce}'" in sources:
        return True
    if "'strict-dynamic'" not in sources:
        return False
    return _has_hash(sources, snippet)


def _is_inline_allowed(sources: Sequence[str]) -> bool:
    strict = any(one.startswith(("'nonce-", *_HASHES)) for one in sources)
    return "'unsafe-inline'" in sources and not strict and "'strict-dynamic'" not in sources


def _has_hash(sources: Sequence[str], snippet: Element) -> bool:
    content = snippet.text.encode("utf-8", "replace")
    return any(
        f"{kind}{base64.b64encode(make(content).digest()).decode()}'" in sources
        for kind, make in _HASHES.items()
    )


def _covered(sources: Sequence[str], url: str, origin: str) -> bool:
    """Whether ``sources`` let ``url`` load; its host may begin with ``*.``."""
    if "'strict-dynamic'" in sources:
        return False
    wanted = urlsplit(url)
    return any(
        (source == "'self'" and origin and _origin(url) == origin)
        or source == "*"
        or source.lower() == f"{wanted.scheme}:"
        or (source[0] != "'" and _host_covers(source, wanted.scheme, wanted.netloc))
        for source in sources
    )


def _host_covers(source: str, scheme: str, host: str) -> bool:
    own, mark, rest = source.lower().rpartition("://")
    if mark and own != scheme and (own, scheme) != ("http", "https"):
        return False
    named = rest.partition("/")[0].removesuffix(":*")
    default = {"https": ":443", "http": ":80"}.get(scheme, "")
    named, host = named.removesuffix(default), host.lower().removesuffix(default)
    if named.startswith("*."):
        return host.endswith(named[1:])
    return named == host


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
