"""The tokens by which programs use the API, each in the name of a user.

A token is 256 random bits, told once. Only its SHA-256 is kept: that is enough to know it again,
and of so many bits nobody finds one by trying. A token ends with its day, when it is revoked, and
while its user may not sign in.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import secrets
from collections.abc import Collection
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables
from consent.errors import NotFoundError, RefusedError
from consent.model import Scope, Token, User

PREFIX = "pixelgate_"
"""So that whoever finds one in a log or a repository knows what it is."""
MOST_DAYS = 366
MOST_CHARACTERS = 60
"""Of a name."""
SCOPES: tuple[Scope, ...] = get_args(Scope)

_t = tables.api_tokens.c
_TOKENS = sa.select(
    *(_t.id, _t.name, _t.user_id, tables.users.c.email, _t.scopes),
    *(_t.created_at, _t.expires_at, _t.used_on, _t.revoked_at),
).select_from(tables.api_tokens.join(tables.users))


async def add(
    c: AsyncConnection,
    user: User,
    name: str,
    scopes: Collection[str],
    *,
    days: int,
    now: dt.datetime,
) -> tuple[Token, str]:
    """A new token of ``user``, and the secret, which nobody can be told again.

    Args:
        c: a connection from ``Database.write``.
        user: in whose name it is used.
        name: what it is for.
        scopes: what it is good for, as long as the user may do it.
        days: how long it holds.
        now: the moment.

    Raises:
        RefusedError: no name, no scope or one that there is not, or a term of no day or of more
            than ``MOST_DAYS``.
    """
    name = name.strip()
    if not (0 < len(name) <= MOST_CHARACTERS and name.isprintable()):
        fault = (
            f"name: {name[:80]!r}; expected what it is for, in at most {MOST_CHARACTERS} letters"
        )
        raise RefusedError("bad_name", fault)
    if not 1 <= days <= MOST_DAYS:
        raise RefusedError("bad_days", f"days: {days}; expected 1 to {MOST_DAYS}")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        found = ", ".join(scope[:40] for scope in unknown) or "none"
        raise RefusedError("bad_scope", f"scopes: {found}; expected of {', '.join(SCOPES)}")
    secret = PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    values: dict[str, Any] = {
        "name": name,
        "user_id": user.id,
        "sha256": _digest(secret),
        "scopes": " ".join(scope for scope in SCOPES if scope in scopes),
        "created_at": now,
        "expires_at": now + dt.timedelta(days=days),
    }
    insert = sa.insert(tables.api_tokens).values(values).returning(_t.id)
    token = await get(c, (await c.execute(insert)).scalar_one())
    return token, secret


async def find(c: AsyncConnection, secret: str) -> Token | None:
    """The token whose secret this is, which may have ended."""
    if not secret.startswith(PREFIX):
        return None
    row = (await c.execute(_TOKENS.where(_t.sha256 == _digest(secret)))).one_or_none()
    return None if row is None else _token(row)


async def get(c: AsyncConnection, id_: int) -> Token:
    """The token with this id.

    Raises:
        NotFoundError: there is none.
    """
    row = (await c.execute(_TOKENS.where(_t.id == id_))).one_or_none()
    if row is None:
        raise NotFoundError("unknown_token", f"token: {id_} is not known")
    return _token(row)


async def all_tokens(c: AsyncConnection, user_id: int | None = None) -> list[Token]:
    """Every token, newest first, the ended ones too. ``user_id``: of this user alone."""
    query = _TOKENS if user_id is None else _TOKENS.where(_t.user_id == user_id)
    return [_token(row) for row in await c.execute(query.order_by(_t.id.desc()))]


async def revoke(c: AsyncConnection, id_: int, now: dt.datetime) -> Token:
    """Ends a token. Doing it again changes nothing.

    Raises:
        NotFoundError: there is none with this id.
    """
    open_ = sa.update(tables.api_tokens).where(_t.id == id_, _t.revoked_at.is_(None))
    await c.execute(open_.values(revoked_at=now))
    return await get(c, id_)


async def used(c: AsyncConnection, id_: int, day: dt.date) -> None:
    """Notes the day on which a token was used; the hour is nobody's business."""
    await c.execute(sa.update(tables.api_tokens).where(_t.id == id_).values(used_on=day))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _token(row: Any) -> Token:
    fields = dict(row._mapping)
    given = fields.pop("scopes").split(" ")
    # A scope that a later release had given is one that this one does not know.
    scopes = tuple(scope for scope in SCOPES if scope in given)
    return Token(**fields, scopes=scopes)
