"""Signing in and out.

An unknown email, a wrong password and a disabled account take the same time and get the same
answer. An address may try only so often, see ``throttle``; all others wait in line.
"""

from __future__ import annotations

import functools
import secrets

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consent import accounts
from consent.errors import ConsentError, RefusedError, ThrottledError
from consent.model import User
from consent.web import signals
from consent.web.admin import door, pages, posted, sessions
from consent.web.admin.throttle import Throttle
from consent.web.services import Services

CHECKS_AT_ONCE = 2
"""Each password check takes 64 MB for a moment. The rest wait in the order of their arrival."""

WRONG = "That email and password do not match an account that may sign in."


@functools.cache
def _nobody() -> str:
    """The hash of a password that no one has, so that an unknown email costs as much time."""
    return accounts.hash_password(secrets.token_urlsafe(32))


class Login:
    """The three endpoints. One for each application, since it counts the tries."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._throttle = Throttle(services.now)
        self._checks = anyio.CapacityLimiter(CHECKS_AT_ONCE)
        _nobody()

    async def show(self, request: Request) -> Response:
        try:
            async with self._services.database.read() as c:
                user = await sessions.user_of(self._services, c, request)
        except ConsentError as error:
            return door.fault(error, None)
        wanted = sessions.safe_next(request.query_params.get("next", ""))
        if user is not None:
            return RedirectResponse(wanted, status_code=303)
        return _form(next_=wanted)

    async def sign_in(self, request: Request) -> Response:
        try:
            sessions.check_origin(self._services, request)
            form = await posted.fields(request)
        except RefusedError as error:
            return door.fault(error, None)
        email, wanted = form.get("email", "").strip(), sessions.safe_next(form.get("next", ""))
        address = self._address(request)
        try:
            self._throttle.take(email, address)
            user = await self._checked(email, form.get("password", ""))
        except ThrottledError as error:
            said = f"{error.detail[:1].upper()}{error.detail[1:]}."
            response = _form(next_=wanted, email=email, fault=said, status=429)
            response.headers["retry-after"] = str(error.retry_after_seconds)
            return response
        except ConsentError as error:
            return door.fault(error, None)
        if user is None:
            return _form(next_=wanted, email=email, fault=WRONG, status=401)
        self._throttle.succeeded(email, address)
        response = RedirectResponse(wanted, status_code=303)
        sessions.start(self._services, response, user)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Ends all sessions of the user: this one, whoever copied it, and other browsers' too.

        When storage is away nothing has ended; the cookie stays, so that trying again helps.
        """
        try:
            sessions.check_origin(self._services, request)
            async with self._services.database.read() as c:
                user = await sessions.user_of(self._services, c, request)
            if user is not None:
                async with self._services.database.write() as c:
                    await accounts.end_sessions(c, user.id)
        except ConsentError as error:
            return door.fault(error, None)
        response = RedirectResponse("/admin/login", status_code=303)
        response.headers["clear-site-data"] = '"cache"'
        sessions.end(self._services, response)
        return response

    async def _checked(self, email: str, password: str) -> User | None:
        """The user whose password this is; None when there is none that may sign in."""
        async with self._services.database.read() as c:
            user = await accounts.by_email(c, email)
            kept = _nobody() if user is None else await accounts.password_hash(c, user.id)
        right = await anyio.to_thread.run_sync(
            accounts.verify_password, password, kept, limiter=self._checks
        )
        return user if right and user is not None and user.disabled_at is None else None

    def _address(self, request: Request) -> str:
        """The visitor's address, for the throttle alone; of the nearest proxy if unknown."""
        return signals.address(request.scope, self._services.geo) or "unknown"


def _form(*, next_: str, email: str = "", fault: str = "", status: int = 200) -> Response:
    context = {"next": next_, "email": email, "fault": fault, "here": ""}
    return pages.render("login.html", context, status=status)
