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

from consent import sessions
from consent.database import tables
from consent.database.dialects import take_lock
from consent.errors import ConflictError, NotFoundError, RefusedError
from consent.model import Role, User

PASSWORD_CHARACTERS = 12
"""The fewest characters of a password."""

_LONGEST_PASSWORD = 1024
_HASHER = PasswordHash.recommended()
_u = tables.users.c
_s = tables.stores.c
_USERS = sa.select(
    *(_u.id, _u.email, _u.role, _s.key.label("store")),
    *(_u.created_at, _u.disabled_at),
).select_from(tables.users.outerjoin(tables.stores))


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
) -> User:
    """A new user. ``store_key`` None: the role holds for every store.

    Raises:
        ConflictError: someone has this address already, disabled or not.
        NotFoundError: there is no such store.
        RefusedError: not an address.
    """
    email = _normal(email)
    await take_lock(c, "accounts")
    if await by_email(c, email) is not None:
        raise ConflictError(
            "email_taken",
            f"email: {email!r} has an account; expected another, or for a new password: "
            f"consent user password {email}",
        )
    store_id = None
    if store_key is not None:
        store_id = (await c.execute(sa.select(_s.id).where(_s.key == store_key))).scalar()
        if store_id is None:
            raise NotFoundError("unknown_store", f"store: {store_key!r} is not known")
    values: dict[str, Any] = {
        "email": email,
        "password_hash": password_hash,
        "role": role,
        "store_id": store_id,
        "created_at": now,
        "session_epoch": 0,
    }
    insert = sa.insert(tables.users).values(values).returning(_u.id)
    user = await by_id(c, (await c.execute(insert)).scalar_one())
    if user is None:
        raise RuntimeError("users: the row just made is gone")
    return user


async def by_email(c: AsyncConnection, email: str) -> User | None:
    """The user with this address, who may be disabled."""
    return _user((await c.execute(_USERS.where(_u.email == email.strip().lower()))).one_or_none())


async def by_id(c: AsyncConnection, user_id: int) -> User | None:
    """The user, who may be disabled."""
    return _user((await c.execute(_USERS.where(_u.id == user_id))).one_or_none())


async def all_users(c: AsyncConnection) -> list[User]:
    """Every user by address, the disabled ones too."""
    rows = await c.execute(_USERS.order_by(_u.email))
    return [user for row in rows if (user := _user(row)) is not None]


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
    user = await by_email(c, email)
    if user is None:
        raise NotFoundError("unknown_user", f"user: {email!r} is not known")
    if user.disabled_at is not None:
        return user
    active = sa.update(tables.users).where(_u.id == user.id, _u.disabled_at.is_(None))
    await c.execute(active.values(disabled_at=now))
    await sessions.end_all(c, user.id)
    return await by_email(c, email) or user


async def set_password(c: AsyncConnection, email: str, password_hash: str) -> User:
    """Gives the user another password and, if disabled, the right to sign in again.

    Every session ends, since the old password may be known to others.

    Raises:
        NotFoundError: there is no such user.
    """
    user = await by_email(c, email)
    if user is None:
        raise NotFoundError("unknown_user", f"user: {email!r} is not known")
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


def _normal(email: str) -> str:
    email = email.strip().lower()
    name, at, host = email.rpartition("@")
    if not (name and at and host) or any(character.isspace() for character in email):
        raise RefusedError("bad_email", f"email: found {email!r}; expected name@host")
    return email


def _user(row: Any) -> User | None:
    return None if row is None else User(**row._mapping)
