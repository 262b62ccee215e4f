"""Who is asking, and whether the browser means it: session cookie and cross-site check.

A session is a signed cookie that names a user and that user's epoch. It is compared with the
account at every request, so that a disabled user is out at once, and raising the epoch ends all
sessions of a user: signing out does, since a cookie that was copied must end with it.

Cross-site requests are refused by what the browser itself says about where a request began, in
``Sec-Fetch-Site`` or else ``Origin``; every browser sends one of the two with a POST. No tokens.
Source: https://www.w3.org/TR/fetch-metadata/ and https://fetch.spec.whatwg.org/#origin-header.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from consent import accounts
from consent.errors import ForbiddenError
from consent.model import User
from consent.web.services import Services

COOKIE = "pixelgate_admin"
PATH = "/admin"
SECONDS = 12 * 60 * 60
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def start(services: Services, response: Response, user: User) -> None:
    """Signs ``user`` in with ``response``, for twelve hours."""
    token = services.signer.session({"user": user.id, "epoch": user.session_epoch})
    response.set_cookie(
        COOKIE,
        token,
        max_age=SECONDS,
        path=PATH,
        secure=_is_https(services),
        httponly=True,
        samesite="lax",
    )


def end(services: Services, response: Response) -> None:
    """Takes the cookie from this browser; see ``accounts.end_sessions`` for what it opens."""
    response.delete_cookie(
        COOKIE, path=PATH, secure=_is_https(services), httponly=True, samesite="lax"
    )


async def user_of(services: Services, c: AsyncConnection, request: Request) -> User | None:
    """The signed-in user as the account stands now; None when there is none that counts."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    try:
        facts = services.signer.read_session(token, max_age_seconds=SECONDS)
    except ForbiddenError:
        return None
    if not isinstance(facts.get("user"), int):
        return None
    user = await accounts.by_id(c, facts["user"])
    if user is None or user.disabled_at is not None:
        return None
    return user if facts.get("epoch") == user.session_epoch else None


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


def _is_https(services: Services) -> bool:
    return services.settings.public_url.startswith("https://")


def safe_next(text: str) -> str:
    """``text`` if it is an address within these pages, else the first page.

    Only a path: no scheme, no host, nothing a browser could read as one (``//``, backslash,
    control characters).
    """
    plain = text.isascii() and text.isprintable() and not set(text) & set("\\ <>\"'")
    inside = text.startswith(f"{PATH}/") and "//" not in text and "/.." not in text
    return text if plain and inside and not text.startswith(f"{PATH}/log") else f"{PATH}/"
