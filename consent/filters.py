"""Which records are meant, as values and as conditions of SQL."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables
from consent.model import CHOOSABLE, Action

_d = tables.decisions.c

Clause = sa.ColumnElement[bool]


class LedgerFilter(msgspec.Struct, frozen=True):
    """Which records are meant. An empty filter means all; every part given must hold.

    ``stores`` are keys: None for all of them, an empty tuple for none. ``since`` counts,
    ``until`` no longer does. ``places`` are countries and subdivisions: ``US`` includes ``US-CA``,
    and an empty text means an unknown place. ``kind`` is about the grants, ``regime`` is a
    regime's id, ``looser`` means regimes that a store made milder than the law by its own rule.
    """

    stores: tuple[str, ...] | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    places: tuple[str, ...] | None = None
    action: Action | None = None
    kind: Literal["all", "none", "some"] | None = None
    regime: str | None = None
    looser: bool = False
    version: int | None = None
    language: str | None = None
    visitor: uuid.UUID | None = None


async def parts(
    c: AsyncConnection, filter_: LedgerFilter, stores: list[int] | None
) -> list[tuple[str, Clause]]:
    """Each part of the filter but stores and times, as a condition that no index takes up."""
    found: list[tuple[str, Clause]] = []
    if filter_.places is not None:
        found.append(("place", sa.or_(*map(_is_place, filter_.places))))
    if filter_.regime is not None or filter_.looser:
        ids = await regime_ids(c, filter_)
        found.append(("regime", plain(_d.regime_id).in_(ids)))
    if filter_.version is not None:
        ids = await version_ids(c, filter_.version, stores)
        found.append(("version", plain(_d.version_id).in_(ids)))
    if filter_.language is not None:
        found.append(("language", plain(_d.language) == filter_.language))
    if filter_.action is not None:
        found.append(("action", plain(_d.action) == filter_.action))
    given = [_d[purpose] for purpose in CHOOSABLE]
    if filter_.kind == "all":
        found.append(("kind", sa.and_(*given)))
    elif filter_.kind == "none":
        found.append(("kind", sa.not_(sa.or_(*given))))
    elif filter_.kind == "some":
        found.append(("kind", sa.and_(sa.or_(*given), sa.not_(sa.and_(*given)))))
    return found


def in_country(code: str) -> Clause:
    return _d.country == code if code else _d.country.is_(None)


def _is_place(code: str) -> Clause:
    if not code:
        return plain(_d.country).is_(None)
    return plain(_d.subdivision if "-" in code else _d.country) == code


def plain(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The same value, of which neither database knows an index: the driver's is the one to use."""
    return sa.func.coalesce(column, column, type_=column.type)


def has_subdivisions(filter_: LedgerFilter) -> bool:
    return any("-" in place for place in filter_.places or ())


def times(filter_: LedgerFilter) -> list[Clause]:
    clauses: list[Clause] = []
    if filter_.since is not None:
        clauses.append(_d.at >= filter_.since)
    if filter_.until is not None:
        clauses.append(_d.at < filter_.until)
    return clauses


async def store_ids(c: AsyncConnection, keys: tuple[str, ...] | None) -> list[int] | None:
    if keys is None:
        return None
    query = sa.select(tables.stores.c.id).where(tables.stores.c.key.in_(keys))
    return list((await c.execute(query)).scalars())


async def all_store_ids(c: AsyncConnection) -> list[int]:
    return list((await c.execute(sa.select(tables.stores.c.id))).scalars())


async def version_ids(c: AsyncConnection, number: int, stores: list[int] | None) -> list[int]:
    v = tables.versions.c
    query = sa.select(v.id).where(v.number == number)
    if stores is not None:
        query = query.where(v.store_id.in_(stores))
    return list((await c.execute(query)).scalars())


async def regime_ids(c: AsyncConnection, filter_: LedgerFilter) -> list[int]:
    """The contents that the filter's regime has had, or those that a rule made looser."""
    r = tables.regimes.c
    query = sa.select(r.id, r.content)
    if filter_.regime is not None:
        query = query.where(r.regime == filter_.regime)
    rows = (await c.execute(query)).all()
    return [row.id for row in rows if not filter_.looser or _is_looser(row.content)]


def _is_looser(content: bytes) -> bool:
    return bool(msgspec.json.decode(content).get("looser"))
