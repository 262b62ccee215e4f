"""What waits to be published at a set time, and what became of it.

The content is fixed when it is scheduled, with its SHA-256. A row changes once: from ``waiting`` to
what became of it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import model, stores
from consent.database import tables
from consent.model import User
from consent.stores import Draft

State = Literal["waiting", "published", "refused", "cancelled"]

_p = tables.schedules.c
_JOINED = tables.schedules.join(tables.stores)
_ROWS = sa.select(tables.schedules, tables.stores.c.key.label("store")).select_from(_JOINED)


class Schedule(msgspec.Struct, frozen=True):
    """A version to be, or one that became or never became one. Moments are aware UTC."""

    id: int
    store: str
    due_at: dt.datetime
    zone: str
    """In which the time was given, by its IANA name."""
    sha256: str
    made_at: dt.datetime
    user_id: int | None
    email: str
    """Who scheduled it, as they were called then; empty: on the command line."""
    state: State
    ended_at: dt.datetime | None
    number: int | None
    """Of the version that it became."""
    fault: str | None
    """By what number the log of the service knows why it was refused."""
    why: str | None


async def add(
    c: AsyncConnection,
    content: Draft,
    due_at: dt.datetime,
    zone: str,
    *,
    by: User | None,
    at: dt.datetime,
) -> Schedule:
    """Schedules ``content`` for its store, which there is."""
    own = model.canonical(content.own)
    template = model.canonical(content.template) if content.template else None
    row = {
        "store_id": await stores.id_of(c, content.own.key),
        "due_at": due_at,
        "zone": zone,
        "sha256": _digest(own, template),
        "config": own,
        "template": template,
        "made_at": at,
        "user_id": by.id if by else None,
        "email": by.email if by else "",
        "state": "waiting",
    }
    insert = sa.insert(tables.schedules).values(row).returning(_p.id)
    found = await get(c, int((await c.execute(insert)).scalar_one()))
    if found is None:
        raise AssertionError("a row that was just added is there")
    return found


async def get(c: AsyncConnection, id_: int) -> Schedule | None:
    return _schedule((await c.execute(_ROWS.where(_p.id == id_))).one_or_none())


async def content(c: AsyncConnection, id_: int) -> Draft | None:
    """What the schedule publishes; None: it is no longer what its SHA-256 is of."""
    query = sa.select(_p.config, _p.template, _p.sha256).where(_p.id == id_)
    row = (await c.execute(query)).one()
    if _digest(row.config, row.template) != row.sha256:
        return None
    return stores.unpacked(row.config, row.template)


async def due(c: AsyncConnection, at: dt.datetime) -> list[int]:
    """The ids of those that wait and whose time has come, in the order of their times."""
    query = sa.select(_p.id).where(_p.state == "waiting", _p.due_at <= at)
    return list((await c.execute(query.order_by(_p.due_at, _p.id))).scalars())


async def of_store(c: AsyncConnection, key: str, *, limit: int = 50) -> list[Schedule]:
    """Those of the store ``key``: what waits, the next first; then what ended, the last first."""
    query = _ROWS.where(tables.stores.c.key == key).order_by(_p.id.desc()).limit(limit)
    found = [one for row in await c.execute(query) if (one := _schedule(row)) is not None]
    waiting = sorted((one for one in found if one.state == "waiting"), key=lambda one: one.due_at)
    ended = [one for one in found if one.ended_at is not None]
    return [*waiting, *sorted(ended, key=lambda one: one.ended_at or one.due_at, reverse=True)]


async def first_of_each(c: AsyncConnection) -> dict[str, Schedule]:
    """Of each store that has any the next one that waits, else the one that was made last."""
    last = sa.select(sa.func.max(_p.id)).group_by(_p.store_id)
    rows = await c.execute(_ROWS.where(sa.or_(_p.state == "waiting", _p.id.in_(last))))
    found = [one for row in rows if (one := _schedule(row)) is not None]
    found.sort(key=lambda one: (one.state == "waiting", -one.due_at.timestamp()))
    return {one.store: one for one in found}


async def waiting(c: AsyncConnection, key: str) -> int:
    """How many wait in the store ``key``."""
    query = sa.select(sa.func.count()).select_from(_JOINED)
    query = query.where(tables.stores.c.key == key, _p.state == "waiting")
    return int((await c.execute(query)).scalar_one())


async def end(
    c: AsyncConnection,
    id_: int,
    state: State,
    at: dt.datetime,
    *,
    number: int | None = None,
    fault: str | None = None,
    why: str | None = None,
) -> bool:
    """Ends a schedule that waits; False: it does no longer."""
    values = {"state": state, "ended_at": at, "number": number, "fault": fault, "why": why}
    update = sa.update(tables.schedules).where(_p.id == id_, _p.state == "waiting").values(values)
    return (await c.execute(update)).rowcount == 1


def _schedule(row: Any) -> Schedule | None:
    if row is None:
        return None
    return Schedule(**{name: getattr(row, name) for name in Schedule.__struct_fields__})


def _digest(own: bytes, template: bytes | None) -> str:
    """As ``Draft.sha256``, of what stands in the database."""
    return hashlib.sha256(b"[%b,%b]" % (own, template) if template else own).hexdigest()
