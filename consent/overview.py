"""Many stores at a glance: for each its rates, how they moved, and what needs a look.

All figures are of weeks that end with today: ``PERIOD_WEEKS`` of them, as many before, and
``WEEKS`` in all for the trend. The database is asked a few questions about all stores together,
never one by one; what is found wrong with a state of a store is kept by that state and the day.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import counts, ledger, publish, schedules, setups, stores
from consent.bulk import Files
from consent.counts import Week
from consent.model import StoreConfig, Template, Version
from consent.rates import Counts, Rate
from consent.schedules import Schedule
from consent.setups import Checked
from consent.stores import Draft, StoreSummary

WEEKS = 12
PERIOD_WEEKS = 4
PERIOD_DAYS = 7 * PERIOD_WEEKS
SILENT_DAYS = 3
"""A store that had visitors every day and has had none for so long may have lost its snippet."""
EXPIRY_DAYS = 30
SHIFT = 0.05
"""A decline rate that moved less than this is no news, however sure it is."""
COMPARABLE_STORES = 8
"""From so many stores with rates on, one can be said to be unlike the others."""
_KEPT = 10_000

Rank = Literal["bad", "warn", "note"]
RANKS: tuple[Rank, ...] = ("bad", "warn", "note")


class Health(NamedTuple):
    """One thing that needs a look, as a sentence. ``about``: which page has more on it."""

    rank: Rank
    said: str
    about: Literal["draft", "rates", "snippet", "regions", "live", "versions", "check"]


class Line(msgspec.Struct, frozen=True):
    """One store in the list."""

    store: StoreSummary
    origins: tuple[str, ...]
    now: Counts
    before: Counts
    weeks: tuple[Rate, ...]
    """Of declines, oldest first; ``WEEKS`` of them."""
    refused: int
    """Posts of the period that were answered with an error."""
    first_seen: dt.datetime | None
    last_seen: dt.datetime | None
    """Hours in which the first and the last visitor was counted."""
    last_decision: dt.datetime | None
    health: tuple[Health, ...] = ()
    """The worst first; empty: nothing to do."""

    @property
    def declined(self) -> Rate:
        return self.now.rate("declined")

    @property
    def accepted(self) -> Rate:
        return self.now.rate("accepted")

    @property
    def worst(self) -> int:
        """How bad it stands, as an index into ``RANKS``; past its end: nothing to do."""
        return RANKS.index(self.health[0].rank) if self.health else len(RANKS)

    @property
    def moved(self) -> float | None:
        """By how much the share of declines moved; None: one of both has too few visits."""
        now, before = self.declined.share, self.before.rate("declined").share
        return None if now is None or before is None else now - before


class Overview:
    """Looks at many stores. It keeps what it found, so one for a process is enough."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._faults: dict[tuple[str, str, dt.date], tuple[str, ...]] = {}

    async def lines(
        self,
        c: AsyncConnection,
        found: Sequence[StoreSummary],
        live: Mapping[str, Version],
        now: dt.datetime,
    ) -> list[Line]:
        """A line for each of ``found``, in their order.

        Args:
            c: a connection from ``Database.read``.
            found: the stores.
            live: the newest version of each store that has one, by its key.
            now: the moment.
        """
        first = now.date() - dt.timedelta(days=7 * WEEKS - 1)
        weeks: dict[int, list[Week]] = {}
        alone = found[0].id if len(found) == 1 else None
        for week in await counts.by_week(c, first, WEEKS, store_id=alone):
            weeks.setdefault(week.store_id, []).append(week)
        seen = await counts.first_and_last(c)
        newest = await ledger.newest_of_each(c)
        scheduled = await schedules.first_of_each(c)
        checked = await setups.checked_of_each(c)
        waiting = [one.key for one in found if one.changed]
        drafts = await stores.all_drafted(c, waiting) if waiting else {}
        lines = [
            _line(
                one, live.get(one.key), weeks.get(one.id, ()), seen.get(one.id), newest.get(one.id)
            )
            for one in found
        ]
        usual = _usual(lines)
        told = []
        for line in lines:
            key = line.store.key
            health = [
                *_of_schedule(line.store, scheduled.get(key)),
                *_of_page(checked.get(key)),
                *self._health(line, live.get(key), drafts.get(key), usual, now),
            ]
            health.sort(key=lambda one: RANKS.index(one.rank))
            told.append(msgspec.structs.replace(line, health=tuple(health)))
        return told

    def _health(
        self,
        line: Line,
        live: Version | None,
        draft: Draft | None,
        usual: tuple[float, float] | None,
        now: dt.datetime,
    ) -> Iterator[Health]:
        on = now.date()
        yield from self._of_live(live, on)
        yield from self._of_draft(line.store, draft, live, on)
        yield from _of_visits(line, now)
        yield from _of_rates(line, usual)
        yield from _of_rules(live, on)

    def _of_live(self, live: Version | None, on: dt.date) -> Iterator[Health]:
        if live is None:
            return
        own = live.own or live.config
        if faults := self._unfit(live.sha256, own, live.template, on):
            yield Health(
                "bad", f"What is live may not be published any more: {_some(faults)}", "live"
            )

    def _of_draft(
        self, store: StoreSummary, draft: Draft | None, live: Version | None, on: dt.date
    ) -> Iterator[Health]:
        if draft is None:
            return
        faults = self._unfit(draft.sha256, draft.own, draft.template, on)
        if faults and live is None:
            yield Health("bad", f"Not published, and unfit: {_some(faults)}", "draft")
        elif faults:
            yield Health("warn", f"The draft is unfit: {_some(faults)}", "draft")
        elif live is None:
            yield Health("bad", "Not published yet.", "draft")
        elif live.own == draft.own:
            yield Health("note", f"The template of {store.group} changed and waits.", "draft")
        else:
            yield Health("note", "Changes wait in the draft.", "draft")

    def _unfit(
        self, sha256: str, own: StoreConfig, template: Template | None, on: dt.date
    ) -> tuple[str, ...]:
        known = (own.key, sha256, on)
        if known not in self._faults:
            if len(self._faults) >= _KEPT:
                self._faults.clear()
            found = publish.check(own, *self._files, on=on, template=template)
            self._faults[known] = tuple(found)
        return self._faults[known]


def _line(
    store: StoreSummary,
    live: Version | None,
    found: Sequence[Week],
    seen: tuple[dt.datetime, dt.datetime] | None,
    last_decision: dt.datetime | None,
) -> Line:
    rates, period, earlier = [Rate(0, 0)] * WEEKS, WEEKS - PERIOD_WEEKS, WEEKS - 2 * PERIOD_WEEKS
    for week in found:
        rates[week.week] = _counts([week]).rate("declined")
    recent = [week for week in found if week.week >= period]
    first, last = seen or (None, None)
    return Line(
        store=store,
        origins=live.config.origins if live else (),
        now=_counts(recent),
        before=_counts([week for week in found if earlier <= week.week < period]),
        weeks=tuple(rates),
        refused=sum(week.refused for week in recent),
        first_seen=first,
        last_seen=last,
        last_decision=last_decision,
    )


def _counts(weeks: Sequence[Week]) -> Counts:
    if not weeks:
        return Counts()
    _, _, shown, accepted, partly, declined, closed, gpc, _ = map(sum, zip(*weeks, strict=True))
    return Counts(shown, 0, accepted, partly, declined, closed, gpc)


def _usual(lines: Sequence[Line]) -> tuple[float, float] | None:
    """Between which shares of declines most stores lie; None: there are too few to say.

    Source: Tukey, Exploratory Data Analysis (1977): the quartiles, and half as much again.
    """
    shares = [line.declined.share for line in lines if line.declined.share is not None]
    if len(shares) < COMPARABLE_STORES:
        return None
    low, _, high = statistics.quantiles(shares, n=4)
    room = 1.5 * (high - low)
    return max(0.0, low - room), min(1.0, high + room)


def _of_visits(line: Line, now: dt.datetime) -> Iterator[Health]:
    published = line.store.published_at
    if published is None:
        return
    if line.last_seen is None:
        if now - published > dt.timedelta(days=1):
            yield Health("bad", "No visitor was seen yet: is the snippet on the pages?", "snippet")
        else:
            yield Health("note", "No visitor was seen yet.", "snippet")
        return
    silent = (now - line.last_seen).days
    if silent >= SILENT_DAYS and max(week.of for week in line.weeks) >= 7 * SILENT_DAYS:
        since = f"{silent} days" if silent < 90 else "a long time"
        yield Health("bad", f"No visitor for {since}: is the snippet still there?", "snippet")
    if line.refused:
        decisions = "decision was" if line.refused == 1 else "decisions were"
        why = "do pages run on other origins than the store's?"
        yield Health("warn", f"{line.refused:,} {decisions} refused: {why}", "snippet")


def _of_schedule(store: StoreSummary, found: Schedule | None) -> Iterator[Health]:
    """What waits for its time; or was refused then, until something else is published."""
    if found is None:
        return
    due = f"{found.due_at.day} {found.due_at:%B, %H:%M} UTC"
    later = store.published_at and found.ended_at and store.published_at > found.ended_at
    if found.state == "waiting":
        yield Health("note", f"A version is scheduled for {due}.", "versions")
    elif found.state == "refused" and not later:
        said = f"What was scheduled for {due} was refused ({found.fault}): {found.why}"
        yield Health("bad", said, "versions")


def _of_page(found: Checked | None) -> Iterator[Health]:
    """What the newest look at a page has found, until somebody looks again."""
    if found is None or (found.snippet and not found.errors):
        return
    day = f"{found.at.day} {found.at:%B}"
    if not found.snippet:
        yield Health("bad", f"The snippet was not in the page, looked at on {day}.", "check")
    else:
        faults = "1 fault" if found.errors == 1 else f"{found.errors} faults"
        said = f"{faults} in the page, such as pixels beside the snippet; looked at on {day}."
        yield Health("bad", said, "check")


def _of_rates(line: Line, usual: tuple[float, float] | None) -> Iterator[Health]:
    """What moved beyond chance, and what is unlike the other stores beyond chance."""
    now, before = line.declined.interval, line.before.rate("declined").interval
    moved = line.moved
    apart = now is not None and before is not None and (now[0] > before[1] or now[1] < before[0])
    if apart and moved is not None and abs(moved) >= SHIFT:
        way = "rose" if moved > 0 else "fell"
        was, is_ = line.before.rate("declined").share or 0, line.declined.share or 0
        yield Health(
            "warn",
            f"Declines {way} from {was * 100:.0f}\u00a0% to {is_ * 100:.0f}\u00a0%.",
            "rates",
        )
    elif now is not None and usual is not None and (now[0] > usual[1] or now[1] < usual[0]):
        side = "more" if now[0] > usual[1] else "less"
        low, high = (round(end * 100) for end in usual)
        said = f"Declines {side} than other stores, which lie between {low} and {high}\u00a0%."
        yield Health("warn", said, "rates")


def _of_rules(live: Version | None, on: dt.date) -> Iterator[Health]:
    """Rules that a lawyer allowed to be looser than the law, and that end soon."""
    last = on + dt.timedelta(days=EXPIRY_DAYS)
    for _, layer in live.rules.layers if live else ():
        for place, rule in layer.items():
            if rule.approved is not None and rule.until is not None and on < rule.until <= last:
                day = f"{rule.until.day} {rule.until:%B}"
                yield Health("warn", f"The looser rule for {place} ends on {day}.", "regions")


def _some(faults: Sequence[str]) -> str:
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    first = faults[0] if len(faults[0]) <= 160 else f"{faults[0][:160]}…"
    return f"{first}{more}"
