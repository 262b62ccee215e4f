"""Which days a page is about, as its address says: ``days=30``, or ``from`` and ``until``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from consent.errors import RefusedError
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

    ``until`` is today where it is left out, and what has not come yet of its days is not there.

    Raises:
        RefusedError: a part cannot be read or cannot be kept to.
    """
    hour = now.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)
    end, today = hour + dt.timedelta(hours=1), hour.date()
    wanted = query.get("days", "")
    first, last, faults = days(query)
    if first is None and last is None and not faults:
        if wanted not in ("", *map(str, PRESETS)):
            faults["days"] = f"found {wanted[:20]!r}; expected {words.listed(PRESETS, 'or')}"
        else:
            number = int(wanted or 30)
            return Period(midnight(today - dt.timedelta(days=number - 1)), end, number)
    elif not faults:
        faults = _unkept(first, last, today)
        if wanted:
            faults["days"] = "found beside from and until; expected one or the other"
    if faults or first is None:
        raise refusal(faults)
    last = min(last or today, today)
    return Period(midnight(first), min(midnight(last + dt.timedelta(days=1)), end), None)


def _unkept(first: dt.date | None, last: dt.date | None, today: dt.date) -> dict[str, str]:
    """Why a page cannot be about these days, by field; empty when it can."""
    if first is None:
        return {"from": "missing; expected a day, since there is a last one"}
    if first > today:
        return {"from": f"{first} has not come yet; expected {today} or earlier"}
    length = (min(last or today, today) - first).days + 1
    if length > LONGEST_DAYS:
        return {"from": f"{length} days up to the last one; expected {LONGEST_DAYS} or fewer"}
    return {}


def days(query: Mapping[str, str]) -> tuple[dt.date | None, dt.date | None, dict[str, str]]:
    """The first day, the last day, and what is wrong with them by field, as ``query`` says it."""
    faults = {}
    found: dict[str, dt.date | None] = {}
    for name in ("from", "until"):
        text = query.get(name, "")
        found[name] = _day(text)
        if text and found[name] is None:
            faults[name] = f"found {text[:20]!r}; expected a day such as 2026-11-23"
    first, last = found["from"], found["until"]
    if first is not None and last is not None and last < first:
        faults["until"] = f"{last} is before {first}; expected that day or a later one"
    return first, last, faults


def refusal(faults: Mapping[str, str]) -> RefusedError:
    """All that is wrong with a filter, as one error."""
    told = "; and ".join(f"{name}: {fault}" for name, fault in faults.items())
    return RefusedError("bad_filter", told)


def _day(text: str) -> dt.date | None:
    """A day written ``2026-11-23`` in this century; None for anything else."""
    try:
        found = dt.date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found is not None and 2000 <= found.year < 2100 else None


def midnight(at: dt.date) -> dt.datetime:
    return dt.datetime(at.year, at.month, at.day, tzinfo=dt.UTC)
