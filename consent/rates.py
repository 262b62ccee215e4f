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
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import counts

GroupedBy = Literal["place", "regime", "device", "language", "version", "variant", "store"]
Step = Literal["hour", "day", "week", "month"]
Outcome = Literal["accepted", "partly", "declined", "closed", "gpc", "no_choice"]

OUTCOMES: tuple[Outcome, ...] = ("accepted", "partly", "declined", "closed", "gpc", "no_choice")
"""How a visit can end, in the order in which it is shown."""

TYPICAL_DECLINED = (0.2, 0.4)
"""What European stores are used to, by their own telling; it is no measurement of ours."""

_HOUR, _DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
_Z = 1.959963984540054
"""Within so many standard deviations lie 95 % of a normal distribution."""

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

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between which shares the true one lies, with 95 % confidence; None when there is none.

        Source: Wilson, "Probable inference", JASA 22 (1927); as in Brown, Cai and DasGupta,
        Statistical Science 16 (2001), which finds that it keeps what it promises for small numbers.
        """
        if self.share is None:
            return None
        z2 = _Z * _Z
        middle = (self.share + z2 / (2 * self.of)) / (1 + z2 / self.of)
        spread = self.share * (1 - self.share) / self.of + z2 / (4 * self.of * self.of)
        half = _Z / (1 + z2 / self.of) * math.sqrt(spread)
        return max(0.0, middle - half), min(1.0, middle + half)


class Counts(msgspec.Struct, frozen=True):
    """What was counted, by measure. ``shown`` are banners on entry pages, ``repeats`` on later.

    ``bots`` are banners shown to known crawlers and decisions of theirs, which nothing else has.
    """

    shown: int = 0
    repeats: int = 0
    accepted: int = 0
    partly: int = 0
    declined: int = 0
    closed: int = 0
    gpc: int = 0
    withdrawn: int = 0
    changed: int = 0
    bots: int = 0

    @classmethod
    def of(cls, totals: Mapping[str, int]) -> Counts:
        """From what the counts call each measure; an unknown measure is left out."""
        named = {"visit": "shown", "repeat": "repeats", "bot": "bots"}
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


class Span(msgspec.Struct, frozen=True):
    """An hour, a day, a week from its Monday or a month, by its first moment in UTC.

    At the ends of a period a week or a month may be in it with some of its days only.
    """

    at: dt.datetime
    counts: Counts

    @property
    def day(self) -> dt.date:
        return self.at.date()


class Group(msgspec.Struct, frozen=True):
    """The counts of one place (``US-CA``; empty: unknown), or of whatever else is grouped by."""

    code: str
    counts: Counts


class Report(msgspec.Struct, frozen=True):
    """Everything the page of decline rates says. ``days`` has every day, also the empty ones."""

    by: GroupedBy

    since: dt.datetime
    until: dt.datetime
    total: Counts
    days: tuple[Span, ...]
    places: tuple[Group, ...]
    regimes: tuple[Group, ...]
    groups: tuple[Group, ...]
    """By what was asked for, most visits first."""

    @property
    def countries(self) -> tuple[Group, ...]:
        """The places folded into their countries, most visits first."""
        folded: dict[str, Counts] = {}
        for group in self.places:
            country = group.code.partition("-")[0]
            folded[country] = folded.get(country, Counts()).plus(group.counts)
        return _ranked(folded)

    def of_regimes(self, ids: Iterable[str]) -> Counts:
        """What was counted under these regimes together."""
        wanted = set(ids)
        total = Counts()
        for group in self.regimes:
            if group.code in wanted:
                total = total.plus(group.counts)
        return total

    def spans(self, step: Step) -> tuple[Span, ...]:
        """The days folded into weeks or months; the days themselves for anything else."""
        folded: dict[dt.datetime, Counts] = {}
        for day in self.days:
            first = _first(day.at, step)
            folded[first] = folded.get(first, Counts()).plus(day.counts)
        return tuple(Span(at, found) for at, found in folded.items())


async def report(
    c: AsyncConnection,
    stores: Sequence[int] | None,
    since: dt.datetime,
    until: dt.datetime,
    *,
    by: GroupedBy = "place",
    only: counts.Only = counts.EVERYTHING,
) -> Report:
    """The report on ``stores`` from ``since`` up to and without ``until``.

    Args:
        c: a connection that can read.
        stores: ids of stores; None means all.
        since: aware UTC, a full hour, since counts are kept by the hour.
        until: the same.
        by: what ``Report.groups`` are.
        only: leaves out all other counts.
    """
    # Not every visit is in an experiment, so that variants alone would not add up to the total.
    shared = () if by == "variant" else (by,)
    bys: tuple[counts.By, ...] = tuple(dict.fromkeys(("day", "place", "regime", *shared)))
    totals = await counts.totals_by(c, stores, since, until, bys, only)
    if by == "variant":
        totals |= await counts.totals_by(c, stores, since, until, (by,), only)
    found = {each: _grouped(rows) for each, rows in totals.items()}
    total = Counts()
    for day in found["day"].values():
        total = total.plus(day)
    days = tuple(Span(at, found["day"].get(f"{at:%F}", Counts())) for at in _days(since, until))
    places, regimes, groups = (_ranked(found[each]) for each in ("place", "regime", by))
    return Report(by, since, until, total, days, places, regimes, groups)


async def hours(
    c: AsyncConnection,
    stores: Sequence[int] | None,
    since: dt.datetime,
    until: dt.datetime,
    *,
    only: counts.Only = counts.EVERYTHING,
) -> tuple[Span, ...]:
    """Every hour of a period, also the empty ones. Arguments as above."""
    totals = await counts.totals_by(c, stores, since, until, ("hour",), only)
    found = _grouped(totals["hour"])
    every = (since + dt.timedelta(hours=n) for n in range(int((until - since) / _HOUR)))
    return tuple(Span(at, found.get(f"{at:%FT%H}", Counts())) for at in every)


async def total(
    c: AsyncConnection,
    stores: Sequence[int] | None,
    since: dt.datetime,
    until: dt.datetime,
    *,
    only: counts.Only = counts.EVERYTHING,
) -> Counts:
    """The counts alone, for the period that a report is compared with. Arguments as above."""
    found = await counts.totals_by(c, stores, since, until, ("none",), only)
    return Counts.of({row.measure: row.n for row in found["none"]})


def _grouped(rows: Iterable[counts.Total]) -> dict[str, Counts]:
    measures: dict[str, dict[str, int]] = {}
    for row in rows:
        measures.setdefault(str(row.group), {})[row.measure] = row.n
    return {group: Counts.of(found) for group, found in measures.items()}


def _ranked(groups: Mapping[str, Counts]) -> tuple[Group, ...]:
    ordered = sorted(groups.items(), key=lambda item: (-item[1].visits, item[0]))
    return tuple(Group(code, found) for code, found in ordered)


def _days(since: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """The midnights from that of ``since`` on, of every day that has begun before ``until``."""
    first = since.replace(hour=0, minute=0, second=0, microsecond=0)
    return [first + dt.timedelta(days=n) for n in range(math.ceil((until - first) / _DAY))]


def _first(at: dt.datetime, step: Step) -> dt.datetime:
    if step == "week":
        return at - dt.timedelta(days=at.weekday())
    return at.replace(day=1) if step == "month" else at
