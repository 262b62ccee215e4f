"""Checking passwords: throttled, a few at a time, and as long for nobody as for somebody.

An unknown email, a wrong password and a disabled account take the same time and get the same
answer. An address may try only so often, see ``throttle``; all others wait in line.
"""

from __future__ import annotations

import functools
import secrets
from typing import NamedTuple

import anyio
import anyio.to_thread
from starlette.requests import Request

from consent import accounts
from consent.errors import RefusedError
from consent.model import User
from consent.web import signals
from consent.web.admin import sessions
from consent.web.admin.throttle import Throttle
from consent.web.services import Services

CHECKS_AT_ONCE = 2
"""Each password check takes 64 MB for a moment. The rest wait in the order of their arrival."""


class Known(NamedTuple):
    """A user whose password was right, and the hash that it was compared with."""

    user: User
    password_hash: str


class Passwords:
    """One for each application, since it counts the tries."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._throttle = Throttle(services.now)
        self._checks = anyio.CapacityLimiter(CHECKS_AT_ONCE)

    async def check(self, request: Request, email: str, password: str) -> Known | None:
        """The user whose password this is; None when there is none that may sign in.

        Raises:
            ThrottledError: there were too many tries before this one.
        """
        address = counted_as(self._services, request, email)
        self._throttle.take(email, address)
        async with self._services.database.read() as c:
            user = await accounts.by_email(c, email)
            kept = "" if user is None else await accounts.password_hash(c, user.id)
        # The first check of a process makes it, and takes longer whoever is asked for.
        nobody = await anyio.to_thread.run_sync(_nobody, limiter=self._checks)
        right = await anyio.to_thread.run_sync(
            accounts.verify_password, password, kept or nobody, limiter=self._checks
        )
        if not right or user is None or user.disabled_at is not None:
            return None
        self._throttle.succeeded(email, address)
        return Known(user, kept)

    async def confirm(self, request: Request, user: User, password: str) -> None:
        """The signed-in ``user`` once more, who has typed the password again, if there is one.

        Raises:
            RefusedError: it is not theirs.
            ThrottledError: there were too many tries before this one.
        """
        if user.has_password and await self.check(request, user.email, password) is None:
            raise RefusedError("wrong_password", "that is not your password")

    async def hash(self, password: str) -> str:
        """See ``accounts.hash_password``."""
        return await anyio.to_thread.run_sync(
            accounts.hash_password, password, limiter=self._checks
        )


def counted_as(services: Services, request: Request, email: str) -> str:
    """By what tries of ``email`` are counted: the browser if it is known, else the address."""
    known = sessions.known_browser(services, request, email)
    return known or signals.address(request.scope, services.geo) or "unknown"


@functools.cache
def _nobody() -> str:
    """The hash of a password that no one has, so that an unknown email costs as much time."""
    return accounts.hash_password(secrets.token_urlsafe(32))
