"""Counts by hour that nobody looks at hour by hour any more: all of a day goes to its first hour.

So a table that is kept for good grows by its days, and no sum of whole days changes. ``counts`` has
a table of its own for days; these are the others.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables

TABLES = (tables.coverage, tables.variant_counts)

_DAY = dt.timedelta(days=1)


async def stores_with(
    c: AsyncConnection, table: sa.Table, since: dt.datetime, before: dt.datetime
) -> list[int]:
    """The ids of the stores that have several hours of a day in ``table``.

    Args:
        c: a connection from ``Database.read``.
        table: one of ``TABLES``.
        since: looked at are the days from this midnight in UTC on.
        before: up to this one, which is not looked at.
    """
    of = tables.stores.c.id
    several = sa.exists(
        sa.select(table.c.n).where(table.c.store_id == of, *_apart(table, since, before))
    )
    return list((await c.execute(sa.select(of).where(several).order_by(of))).scalars())


async def put_together(
    c: AsyncConnection, table: sa.Table, store_id: int, since: dt.datetime, before: dt.datetime
) -> int:
    """Puts the first of those days together, and gives how many rows of it were apart; 0: none.

    Args:
        c: a connection from ``Database.write`` that holds the lock ``retention``: two at a time
            would put the same day together twice.
        store_id: whose.
        table, since, before: as above.
    """
    hour = table.c.hour
    mine = table.c.store_id == store_id
    apart = sa.select(sa.func.min(hour, type_=hour.type)).where(mine, *_apart(table, since, before))
    first = (await c.execute(apart)).scalar()
    if first is None:
        return 0
    midnight = first.replace(hour=0)
    day = (mine, hour >= midnight, hour < midnight + _DAY)
    alike = [column for column in table.c if column.name not in ("hour", "n")]
    sums = sa.select(*alike, sa.func.sum(table.c.n).label("n")).where(*day).group_by(*alike)
    rows = [{**row, "hour": midnight} for row in (await c.execute(sums)).mappings()]
    n = (await c.execute(sa.delete(table).where(*day, hour > midnight))).rowcount
    await c.execute(sa.delete(table).where(mine, hour == midnight))
    await c.execute(sa.insert(table), rows)
    return n


def _apart(
    table: sa.Table, since: dt.datetime, before: dt.datetime
) -> tuple[sa.ColumnElement[bool], ...]:
    hour = table.c.hour
    return hour >= since, hour < before, sa.type_coerce(hour, sa.Integer) % 24 != 0
