"""Records in the order of the ledger, piece by piece, as raw as the driver gives them: for files.

Turning each value into one of ours would take most of the time of an export.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import filters
from consent.database import tables
from consent.filters import LedgerFilter

_d = tables.decisions.c


class References(NamedTuple):
    """What records refer to by number: the stores' keys, versions and regimes with SHA-256."""

    stores: dict[int, str]
    versions: dict[int, tuple[int, str]]
    regimes: dict[int, tuple[str, str]]


async def references(c: AsyncConnection) -> References:
    """Everything that any record up to now refers to."""
    s, v, r = (t.c for t in (tables.stores, tables.versions, tables.regimes))
    stores = {row.id: row.key for row in await c.execute(sa.select(s.id, s.key))}
    versions = {
        row.id: (row.number, row.sha256)
        for row in await c.execute(sa.select(v.id, v.number, v.sha256))
    }
    regimes = {
        row.id: (row.regime, row.sha256)
        for row in await c.execute(sa.select(r.id, r.regime, r.sha256))
    }
    return References(stores, versions, regimes)


async def range_query(c: AsyncConnection, filter_: LedgerFilter) -> sa.Select[Any]:
    """The question for ``in_range``: ``seq``, ``at`` and on in the order of the table."""
    stores = await filters.store_ids(c, filter_.stores)
    clauses = [clause for _, clause in await filters.parts(c, filter_, stores)]
    if stores is not None:
        clauses.append(filters.plain(_d.store_id).in_(stores))
    if filter_.visitor is not None:
        clauses.append(_d.visitor == filter_.visitor)
    if filter_.since is not None:
        clauses.append(filters.plain(_d.at) >= filter_.since)
    if filter_.until is not None:
        clauses.append(filters.plain(_d.at) < filter_.until)
    # As the driver gives them: turning each into a value of ours would take most of the time.
    raw: list[Any] = [sa.type_coerce(column, sa.types.NullType()) for column in _d]
    within = (_d.seq > sa.bindparam("after"), _d.seq <= sa.bindparam("last"))
    return sa.select(*raw).where(*within, *clauses).order_by(_d.seq)


async def bounds(c: AsyncConnection, filter_: LedgerFilter, until: int) -> tuple[int, int]:
    """After which ``seq``, and up to which, all records of the filter's time are; from its index.

    The whole ledger up to ``until`` where no time is asked for.
    """
    if filter_.since is None and filter_.until is None:
        return 0, until
    query = sa.select(sa.func.min(_d.seq), sa.func.max(_d.seq))
    if filter_.since is not None:
        query = query.where(_d.at >= filter_.since)
    if filter_.until is not None:
        query = query.where(_d.at < filter_.until)
    first, last = (await c.execute(query)).one()
    return (0, 0) if first is None else (first - 1, min(last, until))


async def in_range(
    c: AsyncConnection, query: sa.Select[Any], after: int, last: int
) -> Sequence[Any]:
    """The rows after ``after`` up to ``last``, as tuples of what the driver gives."""
    rows: Sequence[Any] = (await c.execute(query, {"after": after, "last": last})).all()
    return rows
