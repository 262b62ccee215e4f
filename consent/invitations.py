"""Links by which somebody becomes a user: one use, seven days, kept only as their SHA-256."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import accounts
from consent.database import tables
from consent.model import Grant, Role

DAYS = 7

_i = tables.invitations.c
_WAITING = sa.select(
    *(_i.id, _i.email, _i.role, _i.ends_at),
    *(tables.stores.c.key.label("store"), tables.groups.c.key.label("group")),
).select_from(
    tables.invitations.outerjoin(tables.stores).outerjoin(
        tables.groups, tables.groups.c.id == _i.group_id
    )
)


class Invitation(msgspec.Struct, frozen=True):
    """An invitation that nobody has used yet. From ``ends_at`` on it opens nothing."""

    id: int
    email: str
    grant: Grant
    ends_at: dt.datetime


async def add(c: AsyncConnection, email: str, grant: Grant, now: dt.datetime) -> str:
    """A new invitation. Whether the address has an account is not looked at.

    Returns:
        The secret that its link ends with, which is nowhere else.

    Raises:
        NotFoundError: there is no such store or group.
        RefusedError: not an address, or both a store and a group.
    """
    secret = secrets.token_urlsafe(32)
    made = sa.insert(tables.invitations).values(
        token_sha256=_digest(secret),
        email=accounts.normal(email),
        ends_at=now + dt.timedelta(days=DAYS),
        **await accounts.row_of(c, grant),
    )
    await c.execute(made)
    return secret


async def get(c: AsyncConnection, secret: str, now: dt.datetime) -> Invitation | None:
    """The invitation whose link ends with ``secret``; None when it is used, over or none."""
    one = _WAITING.where(_i.token_sha256 == _digest(secret), _i.ends_at > now)
    row = (await c.execute(one)).one_or_none()
    return None if row is None else _invitation(row)


async def waiting(c: AsyncConnection, now: dt.datetime) -> list[Invitation]:
    """Those that can be used, the newest first."""
    rows = await c.execute(_WAITING.where(_i.ends_at > now).order_by(_i.id.desc()))
    return [_invitation(row) for row in rows]


async def remove(c: AsyncConnection, id_: int) -> bool:
    """Uses the invitation up, or takes it back. Returns False when it was gone already."""
    gone = await c.execute(sa.delete(tables.invitations).where(_i.id == id_))
    return bool(gone.rowcount)


def link(public_url: str, secret: str) -> str:
    """What to send to whoever is invited."""
    return f"{public_url}/admin/invitation/{secret}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _invitation(row: Any) -> Invitation:
    role: Role = row.role
    return Invitation(row.id, row.email, Grant(role, row.store, row.group), row.ends_at)
