"""What every page passes: the cross-site check, the session, the role, and errors made readable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consent import activity
from consent.errors import RefusedError, UnavailableError
from consent.model import User
from consent.sessions import Session
from consent.web import errors
from consent.web.admin import access, pages, posted, sessions, words
from consent.web.services import Services

HEADINGS = {
    400: "That could not be read",
    403: "This page is not open to you",
    404: "There is nothing here",
    410: "This was erased",
    413: "That was too much",
    429: "Too many attempts",
    500: "Something went wrong here",
    503: "Storage does not answer",
}


SET_UP = "/admin/account/second-factor"
"""Where somebody is led who may do nothing else yet."""


class Reading(Protocol):
    """What a request that reads has, on a page or through the API."""

    @property
    def request(self) -> Request: ...
    @property
    def services(self) -> Services: ...
    @property
    def user(self) -> User: ...
    @property
    def connection(self) -> AsyncConnection: ...
    @property
    def own(self) -> tuple[str, ...] | None: ...
    @property
    def acts(self) -> list[activity.Act]: ...
    def sees(self, store: str) -> bool: ...


class Visit(NamedTuple):
    """One request of a signed-in user whose role opens the page.

    What the page appends to ``acts`` is noted before its answer goes out.
    """

    request: Request
    services: Services
    user: User
    connection: AsyncConnection
    acts: list[activity.Act]
    session: Session
    own: tuple[str, ...] | None
    """The keys of the stores that the user sees here; None for every one."""

    def sees(self, store: str) -> bool:
        return self.own is None or store in self.own


class Post(NamedTuple):
    """A form that a signed-in user sent, whose role may change the page."""

    request: Request
    services: Services
    user: User
    fields: Mapping[str, str]
    session: Session


Page = Callable[[Visit], Awaitable[Response]]
Act = Callable[[Post], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def page(
    services: Services, key: access.Page | None, show: Page, *, first: bool = False
) -> Endpoint:
    """An endpoint that calls ``show`` for a signed-in user.

    Args:
        services: the wiring.
        key: which of ``access.PAGES`` this is part of; None: every role may see it.
        show: makes the answer; an error of it becomes a readable page.
        first: whether it opens to one who has still to set up a second factor.
    """

    async def endpoint(request: Request) -> Response:
        user: User | None = None
        try:
            sessions.check_origin(services, request)
            posted.check_text([*request.path_params.values(), *request.query_params.values()])
            async with services.database.read() as c:
                signed = await sessions.signed_in(services, c, request)
                if signed is None:
                    return to_login(request)
                user = signed.user
                if not first and _has_to_set_up(services, user):
                    return RedirectResponse(SET_UP, status_code=303)
                user = access.opening(user, key)
                own = await access.own(c, user)
                visit = Visit(request, services, user, c, [], signed.session, own)
                response = await show(visit)
            await _note(visit)
            await sessions.note_seen(services, signed.session)
            return response
        except Exception as error:
            return fault(error, user)

    return endpoint


def change(
    services: Services, what: access.Change | None, act: Act, *, first: bool = False
) -> Endpoint:
    """An endpoint that calls ``act`` with the form of a signed-in user who may change ``what``.

    None: every user may, as it is their own. No connection is open meanwhile, so that ``act`` may
    write. ``first``: see ``page``.
    """

    async def endpoint(request: Request) -> Response:
        user: User | None = None
        try:
            sessions.check_origin(services, request)
            posted.check_text(request.path_params.values())
            async with services.database.read() as c:
                signed = await sessions.signed_in(services, c, request)
            if signed is None:
                return to_login(request)
            user = signed.user
            if not first and _has_to_set_up(services, user):
                return RedirectResponse(SET_UP, status_code=303)
            user = access.changing(user, what)
            fields = await posted.fields(request, posted.SIGNED_IN_BYTES)
            return await act(Post(request, services, user, fields, signed.session))
        except Exception as error:
            return fault(error, user)

    return endpoint


def _has_to_set_up(services: Services, user: User) -> bool:
    return access.lacks_second_factor(user, services.settings.second_factor)


async def _note(visit: Visit) -> None:
    """Makes sure that what was looked at is in the log; without that nothing is shown.

    Raises:
        UnavailableError: storage does not take it.
    """
    if visit.acts:
        async with visit.services.database.write() as c:
            await activity.add(c, *visit.acts, by=visit.user, at=visit.services.now())


def to_login(request: Request) -> Response:
    """The way to the sign-in page, and back to this address afterwards."""
    wanted = request.url.path
    if request.url.query:
        wanted += f"?{request.url.query}"
    if request.method not in sessions.SAFE_METHODS or sessions.safe_next(wanted) != wanted:
        return RedirectResponse("/admin/login", status_code=303)
    return RedirectResponse(f"/admin/login?next={quote(wanted, safe='/')}", status_code=303)


def fault(error: Exception, user: User | None) -> Response:
    """``error`` as a page; the status comes from the one table of errors."""
    status = errors.status_of(error)
    heading = HEADINGS.get(status, "That did not work")
    if isinstance(error, RefusedError):
        detail = words.as_sentence(error.detail)
    elif isinstance(error, UnavailableError):
        detail = "The database did not answer. Nothing is lost; try again in a moment."
    else:
        number = errors.log_unforeseen(error)
        detail = (
            f"It is not your fault. The log of the service says under {number} where it happened."
        )
    response = pages.fault(status, heading, detail, user=user)
    if isinstance(error, UnavailableError):
        response.headers["retry-after"] = str(errors.RETRY_SECONDS)
    return response
