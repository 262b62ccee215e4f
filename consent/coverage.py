"""How much of what a shop tracks reached each platform, by hour. Nothing here leads to a visitor.

The page itself adds up, and says for each event which platforms had it and what held it from the
others. A page may say anything, so these are figures for a marketer, and no proof of anything.

A row without a currency counts events; one with a currency sums what purchases were worth, in
thousandths of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Literal, NamedTuple

import babel.numbers
import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.counts import hour_of
from consent.database import tables
from consent.database.dialects import adding
from consent.model import Reached

EVENTS_AT_ONCE = 40
"""The most events in one post; a page that has more sends several."""
THOUSANDTHS = 1000
MOST_VALUE = 10_000_000
"""A purchase that is worth more is counted without its worth: it is a slip, or meant to spoil."""
WORTH = "Purchase"
"""The one event whose value is summed."""
OTHER = "custom"
"""What events are called that a shop has named by itself."""

By = Literal["platform", "event", "reached", "currency", "place"]

_c = tables.coverage.c


class Key(NamedTuple):
    """What is counted together. ``hour`` is a full hour in UTC, ``place`` a code or empty."""

    store_id: int
    hour: dt.datetime
    place: str
    platform: str
    event: str
    reached: Reached
    currency: str


class Tracked(msgspec.Struct, frozen=True):
    """One event of a page, and by platform (as decisions call it) how it ended there."""

    name: str
    reached: dict[str, Reached]
    value: float | None = None
    currency: str | None = None


class Post(msgspec.Struct, frozen=True):
    """What a page posts when it is left."""

    version: int
    events: list[Tracked]


def worth(event: Tracked) -> tuple[str, int]:
    """The currency and the thousandths of it that a purchase brought; ``("", 0)`` for none.

    Source of the codes: ISO 4217, as Unicode's locale data have them.
    """
    value, currency = event.value, event.currency
    if event.name != WORTH or value is None or currency not in _currencies():
        return "", 0
    return (currency, round(value * THOUSANDTHS)) if 0 < value <= MOST_VALUE else ("", 0)


def keys(event: Tracked, platform: str, base: Key) -> Iterator[tuple[Key, int]]:
    """What one event adds for one platform: ``base`` with the rest filled in, and how much.

    Args:
        event: its ``name`` is one that is known here, or ``OTHER``.
        platform: one of ``event.reached``.
        base: store, hour and place.
    """
    key = base._replace(platform=platform, event=event.name, reached=event.reached[platform])
    yield key, 1
    currency, n = worth(event)
    if n:
        yield key._replace(currency=currency), n


async def add(c: AsyncConnection, deltas: Mapping[Key, int]) -> None:
    """Adds to the sums, in one order, so that two writers never lock crosswise."""
    rows = [{**key._asdict(), "n": n} for key, n in sorted(deltas.items()) if n]
    if rows:
        await c.execute(adding(c.dialect.name, tables.coverage, "n"), rows)


async def sums(
    c: AsyncConnection,
    store_ids: Sequence[int] | None,
    since: dt.datetime,
    until: dt.datetime,
    by: Sequence[By],
) -> list[tuple[tuple[str, ...], int]]:
    """What was added, grouped by ``by`` together.

    Args:
        c: a connection from ``Database.read``.
        store_ids: None means every store.
        since: the first moment that counts; rounded down to its hour.
        until: the first moment that no longer counts; rounded down to its hour.
        by: the columns to keep apart. Never add up over ``currency``.
    """
    known = sa.select(tables.stores.c.id) if store_ids is None else store_ids
    columns = [_c[name] for name in by]
    rows = await c.execute(
        sa.select(*columns, sa.func.sum(_c.n))
        .where(_c.hour >= hour_of(since), _c.hour < hour_of(until), _c.store_id.in_(known))
        .group_by(*columns)
        .order_by(*columns)
    )
    return [(tuple(row[:-1]), int(row[-1])) for row in rows]


@cache
def _currencies() -> frozenset[str]:
    return frozenset(babel.numbers.list_currencies())
