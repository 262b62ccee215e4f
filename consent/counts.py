"""The counts behind every rate, by hour, and their sums by store and day. Nothing here leads back
to a visitor.

A count is only ever added to, a moment after what it counts: see ``folding``.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

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
    "bot",  # any of these by a known crawler or a browser that a program drives
    "refused",  # a post that was answered with an error, which no rate counts
]
By = Literal[
    "none",
    "hour",
    "day",
    "store",
    "place",
    "regime",
    "device",
    "language",
    "version",
    "variant",
]


DAILY: Mapping[Measure, str] = {
    "visit": "shown",
    "accepted": "accepted",
    "partly": "partly",
    "declined": "declined",
    "closed": "closed",
    "gpc": "gpc",
    "refused": "refused",
}
"""What is summed up by day, and what its column is called."""

_c = tables.counts.c
_d = tables.daily.c
_SUMS = tuple(dict.fromkeys(DAILY.values()))


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
    variant: str = ""
    """Of an experiment, as ``Version.counted_as`` gives it; empty for none."""


class Total(msgspec.Struct, frozen=True):
    """A sum. ``group``: a day as ``2026-03-02``, an hour as ``2026-03-02T17``, a code, the id of a
    store; empty for no grouping.
    """

    group: str
    measure: Measure
    n: int


class Week(NamedTuple):
    """The sums of a store in a week; ``week`` 0 is the first that was asked for."""

    store_id: int
    week: int
    shown: int
    accepted: int
    partly: int
    declined: int
    closed: int
    gpc: int
    refused: int


class Only(msgspec.Struct, frozen=True):
    """Which counts are meant; a part that is None means all. ``US`` means ``US-CA`` too."""

    place: str | None = None
    regime: str | None = None
    device: str | None = None
    language: str | None = None
    version: int | None = None
    variant: str | None = None


EVERYTHING = Only()

Columns = sa.sql.base.ReadOnlyColumnCollection[str, sa.Column[Any]]


def hour_of(at: dt.datetime) -> dt.datetime:
    """The full hour in UTC in which ``at`` lies."""
    return at.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


async def add(c: AsyncConnection, deltas: Mapping[Key, int]) -> None:
    """Adds to the counts. Rows are taken in one order, so that two writers never lock crosswise."""
    if not deltas:
        return
    counted = [(key, n) for key, n in sorted(deltas.items()) if n]
    kept = [(key, n) for key, n in counted if key.measure != "refused"]
    every: Counter[Key] = Counter()
    for key, n in kept:
        every[key._replace(variant="")] += n
    if every:
        rows = [_row(key, n) for key, n in sorted(every.items())]
        await c.execute(adding(c.dialect.name, tables.counts, "n"), rows)
    if tried := [_row(key, n) for key, n in kept if key.variant]:
        await c.execute(adding(c.dialect.name, tables.variant_counts, "n"), tried)
    if sums := _by_day(counted):
        await c.execute(adding(c.dialect.name, tables.daily, *_SUMS), sums)


def _row(key: Key, n: int) -> dict[str, Any]:
    row = {**key._asdict(), "n": n}
    if not key.variant:
        del row["variant"]
    return row


def refused(store_id: int, at: dt.datetime) -> Key:
    """What a refused post of a store is counted as; nothing that it said is."""
    return Key(store_id, hour_of(at), "", "", "", "", 0, "refused")


def _by_day(counted: Sequence[tuple[Key, int]]) -> list[dict[str, int]]:
    days: dict[tuple[int, int], dict[str, int]] = {}
    for key, n in counted:
        if column := DAILY.get(key.measure):
            day = ((key.hour - EPOCH).days, key.store_id)
            row = days.setdefault(day, dict.fromkeys(_SUMS, 0))
            row[column] += n
    return [{"day": day, "store_id": id_, **days[day, id_]} for day, id_ in sorted(days)]


async def by_week(
    c: AsyncConnection, first: dt.date, weeks: int, *, store_id: int | None = None
) -> list[Week]:
    """The sums of every store, week by week; where nothing was counted there is none.

    Args:
        c: a connection from ``Database.read``.
        first: the day with which the first week begins.
        weeks: how many.
        store_id: of this store alone.
    """
    start = (first - EPOCH.date()).days
    week = sa.literal_column(f"(day - {start}) / 7", sa.Integer).label("week")
    query = (
        sa.select(
            *(_d.store_id, week),
            *(sa.cast(sa.func.sum(_d[name]), sa.BigInteger) for name in _SUMS),
        )
        .where(_d.day >= start, _d.day < start + 7 * weeks)
        .group_by(_d.store_id, week)
    )
    if store_id is not None:
        query = query.where(_d.store_id == store_id)
    return [Week._make(row) for row in await c.execute(query)]


async def first_and_last(c: AsyncConnection) -> dict[int, tuple[dt.datetime, dt.datetime]]:
    """The first and the last hour in which something of a store was counted, by its id."""
    of = tables.stores.c.id
    ends = [
        sa.select(end(_c.hour, type_=_c.hour.type)).where(_c.store_id == of).scalar_subquery()
        for end in (sa.func.min, sa.func.max)
    ]
    rows = await c.execute(sa.select(of, *ends))
    return {id_: (first, last) for id_, first, last in rows if first is not None}


async def first(c: AsyncConnection, store_id: int) -> Key | None:
    """What was counted first of all visitors of a store; None where nobody was there yet."""
    columns = [column for column in _c if column.name in Key._fields]
    visitors = (_c.store_id == store_id, _c.measure.not_in(("bot", "refused")))
    earliest = sa.select(*columns).where(*visitors).order_by(_c.hour).limit(1)
    row = (await c.execute(earliest)).first()
    return None if row is None else Key(**row._mapping)


async def totals_by(
    c: AsyncConnection,
    store_ids: Sequence[int] | None,
    since: dt.datetime,
    until: dt.datetime,
    bys: Sequence[By],
    only: Only = EVERYTHING,
) -> dict[By, list[Total]]:
    """Sums of each measure, grouped in several ways by one pass over the counts.

    Args:
        c: a connection from ``Database.read``.
        store_ids: None means every store.
        since: the first moment that counts; rounded down to its hour.
        until: the first moment that no longer counts; rounded down to its hour.
        bys: what to group by, each for itself. Days and hours are those of UTC. With ``variant``
            among them only what was counted under one is there.
        only: leaves out all other counts.

    Returns:
        For each of ``bys`` its totals, sorted by group and measure; what was never counted is
        absent.
    """
    known = sa.select(tables.stores.c.id) if store_ids is None else store_ids
    tried = only.variant is not None or "variant" in bys
    c_ = (tables.variant_counts if tried else tables.counts).c
    groups = (_group(c_, by).label(by) for by in bys)
    kept = (
        sa.select(*groups, c_.measure, sa.func.sum(c_.n).label("n"))
        .where(c_.hour >= hour_of(since), c_.hour < hour_of(until), c_.store_id.in_(known))
        .where(*_clauses(c_, only))
        .group_by(*bys, c_.measure)
        .cte("kept")
    )
    sums = sa.union_all(*(_sums(kept, number, by) for number, by in enumerate(bys)))
    found: dict[By, list[Total]] = {by: [] for by in bys}
    for number, group, measure, n in (await c.execute(sums)).all():
        by = bys[number]
        found[by].append(Total(_name(by, group), measure, int(n)))
    for totals_ in found.values():
        totals_.sort(key=lambda total: (total.group, total.measure))
    return found


def _sums(kept: sa.CTE, number: int, by: By) -> sa.Select[Any]:
    group = sa.cast(kept.c[by], sa.Text)
    sums = sa.select(sa.literal_column(str(number)), group, kept.c.measure, sa.func.sum(kept.c.n))
    return sums.group_by(kept.c[by], kept.c.measure)


def _clauses(c: Columns, only: Only) -> list[sa.ColumnElement[bool]]:
    wanted = msgspec.structs.asdict(only)
    place = wanted.pop("place")
    clauses = [c[name] == value for name, value in wanted.items() if value is not None]
    if place is not None:
        inside = c.place.startswith(f"{place or '?'}-", autoescape=True)
        clauses.append(sa.or_(c.place == place, inside))
    return clauses


def _group(c: Columns, by: By) -> sa.ColumnElement[object]:
    if by == "none":
        return sa.literal_column("''")
    if by == "day":
        return sa.type_coerce(c.hour, sa.Integer).op("/")(sa.literal_column("24"))
    if by == "hour":
        return sa.type_coerce(c.hour, sa.Integer)
    return c["store_id" if by == "store" else by]


def _name(by: By, value: str) -> str:
    if by == "day":
        return (EPOCH + dt.timedelta(days=int(value))).date().isoformat()
    if by == "hour":
        return (EPOCH + dt.timedelta(hours=int(value))).isoformat(timespec="hours")[:13]
    return value
