"""Your second factor: setting it up, new recovery codes, turning it off.

Until a code has confirmed it the new secret is kept nowhere but in the form itself, encrypted, and
good for this session alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import accounts, activity, secondfactors, sessions, totp
from consent.activity import Act
from consent.errors import ForbiddenError, RefusedError, ThrottledError
from consent.model import User
from consent.sessions import Session
from consent.signing import Cipher
from consent.web import errors
from consent.web.admin import access, pages
from consent.web.admin.codes import Codes
from consent.web.admin.door import SET_UP, Post, Visit
from consent.web.admin.entry import WRONG
from consent.web.admin.passwords import Passwords
from consent.web.services import Services

SECONDS = 60 * 60
"""For so long a form can be used to set it up."""
SAID = {"off": "Your second factor is turned off."}

T = TypeVar("T")


class Offered(msgspec.Struct, frozen=True):
    """A secret that nobody has confirmed yet, and the session to which it was shown."""

    secret: str
    session: str


class Told(NamedTuple):
    """What a page says besides: what was done, what was wrong, and recovery codes, this once."""

    done: str = ""
    error: RefusedError | None = None
    codes: tuple[str, ...] = ()


class SecondFactor:
    """The page and what it changes. The password that it asks for counts as a try to sign in."""

    def __init__(self, services: Services, passwords: Passwords, codes: Codes) -> None:
        self._passwords = passwords
        self._codes = codes
        self._cipher = Cipher(services.settings.secret_keys, "second factor set-up")

    async def show(self, visit: Visit) -> Response:
        told = Told(done=SAID.get(visit.request.query_params.get("done", ""), ""))
        factor = await secondfactors.get(visit.connection, visit.user.id)
        return self._page(visit.services, visit.user, visit.session, factor, told)

    async def set_up(self, post: Post) -> Response:
        """Takes the secret that the form shows, confirmed by a code of it and by the password."""
        fields, user = post.fields, post.user
        offered = self._offered(post)
        try:
            await self._passwords.confirm(post.request, user, fields.get("password", ""))
            step = totp.step_of(offered.secret, fields.get("code", ""), post.services.now())
            if step is None:
                raise RefusedError("wrong_code", WRONG)
            codes = await self._add(post, offered.secret, step)
        except RefusedError as error:
            return await self._answer(post, Told(error=error), offered)
        return await self._answer(post, Told("Your second factor is set up.", codes=tuple(codes)))

    async def renew_codes(self, post: Post) -> Response:
        try:
            codes = await self._change(post, "new recovery codes", secondfactors.renew_codes)
        except RefusedError as error:
            return await self._answer(post, Told(error=error))
        said = "Those before open nothing any more."
        return await self._answer(post, Told(said, codes=tuple(codes)))

    async def turn_off(self, post: Post) -> Response:
        try:
            await self._change(post, "turned off", secondfactors.remove)
        except RefusedError as error:
            return await self._answer(post, Told(error=error))
        return RedirectResponse(f"{SET_UP}?done=off", status_code=303)

    async def _add(self, post: Post, secret: str, step: int) -> list[str]:
        """Sessions that began with the password alone end; this one has just shown a code."""
        user, now = post.user, post.services.now()
        kept = self._codes.cipher.encrypt(secret, now)
        async with post.services.database.write() as c:
            codes = await secondfactors.add(c, user.id, kept, step, now)
            await sessions.end_all(c, user.id, but=post.session.id)
            await _note(post, c, "set up")
        return codes

    async def _change(
        self, post: Post, done: str, change: Callable[[AsyncConnection, int], Awaitable[T]]
    ) -> T:
        """Does ``change`` for whoever gives both the password and a code.

        Raises:
            RefusedError: one of them is wrong.
            ThrottledError: there were too many tries before this one.
        """
        typed = post.fields.get("code", "")
        await self._passwords.confirm(post.request, post.user, post.fields.get("password", ""))
        self._codes.take(post.request, post.user, typed)
        async with post.services.database.write() as c:
            if await self._codes.spend(c, post.user, typed) is None:
                raise RefusedError("wrong_code", WRONG)
            changed = await change(c, post.user.id)
            await _note(post, c, done)
        self._codes.succeeded(post.request, post.user)
        return changed

    def _offered(self, post: Post) -> Offered:
        """The secret that the form was made with.

        Raises:
            ForbiddenError: it was made for another session, or too long ago.
        """
        text = self._cipher.decrypt(
            post.fields.get("offered", ""), post.services.now(), seconds=SECONDS
        )
        offered = msgspec.json.decode(text, type=Offered)
        if offered.session != str(post.session.id):
            raise ForbiddenError("unreadable", "the form is of another session; open it anew")
        return offered

    async def _answer(self, post: Post, told: Told, offered: Offered | None = None) -> Response:
        async with post.services.database.read() as c:
            user = await accounts.by_id(c, post.user.id) or post.user
            factor = await secondfactors.get(c, user.id)
        return self._page(post.services, user, post.session, factor, told, offered)

    def _page(
        self,
        services: Services,
        user: User,
        session: Session,
        factor: secondfactors.SecondFactor | None,
        told: Told,
        offered: Offered | None = None,
    ) -> Response:
        offered = offered or Offered(totp.new_secret(), str(session.id))
        host = urlsplit(services.settings.public_url).hostname or ""
        kept = self._cipher.encrypt(msgspec.json.encode(offered).decode(), services.now())
        forced = access.lacks_second_factor(user, services.settings.second_factor)
        context: dict[str, Any] = {
            "here": "account",
            "factor": factor,
            "forced": forced,
            "secret": offered.secret,
            "offered": kept,
            "picture": totp.picture(totp.address(offered.secret, user.email, host)),
            "done": told.done,
            "fault": told.error.detail if told.error else "",
            "codes": told.codes,
        }
        status = errors.status_of(told.error) if told.error else 200
        response = pages.render(
            "secondfactor.html", context, user=user, status=status, alone=forced
        )
        if isinstance(told.error, ThrottledError):
            response.headers["retry-after"] = str(told.error.retry_after_seconds)
        return response


async def _note(post: Post, c: AsyncConnection, done: str) -> None:
    act = Act("second_factor", None, post.user.email, {"done": done})
    await activity.add(c, act, by=post.user, at=post.services.now())
