"""The second factor of those who have one: the secret of an app, and recovery codes.

The secret is kept encrypted, the codes as their SHA-256, so that a copy of the database opens
nothing. What was accepted once is never accepted again, whichever process is asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import totp
from consent.database import tables
from consent.database.dialects import take_lock
from consent.errors import ConflictError, ForbiddenError, RefusedError
from consent.signing import Cipher

Used = Literal["app", "recovery code"]

_f = tables.second_factors.c
_r = tables.recovery_codes.c


class SecondFactor(msgspec.Struct, frozen=True):
    """``secret``: encrypted, see ``signing.Cipher``. ``codes``: recovery codes that are left."""

    user_id: int
    secret: str
    added_at: dt.datetime
    codes: int


def cipher(keys: Sequence[str]) -> Cipher:
    """What the secrets are encrypted with. ``keys``: those of the settings, newest first."""
    return Cipher(keys, "second factor")


async def add(
    c: AsyncConnection, user_id: int, secret: str, step: int, now: dt.datetime
) -> list[str]:
    """Gives the user a second factor.

    Args:
        c: a connection from ``Database.write``.
        user_id: whose.
        secret: encrypted.
        step: that of the code by which it was confirmed.
        now: the present moment.

    Returns:
        The recovery codes, which are nowhere else.

    Raises:
        ConflictError: the user has a second factor already.
    """
    await take_lock(c, "accounts")
    if await get(c, user_id) is not None:
        raise ConflictError("second_factor", "there is a second factor already; turn it off first")
    row = {"user_id": user_id, "secret": secret, "last_step": step, "added_at": now}
    await c.execute(sa.insert(tables.second_factors).values(row))
    return await renew_codes(c, user_id)


async def get(c: AsyncConnection, user_id: int) -> SecondFactor | None:
    """The user's second factor; None when there is none."""
    codes = sa.select(sa.func.count()).where(_r.user_id == user_id).scalar_subquery()
    one = sa.select(_f.user_id, _f.secret, _f.added_at, codes.label("codes"))
    row = (await c.execute(one.where(_f.user_id == user_id))).one_or_none()
    return None if row is None else SecondFactor(**row._mapping)


async def spend(
    c: AsyncConnection, cipher: Cipher, user_id: int, typed: str, at: dt.datetime
) -> Used | None:
    """Uses up what somebody typed: a code of the app, or a recovery code.

    Returns:
        Which of both it was; None when it is neither, or was used before.

    Raises:
        RefusedError: the secret was encrypted under a key that the settings do not have any more.
    """
    if totp.is_recovery_code(typed):
        return "recovery code" if await use_code(c, user_id, typed) else None
    found = await get(c, user_id)
    if found is None:
        return None
    try:
        step = totp.step_of(cipher.decrypt(found.secret), typed, at)
    except ForbiddenError as error:
        raise RefusedError(
            "lost_secret",
            "second factor: its key is not among CONSENT_SECRET_KEYS any more; use a recovery "
            "code, or have an owner or the operator reset it",
        ) from error
    return "app" if step is not None and await use_step(c, user_id, step) else None


async def use_step(c: AsyncConnection, user_id: int, step: int) -> bool:
    """Uses up a time step and all before it. Returns False when it was used up already."""
    newer = sa.update(tables.second_factors).where(_f.user_id == user_id, _f.last_step < step)
    return bool((await c.execute(newer.values(last_step=step))).rowcount)


async def use_code(c: AsyncConnection, user_id: int, recovery_code: str) -> bool:
    """Uses up a recovery code. Returns whether it was one of the user's."""
    mine = (_r.user_id == user_id, _r.sha256 == totp.digest(recovery_code))
    return bool((await c.execute(sa.delete(tables.recovery_codes).where(*mine))).rowcount)


async def renew_codes(c: AsyncConnection, user_id: int) -> list[str]:
    """New recovery codes, which are nowhere else; the former ones open nothing any more."""
    await c.execute(sa.delete(tables.recovery_codes).where(_r.user_id == user_id))
    codes = totp.new_recovery_codes()
    rows = [{"user_id": user_id, "sha256": totp.digest(code)} for code in codes]
    await c.execute(sa.insert(tables.recovery_codes), rows)
    return codes


async def remove(c: AsyncConnection, user_id: int) -> bool:
    """Takes the second factor from the user. Returns whether there was one."""
    await c.execute(sa.delete(tables.recovery_codes).where(_r.user_id == user_id))
    gone = await c.execute(sa.delete(tables.second_factors).where(_f.user_id == user_id))
    return bool(gone.rowcount)


async def all_secrets(c: AsyncConnection) -> list[tuple[int, str]]:
    """Every user's id with the encrypted secret."""
    rows: list[Any] = list(await c.execute(sa.select(_f.user_id, _f.secret).order_by(_f.user_id)))
    return [(row.user_id, row.secret) for row in rows]


async def replace_secret(c: AsyncConnection, user_id: int, before: str, after: str) -> bool:
    """Another text for the same secret, if ``before`` is still the one there."""
    same = sa.update(tables.second_factors).where(_f.user_id == user_id, _f.secret == before)
    return bool((await c.execute(same.values(secret=after))).rowcount)
