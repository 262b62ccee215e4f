"""The counts behind every rate, by hour. Nothing here leads back to a visitor.

A count is only ever added to, in the transaction of what it counts. Take the ledger's rows first
and the counts last, as ``record`` does: then two transactions never wait for each other in a ring.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables
from consent.database.dialects import EPOCH, adding

Measure = Literal[
    "visit",  # a banner shown on an entry page
    "repeat",  # a banner shown on a later page of the same visit
    "accepted",
    "declined",
    "partly",
    "closed",
    "gpc",
    "withdrawn",
    "changed",
]
By = Literal["none", "day", "store", "place", "regime", "device", "language", "version"]

_c = tables.counts.c


class Key(NamedTuple):
    """What is counted together. ``hour`` is a full hour in UTC; ``place`` a code or empty."""

    store_id: int
    hour: dt.datetime
    place: str
    regime: str
    device: str
    language: str
    version: int
    measure: Measure


class Total(msgspec.Struct, frozen=True):
    """A sum. ``group``: a day as ``2026-03-02``, a store's id, a code; empty for no grouping."""

    group: str
    measure: Measure
    n: int


def hour_of(at: dt.datetime) -> dt.datetime:
    """The full hour in UTC in which ``at`` lies."""
    return at.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


async def add(c: AsyncConnection, deltas: Mapping[Key, int]) -> None:
    """Adds to the counts. Rows are taken in one order, so that two writers never lock crosswise."""
    if not deltas:
        return
    rows = [{**key._asdict(), "n": n} for key, n in sorted(deltas.items()) if n]
    if rows:
        await c.execute(adding(c.dialect.name, tables.counts, "n"), rows)


async def totals(
    c: AsyncConnection,
    store_ids: Sequence[int] | None,
    since: dt.datetime,
    until: dt.datetime,
    by: By,
) -> list[Total]:
    """Sums of each measure, by group.

    Args:
        c: a connection from ``Database.read``.
        store_ids: None means every store.
        since: the first moment that counts; rounded down to its hour.
        until: the first moment that no longer counts; rounded down to its hour.
        by: what to group by. Days are days in UTC.

    Returns:
        Sorted by group and measure; what was never counted is absent.
    """
    group = _group(by)
    query = (
        sa.select(group.label("of"), _c.measure, sa.func.sum(_c.n).label("total"))
        .where(_c.hour >= hour_of(since), _c.hour < hour_of(until))
        .group_by("of", _c.measure)
        .order_by("of", _c.measure)
    )
    if store_ids is not None:
        query = query.where(_c.store_id.in_(store_ids))
    else:
        query = query.where(_c.store_id.in_(sa.select(tables.stores.c.id)))
    rows = (await c.execute(query)).all()
    return [Total(_name(by, row.of), row.measure, int(row.total)) for row in rows]


def _group(by: By) -> sa.ColumnElement[object]:
    if by == "none":
        return sa.literal_column("''")
    if by == "day":
        return sa.type_coerce(_c.hour, sa.Integer).op("/")(sa.literal_column("24"))
    return _c["store_id" if by == "store" else by]


def _name(by: By, value: object) -> str:
    if by == "day" and isinstance(value, int):
        return (EPOCH + dt.timedelta(days=value)).date().isoformat()
    return str(value)
