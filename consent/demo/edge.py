"""What a CDN's edge does in front of the service: say where the visitor is.

In production that is Cloudflare or another CDN; here it is a path. A request to
``/edge/la-gpc/s/summit/loader.js`` reaches the service as ``/s/summit/loader.js`` with
``CF-IPCountry: US``, ``CF-Region-Code: CA`` and ``Sec-GPC: 1``. What the client said about its
place is thrown away, as a CDN does.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from consent import geo
from consent.demo.visitors import VISITORS

PREFIX = "/edge/"
_PLACE_HEADERS = frozenset(
    name.lower().encode() for header in geo.HEADERS for name in header[1:] if name
)


def edge(app: ASGIApp) -> ASGIApp:
    """``app`` behind an edge. Requests outside ``/edge/{visitor}/`` pass untouched."""

    async def placed(scope: Scope, receive: Receive, send: Send) -> None:
        await app(_placed(scope) if scope["type"] == "http" else scope, receive, send)

    return placed


def _placed(scope: Scope) -> Scope:
    path: str = scope["path"]
    key, slash, rest = path.removeprefix(PREFIX).partition("/")
    if not path.startswith(PREFIX) or not slash or key not in VISITORS:
        return scope
    visitor = VISITORS[key]
    replaced = _PLACE_HEADERS | {name for name, _ in visitor.headers}
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in replaced]
    raw: bytes = scope.get("raw_path") or path.encode()
    return {
        **scope,
        "path": "/" + rest,
        "raw_path": raw[len(PREFIX) + len(key) :],
        "headers": [*kept, *visitor.headers],
    }
