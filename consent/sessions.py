"""Who is signed in where: a row for each session, which ends by being removed.

A cookie names a row and is signed, so that a copy of the database opens nothing, and a copy of the
cookie ends with the row. No address is kept; of the browser its family alone.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables

LIFETIME = dt.timedelta(hours=12)

_s = tables.sessions.c


class Session(msgspec.Struct, frozen=True):
    """One browser in which a user is signed in. ``seen_on``: the last day (UTC) it was used."""

    id: uuid.UUID
    user_id: int
    began_at: dt.datetime
    seen_on: dt.date
    browser: str


async def begin(c: AsyncConnection, user_id: int, browser: str, now: dt.datetime) -> Session:
    """A new session; those that are over by now are removed, whoever's they were."""
    await c.execute(sa.delete(tables.sessions).where(_s.began_at <= now - LIFETIME))
    session = Session(uuid.uuid4(), user_id, now, now.date(), browser)
    await c.execute(sa.insert(tables.sessions).values(msgspec.structs.asdict(session)))
    return session


async def get(c: AsyncConnection, id_: uuid.UUID, now: dt.datetime) -> Session | None:
    """The session, unless it was ended or is older than ``LIFETIME``."""
    row = (await c.execute(_alive(now).where(_s.id == id_))).one_or_none()
    return None if row is None else _session(row)


async def of_user(c: AsyncConnection, user_id: int, now: dt.datetime) -> list[Session]:
    """The sessions of a user that are not over, newest first."""
    rows = await c.execute(_alive(now).where(_s.user_id == user_id).order_by(_s.began_at.desc()))
    return [_session(row) for row in rows]


async def seen(c: AsyncConnection, id_: uuid.UUID, day: dt.date) -> None:
    """Notes the day on which a session was used; one that has ended stays ended."""
    used = sa.update(tables.sessions).where(_s.id == id_, _s.seen_on < day)
    await c.execute(used.values(seen_on=day))


async def end(c: AsyncConnection, user_id: int, id_: uuid.UUID) -> bool:
    """Ends a session of this user. Returns whether there was one."""
    ended = await c.execute(sa.delete(tables.sessions).where(_s.id == id_, _s.user_id == user_id))
    return bool(ended.rowcount)


async def end_all(c: AsyncConnection, user_id: int, *, but: uuid.UUID | None = None) -> int:
    """Ends every session of this user, or all ``but`` one. Returns how many there were."""
    those = sa.delete(tables.sessions).where(_s.user_id == user_id)
    ended = await c.execute(those if but is None else those.where(_s.id != but))
    return int(ended.rowcount)


def _alive(now: dt.datetime) -> sa.Select[Any]:
    return sa.select(tables.sessions).where(_s.began_at > now - LIFETIME)


def _session(row: Any) -> Session:
    return Session(**row._mapping)
