"""Who looked at what, handed out what, and changed what: a log that is only appended to.

Look-ups by id, visitors' histories, exports and evidence packs are noted before their answer goes
out, so nothing is shown that is not noted. A row names its user as they were called then, and of a
visitor at most the random id. Triggers in the database refuse to change or remove a row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal, get_args

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables
from consent.model import User, canonical

What = Literal[
    "look_up",  # one decision, by its id
    "history",  # all that one visitor decided
    "export",  # records, as a file
    "evidence",  # records with proofs and what was shown, as a file
    "erasure",  # what a visitor had decided, removed
    "retention",  # how long records are kept, changed or carried out
    "approval",  # a looser rule, allowed by someone with the legal role
    "review",  # a store's own code, looked at
    "draft",  # a store's configuration, changed
    "template",  # a group's template, changed
    "publishing",  # a store's next version
    "schedule",  # a version to be published at a set time: made, cancelled, or refused then
    "user",  # somebody who may sign in: added, disabled, other roles
    "invitation",  # a link by which somebody becomes a user, made or taken back
    "sign_in",  # a session, begun
    "sign_out",  # one session or several, ended
    "password",  # a new one
    "second_factor",  # set up, turned off, reset, recovery codes made anew; a code that was wrong
    "token",  # one of the API's, made or revoked
]
"""All that can be noted; a subject is an id, a version's number, or what else was acted upon."""

WHATS: tuple[What, ...] = get_args(What)

_a = tables.activity.c
_INSERT = sa.insert(tables.activity)


class Act(msgspec.Struct, frozen=True):
    """Something that somebody does. ``store``: a key; None when it is about several or none."""

    what: What
    store: str | None = None
    subject: str = ""
    detail: dict[str, Any] = {}
    """More about it, as JSON; never what a visitor sent."""


class Noted(msgspec.Struct, frozen=True):
    """An act as the log holds it. ``user_id`` None: on the command line, by nobody signed in."""

    id: int
    at: dt.datetime
    user_id: int | None
    email: str
    what: What
    store: str | None
    subject: str
    detail: dict[str, Any]


class ActivityFilter(msgspec.Struct, frozen=True):
    """Which acts are meant; every part given must hold.

    ``stores`` are keys: None for all of them and for acts that are about no single store.
    ``since`` counts, ``until`` no longer does.
    """

    stores: tuple[str, ...] | None = None
    what: What | None = None
    email: str | None = None
    subject: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


async def add(c: AsyncConnection, *acts: Act, by: User | None, at: dt.datetime) -> None:
    """Notes ``acts``. ``by`` None: whoever may run the command line."""
    who = {"at": at, "user_id": by.id if by else None, "email": by.email if by else ""}
    rows = [
        {
            **who,
            "what": act.what,
            "store": act.store,
            "subject": act.subject,
            "detail": canonical(act.detail).decode(),
        }
        for act in acts
    ]
    if rows:
        await c.execute(_INSERT, rows)


async def search(
    c: AsyncConnection, filter_: ActivityFilter, *, before: int | None = None, limit: int
) -> list[Noted]:
    """The newest acts that pass the filter, newest first.

    Args:
        c: a connection from ``Database.read``.
        filter_: which acts.
        before: the ``id`` of the last act of the page before; None for the first page.
        limit: how many at most.
    """
    query = sa.select(tables.activity).where(*_clauses(filter_))
    if before is not None:
        query = query.where(_a.id < before)
    rows = await c.execute(query.order_by(_a.id.desc()).limit(limit))
    return [_noted(row) for row in rows]


def _clauses(filter_: ActivityFilter) -> Sequence[sa.ColumnElement[bool]]:
    clauses: list[sa.ColumnElement[bool]] = []
    if filter_.stores is not None:
        clauses.append(_a.store.in_(filter_.stores))
    for name in ("what", "email", "subject"):
        wanted = getattr(filter_, name)
        if wanted is not None:
            clauses.append(_a[name] == wanted)
    if filter_.since is not None:
        clauses.append(_a.at >= filter_.since)
    if filter_.until is not None:
        clauses.append(_a.at < filter_.until)
    return clauses


def _noted(row: Any) -> Noted:
    return Noted(**{**row._mapping, "detail": msgspec.json.decode(row.detail)})
