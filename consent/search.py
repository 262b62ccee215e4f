"""Finding records in a ledger of any size: by time, store, place, regime, and what was chosen.

Records come newest first, by time and by ``seq`` among equals. Every question is answered from an
index: one of its parts *drives* the search, and its index gives the records in their order. Where
other parts remain, records are looked at one by one, and only so many for one answer. ``Found`` and
``Total`` say when that was not all, so a page is never late and never claims more than it knows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import erasures, filters, ledger
from consent.database import tables
from consent.filters import Clause, LedgerFilter
from consent.model import Action, Record

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

Key = tuple[dt.datetime, int]


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
    keys: list[Key] = []
    reached = None
    if len(driver.arms) > _ARMS:
        # Of many places at once there are so many records that a page is soon full without them.
        near = await _undriven(c, filter_)
        near_keys, _ = await _walk(c, near, filter_, cursor, limit + 1, WINDOWS[:1], backward)
        keys = near_keys if len(near_keys) > limit else keys
    if not keys:
        keys, reached = await _walk(c, driver, filter_, cursor, limit + 1, WINDOWS, backward)
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
        return Total(await ledger.last(c) - await erasures.total(c))
    driver = await _driver(c, filter_)
    bounds = filters.times(filter_)
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
    windows: Sequence[int],
    backward: bool,
) -> tuple[list[Key], int | None]:
    """The next keys from ``cursor`` on, and where the walk stopped before it was through."""
    bounds = filters.times(filter_)
    if not driver.rest:
        return await _keys(c, driver, _beyond(bounds, cursor, backward), limit, backward), None
    found: list[Key] = []
    for size in windows:
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
    """How many records are in all arms; counting ends at ``most``."""
    n = 0
    for arms in _chunks(driver.arms):
        each = [
            sa.select(sa.literal(1).label("one"))
            .select_from(tables.decisions)
            .where(*arm, *clauses)
            for arm in arms
        ]
        together = sa.union_all(*each) if len(each) > 1 else each[0]
        if most is not None:
            together = together.limit(most - n)
        query = sa.select(sa.func.count()).select_from(together.subquery())
        n += int((await c.execute(query)).scalar_one())
        if most is not None and n >= most:
            return n
    return n


async def _driver(c: AsyncConnection, filter_: LedgerFilter) -> _Driver:
    """The part of the filter whose index has the fewest records, and what is left to look at."""
    stores = await filters.store_ids(c, filter_.stores)
    if filter_.visitor is not None:
        mine: list[Clause] = [_d.visitor == filter_.visitor]
        arms = [mine] if stores is None else [[*mine, _d.store_id == one] for one in stores]
        return _Driver(arms, [clause for _, clause in await filters.parts(c, filter_, stores)])
    parts = await filters.parts(c, filter_, stores)
    options = await _options(c, filter_, stores)
    if not options:
        return await _undriven(c, filter_)
    name = min(options)
    if len(options) > 1:
        sizes = {
            each: await _count_arms(c, _Driver(arms, []), filters.times(filter_), _PROBED)
            for each, arms in options.items()
        }
        name = min(sizes, key=lambda each: sizes[each])
    covered = {name} if name != "place" or not filters.has_subdivisions(filter_) else set()
    return _Driver(options[name], [clause for part, clause in parts if part not in covered])


async def _undriven(c: AsyncConnection, filter_: LedgerFilter) -> _Driver:
    """By time alone, in each of the stores that are named."""
    stores = await filters.store_ids(c, filter_.stores)
    arms = [[]] if stores is None else [[_d.store_id == one] for one in stores]
    return _Driver(arms, [clause for _, clause in await filters.parts(c, filter_, stores)])


async def _options(
    c: AsyncConnection, filter_: LedgerFilter, stores: list[int] | None
) -> dict[str, list[list[Clause]]]:
    """The arms of each part of the filter that has an index of its own."""
    values: dict[str, list[Clause]] = {}
    if filter_.places is not None:
        countries = dict.fromkeys(place.partition("-")[0] for place in filter_.places)
        values["place"] = [filters.in_country(country) for country in countries]
    if filter_.regime is not None or filter_.looser:
        values["regime"] = [_d.regime_id == one for one in await filters.regime_ids(c, filter_)]
    if filter_.language is not None:
        values["language"] = [_d.language == filter_.language]
    if filter_.action is not None and filter_.action not in _FREQUENT:
        # The index holds only these, and has to be told so.
        values["action"] = [sa.and_(_d.action == filter_.action, _d.action.not_in(_rare()))]
    options: dict[str, list[list[Clause]]] = {}
    if values:
        every = await filters.all_store_ids(c) if stores is None else stores
        for name, clauses in values.items():
            options[name] = [[_d.store_id == one, clause] for one in every for clause in clauses]
    if filter_.version is not None:
        ids = await filters.version_ids(c, filter_.version, stores)
        options["version"] = [[_d.version_id == one] for one in ids]
    return options


def _rare() -> list[sa.ColumnElement[str]]:
    """As literals: a condition with parameters proves nothing about a partial index."""
    return [sa.literal_column(f"'{action}'") for action in _FREQUENT]


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
