"""The counts behind every rate, by hour and by day, and their sums by store and day. Nothing here
leads back to a visitor.

A count is only ever added to, a moment after what it counts: see ``folding``. The database itself
adds to the days what is added to the hours. Hours are kept for ``HOURS_DAYS``; whole days are read
as such, so no sum of theirs changes when their hours go.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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

HOURS_DAYS = 92
"""Pages compare up to 90 days with as many before; of a day that is half over, hour by hour."""

_HOUR, _DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
_c = tables.counts.c
_d = tables.daily.c
_w = tables.day_counts.c
_SUMS = tuple(dict.fromkeys(DAILY.values()))


Columns = sa.sql.base.ReadOnlyColumnCollection[str, sa.Column[Any]]


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


def hour_of(at: dt.datetime) -> dt.datetime:
    """The full hour in UTC in which ``at`` lies."""
    return at.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


async def add(c: AsyncConnection, deltas: Mapping[Key, int]) -> None:
    """Adds to the counts. Rows are taken in one order, so that two writers never lock crosswise;
    that of the days, since several hours lead to one row of theirs.
    """
    if not deltas:
        return
    counted = [(key, n) for key, n in sorted(deltas.items(), key=_order) if n]
    kept = [(key, n) for key, n in counted if key.measure != "refused"]
    every: Counter[Key] = Counter()
    for key, n in kept:
        every[key._replace(variant="")] += n
    if every:
        rows = [_row(key, n) for key, n in sorted(every.items(), key=_order)]
        await c.execute(adding(c.dialect.name, tables.counts, "n"), rows)
    if tried := [_row(key, n) for key, n in kept if key.variant]:
        await c.execute(adding(c.dialect.name, tables.variant_counts, "n"), tried)
    if sums := _by_day(counted):
        await c.execute(adding(c.dialect.name, tables.daily, *_SUMS), sums)


def _order(counted: tuple[Key, int]) -> tuple[object, ...]:
    store_id, hour, *alike = counted[0]
    return (store_id, hour.date(), *alike, hour)


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
    """The first and the last hour in which something of a store was counted, by its id; where its
    hours are gone, that with which its day begins.
    """
    of = tables.stores.c.id
    ends = [
        sa.select(end(column, type_=column.type)).where(column.table.c.store_id == of)
        for column in (_w.day, _c.hour)
        for end in (sa.func.min, sa.func.max)
    ]
    found = {}
    for id_, *days, begin, end in await c.execute(sa.select(of, *map(_scalar, ends))):
        if days[0] is not None:
            found[id_] = (_hour_in(days[0], begin), _hour_in(days[1], end))
    return found


def _scalar(query: sa.Select[Any]) -> sa.ScalarSelect[Any]:
    return query.scalar_subquery()


def _hour_in(day: int, hour: dt.datetime | None) -> dt.datetime:
    midnight = EPOCH + day * _DAY
    return hour if hour is not None and midnight <= hour < midnight + _DAY else midnight


async def first(c: AsyncConnection, store_id: int) -> Key | None:
    """What was counted first of all visitors of a store; None where nobody was there yet."""
    row = (await c.execute(_earliest(_w, store_id).order_by(_w.day))).first()
    if row is None:
        return None
    midnight = EPOCH + row.day * _DAY
    inside = (_c.hour >= midnight, _c.hour < midnight + _DAY)
    exact = (await c.execute(_earliest(_c, store_id).where(*inside).order_by(_c.hour))).first()
    found = dict((row if exact is None else exact)._mapping)
    found.pop("day", None)
    return Key(**{"hour": midnight, **found})


def _earliest(c: Columns, store_id: int) -> sa.Select[Any]:
    columns = [column for column in c if column.name != "n"]
    visitors = (c.store_id == store_id, c.measure.not_in(("bot", "refused")))
    return sa.select(*columns).where(*visitors).limit(1)


async def with_old_hours(c: AsyncConnection, before: dt.datetime) -> list[int]:
    """The ids of the stores that have hours before ``before``."""
    of = tables.stores.c.id
    old = sa.exists(sa.select(_c.n).where(_c.store_id == of, _c.hour < before))
    return list((await c.execute(sa.select(of).where(old).order_by(of))).scalars())


async def forget_hours(c: AsyncConnection, store_id: int, before: dt.datetime) -> int:
    """Takes out the hours of the store's oldest day that has any, if that is before ``before``, and
    gives how many rows they were. The day stays.

    Args:
        c: a connection from ``Database.write``.
        store_id: whose.
        before: a midnight in UTC.
    """
    oldest = sa.select(sa.func.min(_c.hour, type_=_c.hour.type)).where(_c.store_id == store_id)
    hour = (await c.execute(oldest)).scalar()
    if hour is None or hour >= before:
        return 0
    inside = (_c.hour >= hour, _c.hour < _midnight(hour) + _DAY)
    gone = sa.delete(tables.counts).where(_c.store_id == store_id, *inside)
    return (await c.execute(gone)).rowcount


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
        until: the first moment that no longer counts; rounded down to its hour. Where the hours of
            its day are gone, all of that day counts.
        bys: what to group by, each for itself. Days and hours are those of UTC. With ``variant``
            among them only what was counted under one is there.
        only: leaves out all other counts.

    Returns:
        For each of ``bys`` its totals, sorted by group and measure; what was never counted is
        absent.
    """
    known = sa.select(tables.stores.c.id) if store_ids is None else store_ids
    tried = only.variant is not None or "variant" in bys
    begin, end, parts = hour_of(since), hour_of(until), []
    if not (tried or "hour" in bys or await _any_later_on_its_day(c, known, end)):
        end = _midnight(end + _DAY - _HOUR)  # that of today, as a rule: all of it is meant
    for c_, within in _ranges(begin, end, by_hour="hour" in bys, tried=tried):
        groups = (_group(c_, by).label(by) for by in bys)
        part = sa.select(*groups, c_.measure, sa.func.sum(c_.n).label("n"))
        part = part.where(*within, c_.store_id.in_(known), *_clauses(c_, only))
        parts.append(part.group_by(*bys, c_.measure))
    kept = (sa.union_all(*parts) if len(parts) > 1 else parts[0]).cte("kept")
    sums = sa.union_all(*(_sums(kept, number, by) for number, by in enumerate(bys)))
    found: dict[By, list[Total]] = {by: [] for by in bys}
    for number, group, measure, n in (await c.execute(sums)).all():
        by = bys[number]
        found[by].append(Total(_name(by, group), measure, int(n)))
    for totals_ in found.values():
        totals_.sort(key=lambda total: (total.group, total.measure))
    return found


async def _any_later_on_its_day(
    c: AsyncConnection, known: sa.Select[Any] | Sequence[int], end: dt.datetime
) -> bool:
    rest = (_c.hour >= end, _c.hour < _midnight(end) + _DAY, _c.store_id.in_(known))
    later = sa.exists(sa.select(_c.n).where(*rest))
    return bool((await c.execute(sa.select(later))).scalar_one())


def _ranges(
    begin: dt.datetime, end: dt.datetime, *, by_hour: bool, tried: bool
) -> Iterator[tuple[Columns, tuple[sa.ColumnElement[bool], ...]]]:
    """Where the counts between two hours are: whole days in the days, the rest in the hours."""
    first, last = _midnight(begin + _DAY - _HOUR), _midnight(end)
    if tried or by_hour or first >= last:
        c = (tables.variant_counts if tried else tables.counts).c
        yield c, (c.hour >= begin, c.hour < end)
        return
    yield _w, (_w.day >= (first - EPOCH).days, _w.day < (last - EPOCH).days)
    for since, until in ((begin, first), (last, end)):
        if since < until:
            yield _c, (_c.hour >= since, _c.hour < until)


def _midnight(at: dt.datetime) -> dt.datetime:
    return at.replace(hour=0)


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
    if by == "day" and "day" in c:
        return c.day
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
