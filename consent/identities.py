"""Who somebody is at an OpenID provider: the link from issuer and subject to a user.

An e-mail address may be given to somebody else, a subject never is. So the address counts once,
for the link; from then on the link alone does.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables
from consent.database.dialects import take_lock
from consent.errors import ConflictError

_i = tables.identities.c


async def user_id(c: AsyncConnection, issuer: str, subject: str) -> int | None:
    """The user whom issuer and subject name; None when they are linked with nobody."""
    one = sa.select(_i.user_id).where(_i.issuer == issuer, _i.subject == subject)
    found = (await c.execute(one)).scalar()
    return None if found is None else int(found)


async def issuers(c: AsyncConnection, user_id: int) -> list[str]:
    """The providers at which the user has an identity."""
    found = sa.select(_i.issuer).where(_i.user_id == user_id).order_by(_i.issuer)
    return list((await c.execute(found)).scalars())


async def link(
    c: AsyncConnection, user_id: int, issuer: str, subject: str, now: dt.datetime
) -> None:
    """Links a user with an identity.

    Raises:
        ConflictError: one of both is linked already.
    """
    await take_lock(c, "accounts")
    same = sa.or_(
        sa.and_(_i.issuer == issuer, _i.subject == subject),
        sa.and_(_i.issuer == issuer, _i.user_id == user_id),
    )
    if (await c.execute(sa.select(sa.exists().where(same)))).scalar():
        raise ConflictError("linked", "this account is linked with somebody else there")
    row = {"issuer": issuer, "subject": subject, "user_id": user_id, "linked_at": now}
    await c.execute(sa.insert(tables.identities).values(row))


async def unlink(c: AsyncConnection, user_id: int) -> bool:
    """Takes every identity from the user. Returns whether there was one."""
    gone = await c.execute(sa.delete(tables.identities).where(_i.user_id == user_id))
    return bool(gone.rowcount)
