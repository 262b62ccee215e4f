"""From the sums of ``coverage`` to the price of a decline: what reached each platform."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import coverage
from consent.coverage import WORTH
from consent.model import Reached
from consent.rates import Rate

REACHED: tuple[Reached, ...] = get_args(Reached)
"""How an event can end, in the order in which it is shown; the first two are there."""

GOT: tuple[Reached, ...] = ("sent", "limited")


class Parts(msgspec.Struct, frozen=True):
    """A whole by how it ended: events, or thousandths of a currency."""

    by: dict[Reached, int] = {}

    @property
    def whole(self) -> int:
        return sum(self.by.values())

    @property
    def got(self) -> int:
        """What the platform had."""
        return sum(self.of(each) for each in GOT)

    def of(self, reached: Reached) -> int:
        return self.by.get(reached, 0)

    def plus(self, other: Parts) -> Parts:
        return Parts({each: self.of(each) + other.of(each) for each in REACHED})


class Platform(msgspec.Struct, frozen=True):
    """One platform: its events, each kind apart, and purchases' worth by currency."""

    key: str
    events: Parts
    kinds: dict[str, Parts]
    worth: dict[str, Parts]

    @property
    def purchases(self) -> Parts:
        return self.kinds.get(WORTH, Parts())

    @property
    def currency(self) -> str:
        """The one with the most purchases in it by worth; empty without any."""
        return max(self.worth, key=lambda code: self.worth[code].whole, default="")


class Report(msgspec.Struct, frozen=True):
    """``platforms``: most events first. ``places``: events of one platform, by place."""

    platforms: tuple[Platform, ...]
    places: dict[str, dict[str, Parts]]

    def platform(self, key: str) -> Platform | None:
        """The platform called ``key``; for an empty key the one that lost the most worth."""
        if key:
            return next((one for one in self.platforms if one.key == key), None)
        return max(self.platforms, key=_lost, default=None)


def share(parts: Parts) -> Rate:
    """How many events the platform had, out of all."""
    return Rate(parts.got, parts.whole)


async def report(
    c: AsyncConnection,
    stores: Sequence[int] | None,
    since: dt.datetime,
    until: dt.datetime,
) -> Report:
    """The report on ``stores`` from ``since`` up to and without ``until``.

    Args:
        c: a connection that can read.
        stores: ids of stores; None means all.
        since: aware UTC, a full hour.
        until: the same.
    """
    rows = await coverage.sums(
        c, stores, since, until, ("platform", "event", "currency", "reached", "place")
    )
    kinds: dict[str, dict[str, Parts]] = {}
    worth: dict[str, dict[str, Parts]] = {}
    places: dict[str, dict[str, Parts]] = {}
    for (platform, event, currency, reached, place), n in rows:
        more = Parts({reached: n})  # type: ignore[dict-item] # a column of ours
        if currency:
            _add(worth, platform, currency, more)
        else:
            _add(kinds, platform, event, more)
            _add(places, platform, place, more)
    found = [
        Platform(key, _whole(events), _sorted(events), _sorted(worth.get(key, {})))
        for key, events in kinds.items()
    ]
    found.sort(key=lambda one: (-one.events.whole, one.key))
    return Report(tuple(found), {key: _sorted(parts) for key, parts in places.items()})


def _add(into: dict[str, dict[str, Parts]], first: str, second: str, more: Parts) -> None:
    known = into.setdefault(first, {})
    known[second] = known.get(second, Parts()).plus(more)


def _whole(parts: Mapping[str, Parts]) -> Parts:
    total = Parts()
    for each in parts.values():
        total = total.plus(each)
    return total


def _sorted(parts: Mapping[str, Parts]) -> dict[str, Parts]:
    return dict(sorted(parts.items(), key=lambda item: (-item[1].whole, item[0])))


def _lost(platform: Platform) -> tuple[int, int]:
    worth = platform.worth.get(platform.currency, Parts())
    return worth.whole - worth.got, platform.events.whole - platform.events.got
