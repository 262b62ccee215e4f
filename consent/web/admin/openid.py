"""Signing in with an OpenID provider: off to it, back from it, and out of it.

What a browser has to keep meanwhile it keeps itself, encrypted, in a cookie for ten minutes, so
that an answer counts in the browser alone that asked. The cookie goes with the first answer.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consent import admit
from consent.admit import Rules
from consent.errors import ConsentError, ForbiddenError, RefusedError, UnavailableError
from consent.oidc import Pending, Provider
from consent.signing import Cipher
from consent.web import errors
from consent.web.admin import door, pages, posted, sessions, words
from consent.web.admin.entry import Entry
from consent.web.services import Services

COOKIE = "pixelgate_oidc"
SECONDS = 10 * 60
PATH = "/admin/login/oidc"


class _Asked(msgspec.Struct, frozen=True):
    """What this browser asked, and where it wants to go afterwards."""

    pending: Pending
    next: str


class OpenId:
    """The three endpoints. Without a provider they lead to the sign-in page."""

    def __init__(self, services: Services, entry: Entry) -> None:
        self._services = services
        self._entry = entry
        self._cipher = Cipher(services.settings.secret_keys, "provider")
        self._back = f"{services.settings.public_url}{PATH}/back"
        chosen = services.settings
        self._rules = Rules(chosen.oidc_verified, chosen.oidc_roles)

    async def begin(self, request: Request) -> Response:
        """Off to the provider."""
        provider = self._services.provider
        if provider is None:
            return RedirectResponse("/admin/login", status_code=303)
        wanted = sessions.safe_next(request.query_params.get("next", ""))
        try:
            place, pending = await provider.begin(self._back)
        except ConsentError as error:
            return _fault(error)
        kept = msgspec.json.encode(_Asked(pending, wanted)).decode()
        response = RedirectResponse(place, status_code=303)
        value = self._cipher.encrypt(kept, self._services.now())
        sessions.set_cookie(self._services, response, COOKIE, value, SECONDS)
        return response

    async def back(self, request: Request) -> Response:
        """A session for whom the provider vouches, by way of the second factor if they have one."""
        provider = self._services.provider
        if provider is None:
            return RedirectResponse("/admin/login", status_code=303)
        try:
            response = await self._back_from(provider, request)
        except Exception as error:
            response = _fault(error)
        sessions.set_cookie(self._services, response, COOKIE, "", 0)
        return response

    async def end(self, request: Request) -> Response:
        """Off to where one signs out of the provider too."""
        provider, place = self._services.provider, ""
        if provider is not None:
            try:
                back = f"{self._services.settings.public_url}/admin/login"
                place = await provider.ending(back)
            except ConsentError as error:
                return _fault(error)
        return RedirectResponse(place or "/admin/login", status_code=303)

    async def _back_from(self, provider: Provider, request: Request) -> Response:
        answer = dict(request.query_params)
        posted.check_text(answer.values())
        asked = self._asked(request)
        vouched = await provider.finish(answer, asked.pending, self._back)
        async with self._services.database.write() as c:
            user = await admit.find(c, self._rules, vouched, self._services.now())
        changes = admit.changes(self._rules, vouched)
        return await self._entry.by_provider(request, user, changes, asked.next)

    def _asked(self, request: Request) -> _Asked:
        """What this browser keeps.

        Raises:
            ForbiddenError: nothing, or it is over.
        """
        try:
            kept = request.cookies.get(COOKIE, "")
            text = self._cipher.decrypt(kept, self._services.now(), seconds=SECONDS)
            return msgspec.json.decode(text, type=_Asked)
        except (ForbiddenError, msgspec.DecodeError) as error:  # or of another release
            raise ForbiddenError(
                "sign_in_refused",
                "this sign-in is over, or began in another browser; begin again",
            ) from error


def _fault(error: Exception) -> Response:
    """``error`` as a page that says that nobody is signed in, and why."""
    if isinstance(error, RefusedError):
        detail = words.as_sentence(error.detail)
    elif isinstance(error, UnavailableError):
        detail = words.as_sentence(str(error).removeprefix("sign-in: "))
    else:
        return door.fault(error, None)
    status = errors.status_of(error)
    return pages.fault(status, "You are not signed in", detail, user=None)
