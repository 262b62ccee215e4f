"""Which days a page is about, as its address says: ``days=30``, or ``from`` and ``until``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from consent.web.admin import words

PRESETS = (7, 30, 90)
LONGEST_DAYS = 400


class Period(NamedTuple):
    """Full hours, aware UTC; ``until`` is not part of it. ``days`` None: chosen by hand."""

    since: dt.datetime
    until: dt.datetime
    days: int | None

    @property
    def first(self) -> dt.date:
        return self.since.date()

    @property
    def last(self) -> dt.date:
        return (self.until - dt.timedelta(microseconds=1)).date()

    @property
    def before(self) -> tuple[dt.datetime, dt.datetime]:
        """As many hours, as many days earlier, so that a day half over meets its like."""
        shift = dt.timedelta(days=(self.last - self.first).days + 1)
        return self.since - shift, self.until - shift

    @property
    def name(self) -> str:
        if self.days is not None:
            return f"the last {self.days} days"
        if self.first == self.last:
            return words.day(self.first)
        return f"{words.day(self.first)} to {words.day(self.last)}"

    @property
    def name_before(self) -> str:
        days = (self.last - self.first).days + 1
        return f"the {days} days before" if days > 1 else "the day before"

    @property
    def query(self) -> dict[str, str]:
        """What an address says to mean this period."""
        if self.days is not None:
            return {"days": str(self.days)}
        return {"from": self.first.isoformat(), "until": self.last.isoformat()}


def read(query: Mapping[str, str], now: dt.datetime) -> Period:
    """The period that ``query`` means; the last 30 days when it means none.

    A first and a last day in the wrong order are swapped; more than ``LONGEST_DAYS`` are cut at
    the beginning; days that have not come yet are left out.
    """
    hour = now.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)
    end = hour + dt.timedelta(hours=1)
    first, last = day(query.get("from", "")), day(query.get("until", ""))
    if first is None and last is None:
        wanted = query.get("days", "")
        days = int(wanted) if wanted in map(str, PRESETS) else 30
        return Period(midnight(hour.date() - dt.timedelta(days=days - 1)), end, days)
    today = hour.date()
    first, last = min(first or last or today, today), min(last or today, today)
    first, last = min(first, last), max(first, last)
    first = max(first, last - dt.timedelta(days=LONGEST_DAYS - 1))
    return Period(midnight(first), min(midnight(last + dt.timedelta(days=1)), end), None)


def day(text: str) -> dt.date | None:
    """A day written ``2026-11-23`` in this century; None for anything else."""
    try:
        found = dt.date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found is not None and 2000 <= found.year < 2100 else None


def midnight(at: dt.date) -> dt.datetime:
    return dt.datetime(at.year, at.month, at.day, tzinfo=dt.UTC)
