"""From the counts to what marketing reads: how many visits declined, and out of how many.

A visit is a banner shown on an entry page, or a browser that answered by Global Privacy Control
before any banner was needed. Answers whose banner was not counted are visits too, so that there
are never more answers than visits. Each visit ends in exactly one of ``OUTCOMES``, so their shares
add up to one. ``no_choice`` is what is left of the visits after the first decisions. A visit stays
counted by its first answer; what visitors take back or change later is counted apart. A rate never
travels without its counts, and from fewer than ``SMALL`` visits none is given.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import counts

Outcome = Literal["accepted", "partly", "declined", "closed", "gpc", "no_choice"]

OUTCOMES: tuple[Outcome, ...] = ("accepted", "partly", "declined", "closed", "gpc", "no_choice")
"""How a visit can end, in the order in which it is shown."""

SMALL = 10
"""From fewer visits than this a share would say more about chance than about people."""


class Rate(msgspec.Struct, frozen=True):
    """``n`` of ``of``, which is at least ``n``."""

    n: int
    of: int

    @property
    def share(self) -> float | None:
        """A fraction from 0 to 1; None when there are too few to speak of one."""
        return self.n / self.of if self.of >= SMALL else None


class Counts(msgspec.Struct, frozen=True):
    """What was counted, by measure. ``shown`` are banners on entry pages, ``repeats`` on later."""

    shown: int = 0
    repeats: int = 0
    accepted: int = 0
    partly: int = 0
    declined: int = 0
    closed: int = 0
    gpc: int = 0
    withdrawn: int = 0
    changed: int = 0

    @classmethod
    def of(cls, totals: Mapping[str, int]) -> Counts:
        """From what the counts call each measure; an unknown measure is left out."""
        named = {"visit": "shown", "repeat": "repeats"}
        given = {named.get(measure, measure): n for measure, n in totals.items()}
        return cls(**{field: given.get(field, 0) for field in cls.__struct_fields__})

    @property
    def answered(self) -> int:
        """First decisions made at a banner."""
        return self.accepted + self.partly + self.declined + self.closed

    @property
    def visits(self) -> int:
        """Every visit that could have been answered; never fewer than the answers.

        A page whose count was lost on the way can still have sent its decision.
        """
        return max(self.shown, self.answered) + self.gpc

    @property
    def no_choice(self) -> int:
        return self.visits - self.answered - self.gpc

    def rate(self, outcome: Outcome) -> Rate:
        """How many visits ended in ``outcome``, out of all of them."""
        return Rate(int(getattr(self, outcome)), self.visits)

    def plus(self, other: Counts) -> Counts:
        fields = self.__struct_fields__
        return Counts(*(getattr(self, field) + getattr(other, field) for field in fields))


class Day(msgspec.Struct, frozen=True):
    day: dt.date
    counts: Counts


class Group(msgspec.Struct, frozen=True):
    """The counts of one place (``US-CA``; empty: unknown) or of one regime, by its id."""

    code: str
    counts: Counts


class Report(msgspec.Struct, frozen=True):
    """Everything the page of decline rates says. ``days`` has every day, also the empty ones."""

    since: dt.datetime
    until: dt.datetime
    total: Counts
    days: tuple[Day, ...]
    places: tuple[Group, ...]
    regimes: tuple[Group, ...]

    @property
    def countries(self) -> tuple[Group, ...]:
        """The places folded into their countries, most visits first."""
        folded: dict[str, Counts] = {}
        for group in self.places:
            country = group.code.partition("-")[0]
            folded[country] = folded.get(country, Counts()).plus(group.counts)
        return _ranked(folded)


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
        since: aware UTC, a full hour, since counts are kept by the hour.
        until: the same.
    """
    found = await counts.totals_by(c, stores, since, until, ("day", "place", "regime"))
    by_day, by_place, by_regime = (_grouped(found[by]) for by in ("day", "place", "regime"))
    total = Counts()
    for each in by_day.values():
        total = total.plus(each)
    days = tuple(Day(day, by_day.get(day.isoformat(), Counts())) for day in _days(since, until))
    return Report(since, until, total, days, _ranked(by_place), _ranked(by_regime))


async def total(
    c: AsyncConnection,
    stores: Sequence[int] | None,
    since: dt.datetime,
    until: dt.datetime,
) -> Counts:
    """The counts alone, for the period that a report is compared with. Arguments as above."""
    found = await counts.totals(c, stores, since, until, by="none")
    return Counts.of({row.measure: row.n for row in found})


def _grouped(rows: Iterable[counts.Total]) -> dict[str, Counts]:
    measures: dict[str, dict[str, int]] = {}
    for row in rows:
        measures.setdefault(str(row.group), {})[row.measure] = row.n
    return {group: Counts.of(found) for group, found in measures.items()}


def _ranked(groups: Mapping[str, Counts]) -> tuple[Group, ...]:
    ordered = sorted(groups.items(), key=lambda item: (-item[1].visits, item[0]))
    return tuple(Group(code, found) for code, found in ordered)


def _days(since: dt.datetime, until: dt.datetime) -> list[dt.date]:
    last = (until - dt.timedelta(microseconds=1)).date()
    return [since.date() + dt.timedelta(days=n) for n in range((last - since.date()).days + 1)]
