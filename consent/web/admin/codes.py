"""Checking what somebody types as a second factor: throttled as passwords are, used up by its use.

Whoever gets here has given the password, so the tries of all unknown browsers for one account are
counted together too; see ``throttle`` for why that locks nobody out.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from consent import secondfactors, totp
from consent.model import User
from consent.secondfactors import Used
from consent.web.admin import sessions
from consent.web.admin.passwords import counted_as
from consent.web.admin.throttle import Throttle
from consent.web.services import Services


class Codes:
    """One for each application, since it counts the tries."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._throttle = Throttle(services.now)
        self.cipher = secondfactors.cipher(services.settings.secret_keys)

    def take(self, request: Request, user: User, typed: str) -> None:
        """Counts one try.

        Raises:
            ThrottledError: there were too many before this one.
        """
        known = sessions.known_browser(self._services, request, user.email)
        guessable = known is None and not totp.is_recovery_code(typed)
        address = counted_as(self._services, request, user.email)
        self._throttle.take(user.email, address, of_account=guessable)

    def succeeded(self, request: Request, user: User) -> None:
        """Forgets the tries from there; not those that were counted for the account."""
        self._throttle.succeeded(user.email, counted_as(self._services, request, user.email))

    async def spend(self, c: AsyncConnection, user: User, typed: str) -> Used | None:
        """See ``secondfactors.spend``."""
        return await secondfactors.spend(c, self.cipher, user.id, typed, self._services.now())
