"""What a cache in front of the service may keep of its scripts, and by which keys.

Nothing, unless the operator says so (``CONSENT_CACHE_SECONDS``) and the place of this very request
came from a trusted header: then whoever asks with the same address, place, encoding, signal and
language gets the same script. Everybody else's answer stays private.

Browsers, and caches that nobody set up, are told ``private, no-cache`` all the same. What a cache
may do stands in headers for caches alone: ``CDN-Cache-Control`` (RFC 9213), ``Surrogate-Control``
(Fastly; Varnish by its VCL), ``X-Accel-Expires`` (nginx). So a CDN that looks at no ``Vary`` and
obeys ``Cache-Control`` can never hand one place the script of another.

``Surrogate-Key`` (Fastly) and ``Cache-Tag`` (Cloudflare, Akamai) name the store, which is what
``purge`` asks for.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Scope

from consent.model import Place
from consent.purge import tag
from consent.web import cookie
from consent.web.responses import NOSNIFF, Headers

ERROR_SECONDS = 3600
"""How long a script whose time is over may stand in while the service is away. It releases nothing
without a receipt, which nobody gives meanwhile. nginx does not read it: its keys hold the hour.
"""
ADDRESS = "X-Forwarded-For"

PRIVATE = (b"cache-control", b"private, no-cache")


class Shared:
    """Headers of answers that caches in front may keep.

    Args:
        seconds: how long; 0: not at all.
        place_headers: names of those that the place may come from.
    """

    def __init__(self, seconds: int, place_headers: Sequence[str]) -> None:
        self._seconds = seconds
        # Where the place came from one of the others, the address was not looked at.
        self._named = [name for name in place_headers if name != ADDRESS]

    def may_keep(self, scope: Scope, place: Place) -> bool:
        """Whether the answer to this request is also that of others.

        Not without a place from a trusted header, nor with a decision: its answer may renew it.
        """
        return (
            self._seconds > 0
            and place.source == "header"
            and place.country is not None
            and cookie.carried(scope) is None
        )

    def headers(self, store: str, *, by_page: bool) -> Headers:
        """Of such an answer, for the store of this key.

        Args:
            store: its key.
            by_page: the address alone says the language, so the browser's is not looked at.
        """
        if not self._seconds:
            return [PRIVATE, NOSNIFF]
        vary = ["Accept-Encoding", "Sec-GPC", *self._named]
        if not by_page:
            vary.append("Accept-Language")
        most = str(self._seconds)
        told = f"stale-while-revalidate={most}, stale-if-error={ERROR_SECONDS}"
        return [
            PRIVATE,
            (b"cdn-cache-control", f"public, max-age={most}, {told}".encode()),
            (b"surrogate-control", f"max-age={most}, {told}".encode()),
            (b"x-accel-expires", most.encode()),
            (b"surrogate-key", tag(store).encode()),
            (b"cache-tag", tag(store).encode()),
            (b"vary", ", ".join(vary).encode()),
            NOSNIFF,
        ]
