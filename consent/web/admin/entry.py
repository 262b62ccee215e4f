"""From the first proof of who somebody is to a session, by way of a code where there is one.

Between both a browser holds an encrypted value for ten minutes, in a cookie. It is no session: it
opens the page that asks for the code, and nothing else.
"""

from __future__ import annotations

import hashlib

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consent import accounts, activity, admit
from consent import sessions as session_rows
from consent.activity import Act
from consent.admit import Changes
from consent.errors import ConsentError, ForbiddenError, RefusedError, ThrottledError
from consent.model import User
from consent.sessions import Session
from consent.signing import Cipher
from consent.web.admin import door, pages, posted, sessions
from consent.web.admin.codes import Codes
from consent.web.admin.passwords import Known
from consent.web.services import Services

COOKIE = "pixelgate_halfway"
SECONDS = 10 * 60
WRONG = "that code is wrong, or was used before; wait for the next one"


class Proven(msgspec.Struct, frozen=True):
    """Who has given the first proof, and where they want to go."""

    user: int
    next: str
    password: str = ""
    """Names the hash that the password was compared with."""
    by_provider: Changes | None = None
    """What follows from the word of an OpenID provider, if that was the proof."""


class Entry:
    """What follows a first proof: the page that asks for a code, or a session."""

    def __init__(self, services: Services, codes: Codes) -> None:
        self._services = services
        self._codes = codes
        self._cipher = Cipher(services.settings.secret_keys, "halfway")

    async def by_password(self, request: Request, known: Known, next_: str) -> Response | None:
        """The answer to a right password; None when it has been changed since it was checked."""
        proven = Proven(known.user.id, next_, _name_of(known.password_hash))
        return await self._go_on(request, proven)

    async def by_provider(
        self, request: Request, user: User, changes: Changes, next_: str
    ) -> Response:
        """The answer to the word of an OpenID provider, which takes the place of the password.

        Raises:
            ForbiddenError: the account has been disabled meanwhile.
        """
        proven = Proven(user.id, next_, by_provider=changes)
        response = await self._go_on(request, proven)
        if response is None:
            raise ForbiddenError("stranger", "your account is disabled; ask an owner")
        return response

    async def show(self, request: Request) -> Response:
        """The page that asks for the code."""
        try:
            async with self._services.database.read() as c:
                user = await self._holds(c, self._read(request))
        except ConsentError as error:
            return door.fault(error, None)
        return _form(user) if user is not None else _to_login()

    async def submit(self, request: Request) -> Response:
        """A session for a code that fits; after a wrong one the page once more."""
        try:
            sessions.check_origin(self._services, request)
            typed = (await posted.fields(request)).get("code", "")
            proven = self._read(request)
            async with self._services.database.read() as c:
                user = await self._holds(c, proven)
            if proven is None or user is None:
                return _to_login()
            try:
                self._codes.take(request, user, typed)
                response = await self._enter(request, proven, typed)
            except RefusedError as error:
                return _form(user, error)
        except ConsentError as error:
            return door.fault(error, None)
        self._codes.succeeded(request, user)
        return response or _to_login()

    async def _go_on(self, request: Request, proven: Proven) -> Response | None:
        """A session, or the way to the page that asks for a code; None when the proof is over."""
        async with self._services.database.read() as c:
            user = await self._holds(c, proven)
        if user is None or not user.second_factor:
            return await self._enter(request, proven, "") if user else None
        response = RedirectResponse("/admin/login/code", status_code=303)
        kept = self._cipher.encrypt(msgspec.json.encode(proven).decode(), self._services.now())
        sessions.set_cookie(self._services, response, COOKIE, kept, SECONDS)
        return response

    async def _enter(self, request: Request, proven: Proven, typed: str) -> Response | None:
        """The way in with a new session; None when the proof does not hold any more.

        Raises:
            RefusedError: ``typed`` is not what the user's second factor asks for.
        """
        async with self._services.database.write() as c:
            user = await self._holds(c, proven)
            if user is None:
                return None
            session = await self._begin(c, user, proven, typed, sessions.browser(request))
        if session is None:
            raise RefusedError("wrong_code", WRONG)
        response = RedirectResponse(proven.next, status_code=303)
        sessions.start(self._services, response, session)
        if sessions.known_browser(self._services, request, user.email) is None:
            sessions.remember(self._services, response, user.email)
        if COOKIE in request.cookies:
            sessions.set_cookie(self._services, response, COOKIE, "", 0)
        return response

    async def _begin(
        self, c: AsyncConnection, user: User, proven: Proven, typed: str, browser: str
    ) -> Session | None:
        """A session, or a note that the code was wrong: the first proof is in somebody's hands."""
        at, detail = self._services.now(), {"browser": browser}
        if proven.by_provider is not None:
            detail["with"] = proven.by_provider.issuer
        if user.second_factor:
            used = await self._codes.spend(c, user, typed)
            if used is None:
                act = Act("second_factor", None, user.email, {"done": "wrong code", **detail})
                await activity.add(c, act, by=user, at=at)
                return None
            detail["by"] = used
        if proven.by_provider is not None:
            user = await admit.settle(c, user, proven.by_provider, at)
        await activity.add(c, Act("sign_in", None, user.email, detail), by=user, at=at)
        return await session_rows.begin(c, user.id, browser, at)

    async def _holds(self, c: AsyncConnection, proven: Proven | None) -> User | None:
        """The user, as long as nothing has changed that makes the proof worthless."""
        user = await accounts.by_id(c, proven.user) if proven is not None else None
        if proven is None or user is None or user.disabled_at is not None:
            return None
        if proven.by_provider is not None:
            return user
        same = _name_of(await accounts.password_hash(c, user.id)) == proven.password
        return user if same else None

    def _read(self, request: Request) -> Proven | None:
        """What this browser holds from the step before, unless it is over."""
        try:
            kept = request.cookies.get(COOKIE, "")
            facts = self._cipher.decrypt(kept, self._services.now(), seconds=SECONDS)
            return msgspec.json.decode(facts, type=Proven)
        except (ForbiddenError, msgspec.DecodeError):  # or of another release
            return None


def _form(user: User, error: RefusedError | None = None) -> Response:
    throttled = isinstance(error, ThrottledError)
    status = 429 if throttled else 401 if error else 200
    context = {
        "email": user.email,
        "fault": error.detail if error else "",
        "throttled": throttled,
        "here": "",
    }
    response = pages.render("code.html", context, status=status)
    if isinstance(error, ThrottledError):
        response.headers["retry-after"] = str(error.retry_after_seconds)
    return response


def _to_login() -> Response:
    return RedirectResponse("/admin/login", status_code=303)


def _name_of(password_hash: str) -> str:
    return hashlib.sha256(password_hash.encode()).hexdigest()
