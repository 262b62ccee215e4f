"""Drafts that are published at a set time: made, cancelled, and brought live when they are due.

What will be published is fixed when it is scheduled: later edits of the draft or of the group's
template change nothing of it. It is checked by the law of the day on which it is due, when it is
scheduled and once more then; what is unfit by then is not published, and whoever opens the store
reads why.

Every process may run a scheduler. The lock ``versions`` lets one at a time publish, and a schedule
ends in the transaction that makes the version, so each becomes one version at most. What came due
while nothing ran is published at the next start. A clock that goes back publishes nothing twice;
one that leaps ahead has to keep its time for a while before anything is published by it.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
import zoneinfo
from collections.abc import Callable

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import accounts, activity, approve, publish, schedules
from consent.activity import Act
from consent.bulk import Files
from consent.database import Database
from consent.database.dialects import take_lock
from consent.errors import ConflictError, ConsentError, NotFoundError, RefusedError
from consent.model import User, Version
from consent.rounds import Rounds
from consent.schedules import Schedule

EVERY_SECONDS = 1.0
LEAP_SECONDS = 120.0
"""A clock that gains more than this on the time that passed may be wrong."""
STEADY_SECONDS = 30.0
"""For so long it has to go evenly after that."""
MOST_WAITING = 20
"""In one store."""
MOST_DAYS = 400

_log = structlog.get_logger("schedule")


def moment(text: str, zone: str, now: dt.datetime) -> dt.datetime:
    """The moment that ``text`` means, in UTC: ``2026-12-01 09:00`` as clocks in ``zone`` show it,
    or with its own offset. Of an hour that comes twice the first is meant.

    Raises:
        RefusedError: no such zone, no such time there, or not within ``MOST_DAYS`` from now.
    """
    try:
        place = zoneinfo.ZoneInfo(zone)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        expected = "expected one such as Europe/Berlin, or UTC"
        raise RefusedError("bad_zone", f"zone: {zone[:40]!r}; {expected}") from error
    try:
        given = dt.datetime.fromisoformat(text.strip())
        if abs(given.year - now.year) > 2:  # and no sum with an offset leaves the calendar
            raise ValueError(text)
    except ValueError as error:
        expected = f"expected a day and a time such as {now:%Y-%m-%d} 09:00"
        raise RefusedError("bad_time", f"at: {text[:40]!r}; {expected}") from error
    if given.tzinfo is None:
        local = given.replace(tzinfo=place)
        found = local.astimezone(dt.UTC)
        if found.astimezone(place).replace(tzinfo=None) != given:
            said = f"at: {text[:40]!r} does not come in {zone}, where clocks are put forward"
            raise RefusedError("bad_time", f"{said}; expected an hour that does")
    else:
        found = given.astimezone(dt.UTC)
    last = now + dt.timedelta(days=MOST_DAYS)
    if not now < found <= last:
        said = f"at: {found:%Y-%m-%d %H:%M} UTC; expected a time after {now:%Y-%m-%d %H:%M} UTC"
        raise RefusedError("bad_time", f"{said} and at most {MOST_DAYS} days later")
    return found


async def make(
    database: Database,
    key: str,
    due_at: dt.datetime,
    zone: str,
    files: Files,
    *,
    now: Callable[[], dt.datetime],
    shown: str | None = None,
    by: User | None = None,
) -> Schedule:
    """Fixes what the draft of the store ``key`` and its group's template say now, for ``due_at``.

    Args:
        database: where the store is.
        key: the store's.
        due_at: when; see ``moment``.
        zone: in which that was said.
        files: the data files.
        now: the clock.
        shown: ``Draft.sha256`` of what whoever schedules has seen; None: whatever it is by now.
        by: who schedules; None: whoever may run the command line.

    Raises:
        NotFoundError: there is no such store.
        ConflictError: the draft is not what was shown, or says what is live.
        ForbiddenError: ``by`` may not publish it.
        RefusedError: it would have faults on that day, or too many wait.
    """
    at = now()
    async with database.write() as c:
        content = await publish.shown_draft(c, key, shown)
        await publish.check_right(c, content, by)
        publish.check_fit(content, *files, on=due_at.date())
        if await schedules.waiting(c, key) >= MOST_WAITING:
            expected = f"expected {MOST_WAITING} at most; cancel one"
            raise RefusedError("too_many", f"schedule: {MOST_WAITING} wait already; {expected}")
        made = await schedules.add(c, content, due_at, zone, by=by, at=at)
        await activity.add(c, _act(made, "made"), by=by, at=at)
    return made


async def cancel(
    database: Database,
    key: str,
    id_: int,
    *,
    now: Callable[[], dt.datetime],
    by: User | None = None,
) -> Schedule:
    """Takes back what waits as ``id_`` in the store ``key``.

    Raises:
        NotFoundError: there is no such schedule.
        ConflictError: it waits no longer.
        ForbiddenError: ``by`` may not publish it.
    """
    at = now()
    async with database.write() as c:
        await take_lock(c, "versions")
        found = await schedules.get(c, id_)
        if found is None or found.store != key:
            raise NotFoundError("unknown_schedule", f"schedule: {key} has none with number {id_}")
        content = await schedules.content(c, id_)
        if content is not None:
            await publish.check_right(c, content, by)
        if not await schedules.end(c, id_, "cancelled", at):
            raise ConflictError("ended", f"schedule: number {id_} is {found.state} already")
        await activity.add(c, _act(found, "cancelled"), by=by, at=at)
    return msgspec.structs.replace(found, state="cancelled", ended_at=at)


class Scheduler:
    """Publishes what is due, within a few seconds.

    Args:
        database: where schedules and stores are.
        files: the data files.
        now: the clock.
        ticks: seconds that pass evenly, whatever is done to the clock.
    """

    def __init__(
        self,
        database: Database,
        files: Files,
        now: Callable[[], dt.datetime],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._files = files
        self._now = now
        self._ticks = ticks
        self._seen = (now(), ticks())
        self._steady_from = ticks()
        self._rounds = Rounds(self._round, EVERY_SECONDS)
        self._failing = False
        self.published = 0
        self.refused = 0

    def start(self) -> None:
        """Publishes from now on. Call it inside the event loop that serves requests."""
        self._rounds.start()

    async def stop(self) -> None:
        """Ends after the one at hand."""
        await self._rounds.stop()

    async def publish_due(self) -> list[Schedule]:
        """Publishes what is due, unless the clock has just leapt ahead; gives what has ended by it.

        Raises:
            UnavailableError: storage does not answer; what is due stays so.
        """
        now = self._now()
        if not self._is_steady(now):
            return []
        async with self._database.read() as c:
            due = await schedules.due(c, now)
        ended = []
        for id_ in due:
            try:
                ended.append(await self._end(id_))
            except ConsentError:
                raise
            except Exception as error:  # one that cannot be read holds up no other
                self._note_failure(error, f"schedule {id_}")
        return [one for one in ended if one is not None]

    async def _end(self, id_: int) -> Schedule | None:
        """Publishes or refuses one; None: another process was quicker, or somebody cancelled it."""
        at = self._now()
        async with self._database.write() as c:
            await take_lock(c, "versions")
            found = await schedules.get(c, id_)
            if found is None or found.state != "waiting" or found.due_at > at:
                return None
            by = await _user(c, found)
            try:
                version = await self._publish(c, found, by, at)
            except RefusedError as error:
                number = secrets.token_hex(6)
                why = error.detail
                await schedules.end(c, id_, "refused", at, fault=number, why=why)
                act = _act(found, "refused", why=why, fault=number)
                await activity.add(c, act, by=by, at=at)
                self.refused += 1
                _log.error("scheduled version refused", store=found.store, number=number, why=why)
            else:
                await schedules.end(c, id_, "published", at, number=version.number)
                self.published += 1
            return await schedules.get(c, id_)

    async def _publish(
        self, c: AsyncConnection, found: Schedule, by: User | None, at: dt.datetime
    ) -> Version:
        """The version that ``found`` becomes.

        Raises:
            RefusedError: it may not be published, or not by whoever scheduled it, or not any more.
        """
        content = await schedules.content(c, found.id)
        if content is None:
            raise RefusedError("changed", "content: not what was scheduled, by its SHA-256")
        if found.user_id is not None and by is None:
            raise RefusedError("role", f"user: {found.email} may not sign in any more")
        await publish.check_right(c, content, by)
        standing = await approve.standing(c, found.store, content)
        if standing.sha256 != content.sha256:
            raise RefusedError("unfit", "regions: a lawyer's word for a rule in it has ended since")
        publish.check_fit(content, *self._files, on=at.date())
        return await publish.bring_live(c, content, at, by, {"scheduled": found.id})

    def _is_steady(self, now: dt.datetime) -> bool:
        """Whether the clock goes evenly. A machine that has slept looks like a clock that leapt."""
        before, ticks_before = self._seen
        ticks = self._ticks()
        self._seen = (now, ticks)
        gained = (now - before).total_seconds() - (ticks - ticks_before)
        if gained > LEAP_SECONDS:
            self._steady_from = ticks + STEADY_SECONDS
            _log.warning("clock leapt ahead; nothing is published for a while", seconds=gained)
        elif gained < -LEAP_SECONDS:
            _log.warning("clock went back; records tell the time that it shows", seconds=-gained)
        return ticks >= self._steady_from

    async def _round(self) -> float:
        try:
            await self.publish_due()
        except ConsentError as error:
            self._note_failure(error, str(error))
        except Exception as error:
            self._note_failure(error, "")
        else:
            self._failing = False
        return EVERY_SECONDS

    def _note_failure(self, error: Exception, why: str) -> None:
        if not self._failing:
            _log.error("nothing scheduled is published", error=type(error).__name__, why=why)
        self._failing = True


async def _user(c: AsyncConnection, found: Schedule) -> User | None:
    """Who scheduled it, asking by all roles of today; None: nobody signed in, or nobody who may."""
    if found.user_id is None:
        return None
    user = await accounts.by_id(c, found.user_id)
    if user is None or user.disabled_at is not None:
        return None
    return msgspec.structs.replace(user, acting=user.grants)


def _act(found: Schedule, done: str, **more: str) -> Act:
    detail = {"done": done, "at": found.due_at.isoformat(), "sha256": found.sha256, **more}
    return Act("schedule", found.store, str(found.id), detail)
