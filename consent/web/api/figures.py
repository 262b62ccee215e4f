"""Decline rates and signal coverage through the API, by the same filters as the pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec

from consent import coverage, rates
from consent.overview import Line, Rank
from consent.web.admin import access, ratechoice, ratefiles
from consent.web.api.operation import Ask, Operation, Text


class Share(msgspec.Struct, frozen=True):
    """``n`` of ``of``; from too few no share. ``low``, ``high``: 95 % confidence (Wilson)."""

    n: int
    of: int
    share: float | None
    low: float | None
    high: float | None


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """Visits and how they ended; what is counted apart. ``bots``: posts left out."""

    visits: int
    outcomes: dict[rates.Outcome, Share]
    shown: int
    repeats: int
    withdrawn: int
    changed: int
    bots: int


class DayNumbers(Numbers, frozen=True, kw_only=True):
    day: dt.date


class KeyNumbers(Numbers, frozen=True, kw_only=True):
    """``key``: a code, or ``unknown``."""

    key: str


class Rates(msgspec.Struct, frozen=True):
    """``before``: the period of the same length before this one."""

    store: str
    since: dt.datetime
    until: dt.datetime
    total: Numbers
    before: Numbers
    days: list[DayNumbers]
    countries: list[KeyNumbers]
    places: list[KeyNumbers]
    regimes: list[KeyNumbers]
    by: rates.GroupedBy
    groups: list[KeyNumbers]


class Sum(msgspec.Struct, frozen=True):
    """How many events; with a currency what purchases were worth, in thousandths of it."""

    platform: str
    event: str
    currency: str
    reached: str
    place: str
    n: int


class Coverage(msgspec.Struct, frozen=True):
    since: dt.datetime
    until: dt.datetime
    sums: list[Sum]


class PeriodQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``days``: 7, 30 or 90; or days ``from`` and ``until``, such as 2026-11-23."""

    store: Text = ""
    days: Text = ""
    from_: Text = msgspec.field(default="", name="from")
    until: Text = ""


class RatesQuery(PeriodQuery, frozen=True, forbid_unknown_fields=True):
    """``by``: what groups are; the others leave out what is not of that value."""

    by: Text = ""
    place: Text = ""
    regime: Text = ""
    device: Text = ""
    language: Text = ""
    version: Text = ""
    variant: Text = ""


async def rated(ask: Ask) -> dict[str, Any]:
    chosen = await ratechoice.read(ask)
    c, period, only = ask.connection, chosen.period, chosen.only
    report = await rates.report(c, chosen.ids, period.since, period.until, by=chosen.by, only=only)
    before = await rates.total(c, chosen.ids, *period.before, only=only)
    return ratefiles.facts(chosen.store.key if chosen.store else "all", report, before)


async def covered(ask: Ask) -> Coverage:
    chosen = await ratechoice.read(ask)
    period = chosen.period
    bys: tuple[coverage.By, ...] = ("platform", "event", "currency", "reached", "place")
    sums = await coverage.sums(ask.connection, chosen.ids, period.since, period.until, bys)
    return Coverage(period.since, period.until, [_sum(by, n) for by, n in sums])


def _sum(by: Sequence[str], n: int) -> Sum:
    platform, event, currency, reached, place = by
    return Sum(platform, event, currency, reached, place, n)


class Need(msgspec.Struct, frozen=True):
    """One thing that needs a look, as a sentence. ``rank``: ``bad``, ``warn`` or ``note``."""

    rank: Rank
    said: str


class StoreLine(msgspec.Struct, frozen=True):
    """A store at a glance: the last 28 days, the 28 before, and what needs a look, the worst first.

    ``trend``: the share of declines in each of twelve weeks, oldest first; None: too few visits.
    """

    key: str
    name: str
    group: str | None
    visits: int
    accepted: int
    declined: int
    visits_before: int
    declined_before: int
    trend: list[float | None]
    refused: int
    first_seen: dt.datetime | None
    last_seen: dt.datetime | None
    last_decision: dt.datetime | None
    health: list[Need]


class Overview(msgspec.Struct, frozen=True):
    """All stores that are seen, by name."""

    stores: list[StoreLine]


async def overview(ask: Ask) -> Overview:
    services, c = ask.services, ask.connection
    found = await access.visible(c, ask.user)
    lines = await services.overview.lines(c, found, services.published.newest, services.now())
    return Overview([_line(one) for one in lines])


def _line(one: Line) -> StoreLine:
    return StoreLine(
        one.store.key,
        one.store.name,
        one.store.group,
        one.now.visits,
        one.now.accepted,
        one.now.declined,
        one.before.visits,
        one.before.declined,
        [week.share for week in one.weeks],
        one.refused,
        one.first_seen,
        one.last_seen,
        one.last_decision,
        [Need(each.rank, each.said) for each in one.health],
    )


OPERATIONS = (
    Operation(
        *("overview.get", "GET", "/overview", "rates:read", overview),
        "All stores at a glance: rates, trend, and what needs a look.",
        Overview,
    ),
    Operation(
        *("rates.get", "GET", "/rates", "rates:read", rated),
        "How visits ended, with their counts, by day, place and regime.",
        Rates,
        RatesQuery,
    ),
    Operation(
        *("coverage.get", "GET", "/coverage", "coverage:read", covered),
        "How much of the events and of the worth of purchases reached each platform.",
        Coverage,
        PeriodQuery,
    ),
)
