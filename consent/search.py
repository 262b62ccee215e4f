"""Finding records in a ledger of any size: by time, store, place, regime, and what was chosen.

Records come newest first, by time and by ``seq`` among equals. Every question is answered from an
index: one of its parts *drives* the search, and its index gives the records in their order. Where
other parts remain, records are looked at one by one, and only so many for one answer. ``Found`` and
``Total`` say when that was not all, so a page is never late and never claims more than it knows.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import ledger
from consent.database import tables
from consent.model import CHOOSABLE, Action, Record

COUNTED = 50_000
"""Up to so many records are counted exactly."""

WINDOWS = (4_000, 16_000, 64_000)
"""How many records are looked at one by one, in steps, before an answer says that it is not all."""

_PROBED = 2_000
_ARMS = 100
_FREQUENT: tuple[Action, ...] = ("accept_all", "reject_all")
"""Not in the index of actions: so many records have them that a page is soon full."""

_d = tables.decisions.c
_KEYS = (_d.at, _d.seq)

Clause = sa.ColumnElement[bool]
Key = tuple[dt.datetime, int]


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


class Found(msgspec.Struct, frozen=True):
    """One page, newest first.

    ``older`` and ``newer`` are what the pages beside it begin at; None where nothing is.
    ``complete``: False when there may be more between this page and the one that goes on from it.
    """

    records: list[Record]
    older: int | None
    newer: int | None
    complete: bool = True


class Total(msgspec.Struct, frozen=True):
    """How many records pass a filter: ``n`` of them, or where not ``exact`` at least ``n``."""

    n: int
    exact: bool = True


class _Driver(NamedTuple):
    """Conditions that an index answers, in one arm for each of its ranges.

    ``rest``: what has to be looked at one by one.
    """

    arms: list[list[Clause]]
    rest: list[Clause]


async def find(
    c: AsyncConnection,
    filter_: LedgerFilter,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int,
) -> Found:
    """A page of the records that pass the filter.

    Args:
        c: a connection from ``Database.read``.
        filter_: which records.
        before: the page of those older than the record with this ``seq``.
        after: the page of those newer than that; at most one of the two.
        limit: how many at most.

    Returns:
        The page; an empty one for a ``seq`` that is not there.
    """
    cursor = None
    start = before if before is not None else after
    if start is not None:
        cursor = await _key(c, start)
        if cursor is None:
            return Found([], None, None)
    backward = after is not None
    driver = await _driver(c, filter_)
    keys, reached = await _walk(c, driver, filter_, cursor, limit + 1, backward=backward)
    more = keys[limit - 1][1] if len(keys) > limit else reached
    keys = sorted(keys[:limit], reverse=True)
    records = await ledger.by_seqs(c, [seq for _, seq in keys])
    complete = len(keys) == limit or reached is None
    if backward:
        return Found(records, keys[-1][1] if keys else after, more, complete)
    first = keys[0][1] if keys and before is not None else None
    return Found(records, more, first, complete)


async def count(c: AsyncConnection, filter_: LedgerFilter) -> Total:
    """How many records pass the filter, as far as that is cheap to know."""
    if filter_ == LedgerFilter():
        return Total(await ledger.last(c))
    driver = await _driver(c, filter_)
    bounds = _times(filter_)
    if not driver.rest:
        n = await _count_arms(c, driver, bounds, COUNTED + 1)
        return Total(min(n, COUNTED), n <= COUNTED)
    n, cursor = 0, None
    for size in WINDOWS:
        edge = await _edge(c, driver, _beyond(bounds, cursor), size, backward=False)
        window = [*_beyond(bounds, cursor), *([sa.tuple_(*_KEYS) >= _bound(edge)] if edge else [])]
        n += await _count_arms(c, driver, [*window, *driver.rest], None)
        if edge is None:
            return Total(n)
        cursor = edge
    return Total(n, exact=False)


async def _walk(
    c: AsyncConnection,
    driver: _Driver,
    filter_: LedgerFilter,
    cursor: Key | None,
    limit: int,
    *,
    backward: bool,
) -> tuple[list[Key], int | None]:
    """The next keys from ``cursor`` on, and where the walk stopped before it was through."""
    bounds = _times(filter_)
    if not driver.rest:
        return await _keys(c, driver, _beyond(bounds, cursor, backward), limit, backward), None
    found: list[Key] = []
    for size in WINDOWS:
        beyond = _beyond(bounds, cursor, backward)
        edge = await _edge(c, driver, beyond, size, backward=backward)
        window = list(beyond)
        if edge is not None:
            row, bound = sa.tuple_(*_KEYS), _bound(edge)
            window.append(row <= bound if backward else row >= bound)
        window += driver.rest
        found += await _keys(c, driver, window, limit - len(found), backward)
        if edge is None or len(found) >= limit:
            return found, None
        cursor = edge
    return found, cursor[1] if cursor else None


async def _keys(
    c: AsyncConnection, driver: _Driver, clauses: Sequence[Clause], limit: int, backward: bool
) -> list[Key]:
    """The first ``limit`` keys in the direction, over all arms."""
    found: list[Key] = []
    for arms in _chunks(driver.arms):
        each = [_in_order(sa.select(*_KEYS).where(*arm, *clauses), backward, limit) for arm in arms]
        found += [(row.at, row.seq) for row in await c.execute(_union(each))]
    return sorted(found, reverse=not backward)[:limit]


async def _edge(
    c: AsyncConnection, driver: _Driver, clauses: Sequence[Clause], size: int, *, backward: bool
) -> Key | None:
    """The key up to which about ``size`` records are; None when there are fewer."""
    share = max(1, size // max(1, len(driver.arms)))
    edges: list[Key] = []
    for arms in _chunks(driver.arms):
        each = [
            _in_order(sa.select(*_KEYS).where(*arm, *clauses), backward, 1).offset(share - 1)
            for arm in arms
        ]
        edges += [(row.at, row.seq) for row in await c.execute(_union(each))]
    if not edges:
        return None
    return min(edges) if backward else max(edges)


async def _count_arms(
    c: AsyncConnection, driver: _Driver, clauses: Sequence[Clause], most: int | None
) -> int:
    n = 0
    for arms in _chunks(driver.arms):
        for arm in arms:
            inner = sa.select(sa.literal(1)).select_from(tables.decisions).where(*arm, *clauses)
            if most is not None:
                inner = inner.limit(most - n)
            query = sa.select(sa.func.count()).select_from(inner.subquery())
            n += int((await c.execute(query)).scalar_one())
            if most is not None and n >= most:
                return n
    return n


async def _driver(c: AsyncConnection, filter_: LedgerFilter) -> _Driver:
    """The part of the filter whose index has the fewest records, and what is left to look at."""
    stores = await _store_ids(c, filter_.stores)
    if filter_.visitor is not None:
        mine: list[Clause] = [_d.visitor == filter_.visitor]
        arms = [mine] if stores is None else [[*mine, _d.store_id == one] for one in stores]
        return _Driver(arms, [clause for _, clause in await _parts(c, filter_, stores)])
    parts = await _parts(c, filter_, stores)
    options = await _options(c, filter_, stores)
    if not options:
        arms = [[]] if stores is None else [[_d.store_id == one] for one in stores]
        return _Driver(arms, [clause for _, clause in parts])
    name = min(options)
    if len(options) > 1:
        sizes = {
            each: await _count_arms(c, _Driver(arms, []), _times(filter_), _PROBED)
            for each, arms in options.items()
        }
        name = min(sizes, key=lambda each: sizes[each])
    covered = {name} if name != "place" or not _has_subdivisions(filter_) else set()
    return _Driver(options[name], [clause for part, clause in parts if part not in covered])


async def _options(
    c: AsyncConnection, filter_: LedgerFilter, stores: list[int] | None
) -> dict[str, list[list[Clause]]]:
    """The arms of each part of the filter that has an index of its own."""
    values: dict[str, list[Clause]] = {}
    if filter_.places is not None:
        countries = dict.fromkeys(place.partition("-")[0] for place in filter_.places)
        values["place"] = [_is_country(country) for country in countries]
    if filter_.regime is not None or filter_.looser:
        values["regime"] = [_d.regime_id == one for one in await _regime_ids(c, filter_)]
    if filter_.language is not None:
        values["language"] = [_d.language == filter_.language]
    if filter_.action is not None and filter_.action not in _FREQUENT:
        # The index holds only these, and has to be told so.
        values["action"] = [sa.and_(_d.action == filter_.action, _d.action.not_in(_rare()))]
    options: dict[str, list[list[Clause]]] = {}
    if values:
        every = await _all_store_ids(c) if stores is None else stores
        for name, clauses in values.items():
            options[name] = [[_d.store_id == one, clause] for one in every for clause in clauses]
    if filter_.version is not None:
        ids = await _version_ids(c, filter_.version, stores)
        options["version"] = [[_d.version_id == one] for one in ids]
    return options


async def _parts(
    c: AsyncConnection, filter_: LedgerFilter, stores: list[int] | None
) -> list[tuple[str, Clause]]:
    """Each part of the filter but stores and times, as a condition that no index takes up."""
    parts: list[tuple[str, Clause]] = []
    if filter_.places is not None:
        parts.append(("place", sa.or_(*map(_is_place, filter_.places))))
    if filter_.regime is not None or filter_.looser:
        ids = await _regime_ids(c, filter_)
        parts.append(("regime", _plain(_d.regime_id).in_(ids)))
    if filter_.version is not None:
        ids = await _version_ids(c, filter_.version, stores)
        parts.append(("version", _plain(_d.version_id).in_(ids)))
    if filter_.language is not None:
        parts.append(("language", _plain(_d.language) == filter_.language))
    if filter_.action is not None:
        parts.append(("action", _plain(_d.action) == filter_.action))
    given = [_d[purpose] for purpose in CHOOSABLE]
    if filter_.kind == "all":
        parts.append(("kind", sa.and_(*given)))
    elif filter_.kind == "none":
        parts.append(("kind", sa.not_(sa.or_(*given))))
    elif filter_.kind == "some":
        parts.append(("kind", sa.and_(sa.or_(*given), sa.not_(sa.and_(*given)))))
    return parts


def _is_country(code: str) -> Clause:
    return _d.country == code if code else _d.country.is_(None)


def _is_place(code: str) -> Clause:
    if not code:
        return _plain(_d.country).is_(None)
    return _plain(_d.subdivision if "-" in code else _d.country) == code


def _plain(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The same value, of which neither database knows an index: the driver's is the one to use."""
    return sa.func.coalesce(column, column, type_=column.type)


def _rare() -> list[sa.ColumnElement[str]]:
    """As literals: a condition with parameters proves nothing about a partial index."""
    return [sa.literal_column(f"'{action}'") for action in _FREQUENT]


def _has_subdivisions(filter_: LedgerFilter) -> bool:
    return any("-" in place for place in filter_.places or ())


def _times(filter_: LedgerFilter) -> list[Clause]:
    clauses: list[Clause] = []
    if filter_.since is not None:
        clauses.append(_d.at >= filter_.since)
    if filter_.until is not None:
        clauses.append(_d.at < filter_.until)
    return clauses


def _beyond(bounds: Sequence[Clause], cursor: Key | None, backward: bool = False) -> list[Clause]:
    """``bounds``, and what lies beyond ``cursor`` in the direction."""
    if cursor is None:
        return list(bounds)
    row, bound = sa.tuple_(*_KEYS), _bound(cursor)
    return [*bounds, row > bound if backward else row < bound]


def _bound(key: Key) -> sa.Tuple:
    return sa.tuple_(sa.literal(key[0], _d.at.type), sa.literal(key[1], _d.seq.type))


def _in_order(query: sa.Select[Any], backward: bool, limit: int) -> sa.Select[Any]:
    order = (_d.at, _d.seq) if backward else (_d.at.desc(), _d.seq.desc())
    return query.order_by(*order).limit(limit)


def _union(queries: Sequence[sa.Select[Any]]) -> sa.Executable:
    if len(queries) == 1:
        return queries[0]
    return sa.union_all(*(sa.select(query.subquery()) for query in queries))


def _chunks(arms: Sequence[list[Clause]]) -> Iterator[Sequence[list[Clause]]]:
    """So many arms as fit in one statement."""
    for start in range(0, len(arms), _ARMS):
        yield arms[start : start + _ARMS]


async def _key(c: AsyncConnection, seq: int) -> Key | None:
    at = (await c.execute(sa.select(_d.at).where(_d.seq == seq))).scalar()
    return None if at is None else (at, seq)


async def _store_ids(c: AsyncConnection, keys: tuple[str, ...] | None) -> list[int] | None:
    if keys is None:
        return None
    query = sa.select(tables.stores.c.id).where(tables.stores.c.key.in_(keys))
    return list((await c.execute(query)).scalars())


async def _all_store_ids(c: AsyncConnection) -> list[int]:
    return list((await c.execute(sa.select(tables.stores.c.id))).scalars())


async def _version_ids(c: AsyncConnection, number: int, stores: list[int] | None) -> list[int]:
    v = tables.versions.c
    query = sa.select(v.id).where(v.number == number)
    if stores is not None:
        query = query.where(v.store_id.in_(stores))
    return list((await c.execute(query)).scalars())


async def _regime_ids(c: AsyncConnection, filter_: LedgerFilter) -> list[int]:
    """The contents that the filter's regime has had, or those that a rule made looser."""
    r = tables.regimes.c
    query = sa.select(r.id, r.content)
    if filter_.regime is not None:
        query = query.where(r.regime == filter_.regime)
    rows = (await c.execute(query)).all()
    return [row.id for row in rows if not filter_.looser or _is_looser(row.content)]


def _is_looser(content: bytes) -> bool:
    return bool(msgspec.json.decode(content).get("looser"))
