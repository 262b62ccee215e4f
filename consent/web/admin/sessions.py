"""Who is asking, and whether the browser means it: session cookie and cross-site check.

A session is a row (``consent.sessions``) that a signed cookie names. Row and account are looked at
with every request, so that a disabled user is out at once, and a copy of the cookie ends with it.

Cross-site requests are refused by what the browser itself says about where a request began, in
``Sec-Fetch-Site`` or else ``Origin``; every browser sends one of the two with a POST. No tokens.
Source: https://www.w3.org/TR/fetch-metadata/ and https://fetch.spec.whatwg.org/#origin-header.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from consent import accounts, sessions
from consent.errors import ForbiddenError
from consent.model import User
from consent.sessions import Session
from consent.web.services import Services

COOKIE = "pixelgate_admin"
KNOWN = "pixelgate_known"
"""The cookie of a browser in which somebody has signed in once; see ``known_browser``."""
KNOWN_SECONDS = 365 * 24 * 60 * 60
PATH = "/admin"
SECONDS = int(sessions.LIFETIME.total_seconds())
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BROWSERS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet")),
    *(("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome")),
    ("Safari", "Safari"),
)
"""What a User-Agent names, and the family that it is; the first that fits."""


class Signed(NamedTuple):
    """A user and the session by which they ask."""

    user: User
    session: Session


def start(services: Services, response: Response, session: Session) -> None:
    """Signs a user in with ``response``, for twelve hours."""
    set_cookie(services, response, COOKIE, token(services, session.id), SECONDS)


def token(services: Services, id_: uuid.UUID) -> str:
    """What the cookie of a session holds."""
    return services.signer.session({"session": str(id_)})


def end(services: Services, response: Response) -> None:
    """Takes the cookie from this browser; see ``consent.sessions.end`` for what it opens."""
    set_cookie(services, response, COOKIE, "", 0)


def remember(services: Services, response: Response, email: str) -> None:
    """Has this browser known as one in which ``email`` has signed in. It opens nothing."""
    facts = {"browser": str(uuid.uuid4()), "of": _digest(email)}
    set_cookie(services, response, KNOWN, services.signer.session(facts), KNOWN_SECONDS)


def set_cookie(services: Services, response: Response, name: str, value: str, seconds: int) -> None:
    """A cookie for these pages and for no script; 0 seconds take it away."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=PATH,
        secure=services.settings.public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )


def known_browser(services: Services, request: Request, email: str) -> str | None:
    """A name for the browser, if ``email`` has signed in there before; else None."""
    try:
        sent = request.cookies.get(KNOWN, "")
        facts = services.signer.read_session(sent, max_age_seconds=KNOWN_SECONDS)
    except ForbiddenError:
        return None
    return f"browser {facts['browser']}" if facts.get("of") == _digest(email) else None


def _digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()


async def signed_in(services: Services, c: AsyncConnection, request: Request) -> Signed | None:
    """Who asks, as session and account stand now; None when there is nobody that counts."""
    sent = request.cookies.get(COOKIE)
    if not sent:
        return None
    try:
        facts = services.signer.read_session(sent, max_age_seconds=SECONDS)
        id_ = uuid.UUID(facts["session"])
    except (ForbiddenError, KeyError, AttributeError, TypeError, ValueError):
        return None
    session = await sessions.get(c, id_, services.now())
    user = await accounts.by_id(c, session.user_id) if session else None
    if session is None or user is None or user.disabled_at is not None:
        return None
    return Signed(user, session)


async def note_seen(services: Services, session: Session) -> None:
    """Writes down that a session is used today, at its first request of a day."""
    today = services.now().date()
    if session.seen_on < today:
        async with services.database.write() as c:
            await sessions.seen(c, session.id, today)


def browser(request: Request) -> str:
    """The family of the browser that asks, as its User-Agent has it; nothing finer is kept."""
    said = request.headers.get("user-agent", "")
    return next((family for name, family in BROWSERS if name in said), "Another browser")


def check_origin(services: Services, request: Request) -> None:
    """Lets a request pass that changes nothing, or that began on these pages.

    Raises:
        ForbiddenError: it began on another site, or nothing says where it began.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site in ("same-origin", "none"):
            return
        raise _cross_site(f"sec-fetch-site is {site[:20]!r}")
    origin = request.headers.get("origin")
    if origin is None:
        raise _cross_site("neither sec-fetch-site nor origin was sent")
    if not _is_ours(services, request, origin):
        raise _cross_site(f"origin is {origin[:100]!r}")


def _is_ours(services: Services, request: Request, origin: str) -> bool:
    """Whether ``origin`` is the public address, or the address this request was sent to."""
    public = urlsplit(services.settings.public_url)
    if origin == f"{public.scheme}://{public.netloc}":
        return True
    schemes = ("https",) if public.scheme == "https" else ("http", "https")
    host = request.headers.get("host", "")
    return bool(host) and origin in {f"{scheme}://{host}" for scheme in schemes}


def _cross_site(found: str) -> ForbiddenError:
    return ForbiddenError("cross_site", f"{found}; expected a request that began on this page")


def safe_next(text: str) -> str:
    """``text`` if it is an address within these pages, else the first page.

    Only a path: no scheme, no host, nothing a browser could read as one (``//``, backslash,
    control characters).
    """
    plain = text.isascii() and text.isprintable() and not set(text) & set("\\ <>\"'")
    inside = text.startswith(f"{PATH}/") and "//" not in text and "/.." not in text
    return text if plain and inside and not text.startswith(f"{PATH}/log") else f"{PATH}/"
