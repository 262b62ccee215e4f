"""The Content-Security-Policy that a store's pages need for the service and its pixels. Pure.

It is the strict form: scripts go by a nonce, which the loader hands on to every script that it
brings, and by the hosts that a vendor's own library loads more from. Nothing is ``unsafe-``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from consent.model import StoreConfig
from consent.platforms import Platforms

NONCE = "'nonce-{NONCE}'"
"""No browser takes it as it stands, so a page that forgets to fill it in runs nothing."""

_DIRECTIVES = {
    "script-src": "script",
    "connect-src": "connect",
    "img-src": "img",
    "frame-src": "frame",
}
"""Directive to the key of a platform's ``[hosts]``."""

Policy = Mapping[str, tuple[str, ...]]
"""Directive to its sources, in the order in which they are printed."""


def policy(config: StoreConfig, platforms: Platforms, public_url: str) -> Policy:
    """What the pages of ``config`` have to allow, by directive.

    ``'self'`` stands where a page's own pictures, requests and frames would stop without it. The
    order of the pixels changes nothing.

    Args:
        config: a store whose pixels have no faults.
        platforms: every known one.
        public_url: where browsers reach the service.
    """
    hosts: dict[str, set[str]] = {directive: set() for directive in _DIRECTIVES}
    for pixel in config.pixels:
        own = platforms.hosts(pixel)
        for directive, key in _DIRECTIVES.items():
            hosts[directive].update(f"https://{host}" for host in getattr(own, key))
    service = _origin(public_url)
    first = {
        "script-src": (NONCE, service),
        "connect-src": ("'self'", service),
        "img-src": ("'self'", *filter(None, [_origin(config.banner.logo)])),
        "frame-src": ("'self'",),
    }
    return {key: (*first[key], *sorted(hosts[key] - {*first[key]})) for key in _DIRECTIVES}


def lines(policy: Policy) -> Iterator[str]:
    """The policy as it goes into the header, one directive a line."""
    yield from (f"{directive} {' '.join(sources)};" for directive, sources in policy.items())


def notes(config: StoreConfig, platforms: Platforms) -> list[str]:
    """What nobody can read off the policy: what to fill in, and what no list can name."""
    every = {pixel.key: platforms.of(pixel).unlisted for pixel in config.pixels}
    unlisted = [f"{key}: {said}" for key, said in every.items() if said]
    return [
        "{NONCE}: a new random value for each answer, the same as in the snippet's <script nonce>",
        *(f"{one}: cannot be listed; add what your visitors need" for one in unlisted),
        "frame-src: add the vendors of what your pages embed",
    ]


def _origin(url: str) -> str:
    """Scheme, host and port alone; nothing for a path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
