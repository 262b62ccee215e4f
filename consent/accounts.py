"""The people who may sign in, and their passwords as Argon2id hashes.

Addresses are compared in lower case. Nobody is removed, only disabled: a log of who did what must
keep its names. Hashing takes tens of milliseconds of a core on purpose; call it in a thread.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import groups, sessions
from consent.database import tables
from consent.database.dialects import take_lock
from consent.errors import ConflictError, NotFoundError, RefusedError
from consent.model import Grant, Role, User

PASSWORD_CHARACTERS = 12
"""The fewest characters of a password."""

_LONGEST_PASSWORD = 1024
_HASHER = PasswordHash.recommended()
_u = tables.users.c
_g = tables.grants.c
_s = tables.stores.c
_USERS = sa.select(
    *(_u.id, _u.email, _u.created_at, _u.disabled_at),
    sa.exists().where(tables.second_factors.c.user_id == _u.id).label("second_factor"),
    (_u.password_hash != "").label("has_password"),
)
_GRANTS = (
    sa.select(_g.user_id, _g.role, _s.key.label("store"), tables.groups.c.key.label("group"))
    .select_from(
        tables.grants.outerjoin(tables.stores).outerjoin(
            tables.groups, tables.groups.c.id == _g.group_id
        )
    )
    .order_by(_g.id)
)


def hash_password(password: str) -> str:
    """The password's Argon2id hash with its salt and parameters, as text.

    Raises:
        RefusedError: shorter than ``PASSWORD_CHARACTERS``, or longer than 1024 characters.
    """
    check_password(password)
    return _HASHER.hash(password)


def check_password(password: str) -> None:
    """Raises RefusedError for one that is too short or too long."""
    if not PASSWORD_CHARACTERS <= len(password) <= _LONGEST_PASSWORD:
        raise RefusedError(
            "bad_password",
            f"password: {len(password)} characters; "
            f"expected {PASSWORD_CHARACTERS} to {_LONGEST_PASSWORD}",
        )


def verify_password(password: str, hashed: str) -> bool:
    """Whether ``hashed`` was made of ``password``; False for what is no hash at all."""
    try:
        return len(password) <= _LONGEST_PASSWORD and _HASHER.verify(password, hashed)
    except PwdlibError:
        return False


async def add(
    c: AsyncConnection,
    email: str,
    password_hash: str,
    role: Role,
    store_key: str | None,
    now: dt.datetime,
    *,
    group_key: str | None = None,
) -> User:
    """A new user, with an empty ``password_hash`` one whom no password lets in. Neither
    ``store_key`` nor ``group_key``: the role holds for every store.

    Raises:
        ConflictError: someone has this address already, disabled or not.
        NotFoundError: there is no such store or group.
        RefusedError: not an address, or both a store and a group.
    """
    email = normal(email)
    await take_lock(c, "accounts")
    if await by_email(c, email) is not None:
        raise ConflictError(
            "email_taken",
            f"email: {email!r} has an account; expected another, or for a new password: "
            f"consent user password {email}",
        )
    row = await row_of(c, Grant(role, store_key, group_key))
    values: dict[str, Any] = {
        "email": email,
        "password_hash": password_hash,
        "role": role,
        "store_id": row["store_id"],
        "created_at": now,
        "session_epoch": 0,
    }
    insert = sa.insert(tables.users).values(values).returning(_u.id)
    user_id = (await c.execute(insert)).scalar_one()
    await c.execute(sa.insert(tables.grants).values(user_id=user_id, **row))
    return await known(c, email)


async def grant(c: AsyncConnection, email: str, grant_: Grant) -> User:
    """Gives the user one more role. Doing it again changes nothing.

    Raises:
        NotFoundError: there is no such user, store or group.
        RefusedError: both a store and a group.
    """
    await take_lock(c, "accounts")
    user, row = await known(c, email), await row_of(c, grant_)
    if grant_ not in user.grants:
        await c.execute(sa.insert(tables.grants).values(user_id=user.id, **row))
    return await known(c, email)


async def revoke(c: AsyncConnection, email: str, grant_: Grant) -> User:
    """Takes a role from the user, who may be left with none, and so with no page but the account.

    Raises:
        NotFoundError: there is no such user, store or group, or the user has no such role.
    """
    await take_lock(c, "accounts")
    user, row = await known(c, email), await row_of(c, grant_)
    if grant_ not in user.grants:
        has = ", ".join(map(str, user.grants)) or "none"
        raise NotFoundError("unknown_grant", f"{user.email} is not {grant_}; has {has}")
    same = [_g[name].is_not_distinct_from(value) for name, value in row.items()]
    await c.execute(sa.delete(tables.grants).where(_g.user_id == user.id, *same))
    return await known(c, email)


async def is_last_owner(c: AsyncConnection, user: User, grant_: Grant) -> bool:
    """Whether without ``grant_`` of ``user`` nobody who may sign in would own every store."""
    everything = Grant("owner")
    others = [one for one in await all_users(c) if one.id != user.id and not one.disabled_at]
    return grant_ == everything and not any(everything in one.grants for one in others)


async def by_email(c: AsyncConnection, email: str) -> User | None:
    """The user with this address, who may be disabled."""
    found = await _users(c, _USERS.where(_u.email == email.strip().lower()))
    return found[0] if found else None


async def by_id(c: AsyncConnection, user_id: int) -> User | None:
    """The user, who may be disabled."""
    found = await _users(c, _USERS.where(_u.id == user_id))
    return found[0] if found else None


async def all_users(c: AsyncConnection) -> list[User]:
    """Every user by address, the disabled ones too."""
    return await _users(c, _USERS.order_by(_u.email))


async def password_hash(c: AsyncConnection, user_id: int) -> str:
    """The stored hash.

    Raises:
        NotFoundError: there is no such user.
    """
    found = (await c.execute(sa.select(_u.password_hash).where(_u.id == user_id))).scalar()
    if found is None:
        raise NotFoundError("unknown_user", f"user: {user_id} is not known")
    return str(found)


async def disable(c: AsyncConnection, email: str, now: dt.datetime) -> User:
    """Ends the user's right to sign in, and every session. Doing it again changes nothing.

    Raises:
        NotFoundError: there is no such user.
    """
    user = await known(c, email)
    if user.disabled_at is not None:
        return user
    active = sa.update(tables.users).where(_u.id == user.id, _u.disabled_at.is_(None))
    await c.execute(active.values(disabled_at=now))
    await sessions.end_all(c, user.id)
    return await by_email(c, email) or user


async def enable(c: AsyncConnection, email: str) -> User:
    """Lets a disabled user sign in again, with the password as it was.

    Raises:
        NotFoundError: there is no such user.
    """
    user = await known(c, email)
    await c.execute(sa.update(tables.users).where(_u.id == user.id).values(disabled_at=None))
    return await known(c, email)


async def set_password(c: AsyncConnection, email: str, password_hash: str) -> User:
    """Gives the user another password and, if disabled, the right to sign in again.

    Every session ends, since the old password may be known to others.

    Raises:
        NotFoundError: there is no such user.
    """
    user = await known(c, email)
    changes = {"password_hash": password_hash, "disabled_at": None}
    await c.execute(sa.update(tables.users).where(_u.id == user.id).values(**changes))
    await sessions.end_all(c, user.id)
    return await by_email(c, email) or user


async def change_password(c: AsyncConnection, user_id: int, before: str, after: str) -> bool:
    """Gives a user who may sign in another hash, if ``before`` is still the one there.

    Returns:
        Whether it was; else nothing is changed.
    """
    same = (_u.id == user_id, _u.password_hash == before, _u.disabled_at.is_(None))
    changed = await c.execute(sa.update(tables.users).where(*same).values(password_hash=after))
    return bool(changed.rowcount)


def normal(email: str) -> str:
    """``email`` as it is kept. Raises RefusedError for what is no address."""
    email = email.strip().lower()
    name, at, host = email.rpartition("@")
    if not (name and at and host) or any(character.isspace() for character in email):
        raise RefusedError("bad_email", f"email: found {email!r}; expected name@host")
    return email


async def known(c: AsyncConnection, email: str) -> User:
    """The user with this address. Raises NotFoundError where there is none."""
    user = await by_email(c, email)
    if user is None:
        raise NotFoundError("unknown_user", f"user: {email!r} is not known")
    return user


async def row_of(c: AsyncConnection, grant_: Grant) -> dict[str, Any]:
    """A grant as the tables hold it.

    Raises:
        NotFoundError: there is no such store or group.
        RefusedError: it names both.
    """
    if grant_.store is not None and grant_.group is not None:
        raise RefusedError("bad_grant", "a store and a group; expected one of them, or neither")
    store_id = group_id = None
    if grant_.store is not None:
        store_id = (await c.execute(sa.select(_s.id).where(_s.key == grant_.store))).scalar()
        if store_id is None:
            raise NotFoundError("unknown_store", f"store: {grant_.store!r} is not known")
    if grant_.group is not None:
        group_id = await groups.id_of(c, grant_.group)
    return {"role": grant_.role, "store_id": store_id, "group_id": group_id}


async def _users(c: AsyncConnection, query: sa.Select[Any]) -> list[User]:
    rows = list(await c.execute(query))
    grants: dict[int, list[Grant]] = {row.id: [] for row in rows}
    # one by its id, since the list of all users may be longer than a query may be
    of = _GRANTS.where(_g.user_id == rows[0].id) if len(rows) == 1 else _GRANTS
    for row in await c.execute(of) if rows else ():
        grants[row.user_id].append(Grant(row.role, row.store, row.group))
    return [User(**row._mapping, grants=tuple(grants[row.id])) for row in rows]
