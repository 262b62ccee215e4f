"""Your account: where you are signed in, and your password."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import accounts, activity, identities, sessions
from consent.activity import Act
from consent.errors import NotFoundError, RefusedError, ThrottledError
from consent.model import User
from consent.sessions import Session
from consent.web.admin import pages
from consent.web.admin.door import Post, Visit
from consent.web.admin.passwords import Passwords
from consent.web.services import Services

SAID = {
    "ended": "That session is over.",
    "others": "Every other session of yours is over.",
    "password": "Your password is changed, and every other session of yours is over.",
}


class Account:
    """The page and what it changes; asking for the old password counts as a try to sign in."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords

    async def show(self, visit: Visit) -> Response:
        said = SAID.get(visit.request.query_params.get("done", ""), "")
        return await _page(
            visit.services, visit.connection, visit.user, visit.session, {"done": said}
        )

    async def end_one(self, post: Post) -> Response:
        id_ = session_id(post)
        async with post.services.database.write() as c:
            if not await sessions.end(c, post.user.id, id_):
                raise NotFoundError("no_such_session", "that session is over already")
            await _note(post, c, Act("sign_out", None, post.user.email, {"sessions": 1}))
        return _done("ended")

    async def end_others(self, post: Post) -> Response:
        async with post.services.database.write() as c:
            ended = await sessions.end_all(c, post.user.id, but=post.session.id)
            await _note(post, c, Act("sign_out", None, post.user.email, {"sessions": ended}))
        return _done("others")

    async def change_password(self, post: Post) -> Response:
        """Another password for whoever knows the one so far; all other sessions end."""
        fields, user = post.fields, post.user
        new = fields.get("new", "")
        try:
            if new != fields.get("again", ""):
                raise RefusedError("unlike", "the two new passwords differ; type the same twice")
            accounts.check_password(new)
            known = await self._passwords.check(post.request, user.email, fields.get("old", ""))
            if known is None:
                raise RefusedError("wrong_password", "that is not your password so far")
            hashed = await self._passwords.hash(new)
            async with post.services.database.write() as c:
                if not await accounts.change_password(c, user.id, known.password_hash, hashed):
                    raise RefusedError("changed", "your password has changed meanwhile")
                await sessions.end_all(c, user.id, but=post.session.id)
                await _note(post, c, Act("password", None, user.email))
        except RefusedError as error:
            return await _fault(post, error)
        return _done("password")


def session_id(post: Post) -> uuid.UUID:
    """The session that a form names.

    Raises:
        NotFoundError: it names none.
    """
    try:
        return uuid.UUID(post.fields.get("session", ""))
    except ValueError as error:
        raise NotFoundError("no_such_session", "that is no session") from error


async def _fault(post: Post, error: RefusedError) -> Response:
    async with post.services.database.read() as c:
        said = {"fault": error.detail}
        status = 429 if isinstance(error, ThrottledError) else 422
        response = await _page(post.services, c, post.user, post.session, said, status)
    if isinstance(error, ThrottledError):
        response.headers["retry-after"] = str(error.retry_after_seconds)
    return response


async def _page(
    services: Services,
    c: AsyncConnection,
    user: User,
    session: Session,
    said: dict[str, str],
    status: int = 200,
) -> Response:
    context: dict[str, Any] = {
        "here": "account",
        "sessions": await sessions.of_user(c, user.id, services.now()),
        "current": session.id,
        "issuers": await identities.issuers(c, user.id),
        "least": accounts.PASSWORD_CHARACTERS,
        "done": "",
        "fault": "",
        **said,
    }
    return pages.render("account.html", context, user=user, status=status)


async def _note(post: Post, c: AsyncConnection, act: Act) -> None:
    await activity.add(c, act, by=post.user, at=post.services.now())


def _done(what: str) -> Response:
    return RedirectResponse(f"/admin/account?done={what}", status_code=303)
