"""The templates, the headers of every answer, and the page that says what went wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consent.model import User
from consent.web.admin import access, words

_HERE = Path(__file__).parent
STATIC = _HERE / "static"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "frame-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""Nothing inline, nothing from elsewhere, and no frame around the pages but our own preview's."""

HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    # not no-referrer: that would blank the Origin header which the cross-site check reads
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
}


class Headers:
    """Puts ``HEADERS`` on every answer that does not bring its own, and keeps all but the static
    files out of caches.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def static(name: str) -> str:
    """The address of a static file. It changes with the content, so it may be cached for ever."""
    return f"/admin/static/{name}?v={_VERSIONS[name]}"


def render(
    template: str,
    context: Mapping[str, Any],
    *,
    user: User | None = None,
    status: int = 200,
    alone: bool = False,
) -> Response:
    """The page ``template`` for ``user``. Everything in ``context`` is escaped.

    ``alone``: no other page opens to them yet.
    """
    navigation = access.navigation(user) if user is not None and not alone else []
    text = _ENVIRONMENT.get_template(template).render(user=user, navigation=navigation, **context)
    return HTMLResponse(text, status_code=status)


def fault(status: int, heading: str, detail: str, *, user: User | None) -> Response:
    """The page that says what went wrong, in the frame of the pages for who is signed in."""
    template = "fault.html" if user is not None else "fault_outside.html"
    context = {"status": status, "heading": heading, "detail": detail, "here": ""}
    return render(template, context, user=user, status=status)


def _versions() -> dict[str, str]:
    files = sorted(path for path in STATIC.iterdir() if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files}


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(words.FILTERS)
    environment.filters["number"] = lambda n: f"{n:,}"
    environment.globals["static"] = static
    environment.globals["may_add_stores"] = access.may_add_stores
    return environment


_VERSIONS = _versions()
_ENVIRONMENT = _environment()
