"""What is noted when a user changes: what was done, and how the user stood before and after.

And what is taken from users together with every session of theirs.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from consent import activity, identities, secondfactors, sessions
from consent.activity import Act
from consent.errors import NotFoundError
from consent.model import Grant, User


def act(done: str, before: User | None, after: User) -> Act:
    """``done`` in one word. The act is about a store where all roles concerned are of that one."""
    grants = {*after.grants, *(before.grants if before else ())}
    keys = {grant.store for grant in grants}
    detail: dict[str, Any] = {"done": done, "after": state(after)}
    if before is not None:
        detail["before"] = state(before)
    return Act("user", keys.pop() if len(keys) == 1 else None, after.email, detail)


def invited(email: str, grant: Grant) -> Act:
    detail = {"done": "invited", "after": [str(grant)]}
    return Act("invitation", grant.store, email.strip().lower(), detail)


def state(user: User) -> list[str]:
    """The user's roles, each with where it holds, and whether the user is disabled."""
    return [*map(str, user.grants), *(["disabled"] if user.disabled_at else [])]


async def reset_second_factor(
    c: AsyncConnection, user: User, *, by: User | None, now: dt.datetime
) -> None:
    """Takes the second factor from ``user``, who has lost it; every session of theirs ends.

    Raises:
        NotFoundError: there is none.
    """
    if not await secondfactors.remove(c, user.id):
        raise NotFoundError("no_second_factor", f"user: {user.email} has no second factor")
    await sessions.end_all(c, user.id)
    done = Act("second_factor", None, user.email, {"done": "reset"})
    await activity.add(c, done, by=by, at=now)


async def unlink(c: AsyncConnection, user: User, *, by: User | None, now: dt.datetime) -> None:
    """Takes the link with an OpenID provider from ``user``; every session of theirs ends.

    Raises:
        NotFoundError: there is none.
    """
    if not await identities.unlink(c, user.id):
        raise NotFoundError("not_linked", f"user: {user.email} is linked with no provider")
    await sessions.end_all(c, user.id)
    done = Act("user", None, user.email, {"done": "unlinked"})
    await activity.add(c, done, by=by, at=now)
