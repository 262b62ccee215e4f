"""Nothing is kept for ever: what is older than its store's period is erased, a little at a time.

So are the counts by hour, after ``counts.HOURS_DAYS``; those by day stay, and no rate changes.
Other sums by hour are put together by day then (``hours``).

A decision is due when its visitor's next one is older than the period. A visitor's last decision is
due when it is itself, and no law lets it hold any more; so what holds can always be shown. Records
go oldest first, a few hundred in a transaction, with a pause after each, as erasures that are
signed and kept like every other.

Every process may run a retainer. A database lock lets one at a time erase. A clock that goes back
makes fewer records due, and no other harm; one that leaps ahead of the time that a process has run
makes it erase nothing by itself.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import counts, erasures, hours, stores
from consent.database import Database
from consent.database.dialects import EPOCH, take_lock, try_lock
from consent.erase import Eraser
from consent.erasures import Gone, Old
from consent.errors import ConsentError, LedgerError
from consent.model import Version
from consent.rounds import Rounds

EVERY_SECONDS = 3600.0
FIRST_SECONDS = 60.0
"""A service that has just begun has visitors to answer first."""
LEAP = dt.timedelta(hours=1)
"""A clock that has gained more than this on the time that passed was wrong, or is."""
BATCH_RECORDS = 500
PAUSE_SECONDS = 0.25

_log = structlog.get_logger("retain")


class Due(msgspec.Struct, frozen=True):
    """What is due in one store: how many records, the oldest of them, and by which period."""

    store: str
    days: int
    version: int
    records: int
    oldest: dt.datetime | None


class Retainer:
    """Erases what is due, once an hour.

    Args:
        database: holds the ledger.
        eraser: takes records out.
        now: the clock.
        pause_seconds: between two batches.
        ticks: seconds that pass evenly, whatever is done to the clock.
    """

    def __init__(
        self,
        database: Database,
        eraser: Eraser,
        now: Callable[[], dt.datetime],
        pause_seconds: float = PAUSE_SECONDS,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._eraser = eraser
        self._now = now
        self._pause_seconds = pause_seconds
        self._ticks = ticks
        self._began = (now(), ticks())
        self._rounds = Rounds(self._round, FIRST_SECONDS)
        self._together = EPOCH
        """Up to this midnight the hours of each day are put together."""
        self.erased = 0
        self.failures = 0
        self.oldest: dt.datetime | None = None
        """When the oldest record that is kept was made, as of the last time."""

    def start(self) -> None:
        """Erases from now on. Call it inside the event loop that serves requests."""
        self._rounds.start()

    async def stop(self) -> None:
        """Ends after the batch at hand."""
        await self._rounds.stop()

    async def due(self, stores_: Collection[str] | None = None) -> list[Due]:
        """What would be erased now, store by store; nothing is changed.

        Args:
            stores_: the keys of those that are meant; None: all.
        """
        found = []
        for version in await self._versions():
            if stores_ is not None and version.config.key not in stores_:
                continue
            n, first = 0, None
            async for batch in self._batches(version):
                n += len(batch)
                first = first or batch[0].at
            days = version.config.retention.decisions_days
            found.append(Due(version.config.key, days, version.number, n, first))
        return found

    async def erase_due(self) -> int:
        """Erases what is due, or leaves it to another process that is at it; gives how many.

        Raises:
            LedgerError: a record is not what was sealed; what is due in other stores was erased.
            UnavailableError: storage does not answer; what was erased before stays so.
        """
        before, fault = self.erased, None
        for version in await self._versions():
            try:
                await self._erase_in(version)
            except LedgerError as error:  # one store's fault holds up no other
                fault = fault or error
        if self.erased > before:
            await self._database.overwrite()
        async with self._database.read() as c:
            self.oldest = await erasures.oldest(c)
        if fault is not None:
            raise fault
        return self.erased - before

    async def erase_by_itself(self) -> int:
        """As ``erase_due``, unless the clock has leapt ahead since this retainer was made.

        Raises:
            LedgerError: it has, or as ``erase_due``.
        """
        clock, ticks = self._began
        gained = self._now() - clock - dt.timedelta(seconds=self._ticks() - ticks)
        if gained > LEAP:
            raise LedgerError(
                f"clock: {gained} ahead of the time that the service has run; expected the same. "
                "If it is right now, start the service anew, or run consent ledger retain"
            )
        return await self.erase_due()

    async def forget_hours(self) -> int:
        """Takes out the counts by hour that are old, a store's day at a time; gives how many rows.

        Raises:
            UnavailableError: storage does not answer; what was taken out before stays so.
        """
        before, total = self._oldest_hours(), 0
        async with self._database.read() as c:
            store_ids = await counts.with_old_hours(c, before)
        for store_id in store_ids:
            n = 1
            while n and not self._rounds.is_over:
                async with self._database.write() as c:
                    n = await counts.forget_hours(c, store_id, before)
                total += n
                await self._rounds.pause(self._pause_seconds if n else 0)
        return total

    async def put_hours_together(self) -> int:
        """Makes one of the old hours of each day of what is kept for good, a store's day at a time,
        or leaves that to another process; gives how many rows were apart.

        Raises:
            UnavailableError: storage does not answer; what was put together before stays so.
        """
        since, before, total = self._together, self._oldest_hours(), 0
        for table in hours.TABLES:
            async with self._database.read() as c:
                store_ids = await hours.stores_with(c, table, since, before)
            for store_id in store_ids:
                n = 1
                while n:
                    async with self._database.write() as c:
                        if self._rounds.is_over or not await try_lock(c, "retention"):
                            return total
                        n = await hours.put_together(c, table, store_id, since, before)
                    total += n
                    await self._rounds.pause(self._pause_seconds if n else 0)
        self._together = before
        return total

    def _oldest_hours(self) -> dt.datetime:
        """The midnight before which nothing is looked at hour by hour."""
        oldest = self._now().astimezone(dt.UTC) - dt.timedelta(days=counts.HOURS_DAYS)
        return oldest.replace(hour=0, minute=0, second=0, microsecond=0)

    async def _erase_in(self, version: Version) -> None:
        async for batch in self._batches(version):
            self.erased += await self._erase(version, batch)
            await self._rounds.pause(self._pause_seconds)

    async def _versions(self) -> list[Version]:
        async with self._database.read() as c:
            found = [await stores.current(c, one.key) for one in await stores.all_stores(c)]
        return [version for version in found if version is not None]

    async def _batches(self, version: Version) -> AsyncIterator[list[Old]]:
        """What is due in a store, oldest first."""
        key = version.config.key
        after: Old | None = None
        async with self._database.read() as c:
            days = await erasures.regime_days(c)
        while not self._rounds.is_over:
            async with self._database.read() as c:
                found = await erasures.old(c, key, self._before(version), after, BATCH_RECORDS)
            if not found:
                return
            after = found[-1]
            if due := self._due_of(found, version, days):
                yield due

    async def _erase(self, version: Version, batch: Sequence[Old]) -> int:
        """Erases ``batch``; 0 when another process is at it, or a record is not sealed."""
        async with self._database.write() as c:
            if not await try_lock(c, "retention"):
                return 0
            await take_lock(c, "ledger")
            records = await self._still_there(c, batch)
            if not records:
                return 0
            days = version.config.retention.decisions_days
            because = f"kept for {days} days, as version {version.number} of the store says"
            erasure = await self._eraser.carry_out(
                c, version.config.key, records, "retention", because
            )
        return erasure.n if erasure else 0

    async def _still_there(self, c: AsyncConnection, batch: Sequence[Old]) -> list[Gone]:
        gone = await erasures.erased_of(c, [one.seq for one in batch])
        return [Gone(one.seq, one.id) for one in batch if one.seq not in gone]

    def _before(self, version: Version) -> dt.datetime:
        return self._now() - dt.timedelta(days=version.config.retention.decisions_days)

    def _due_of(self, found: Sequence[Old], version: Version, days: dict[int, int]) -> list[Old]:
        before = self._before(version)
        now = self._now()

        def is_due(one: Old) -> bool:
            if one.replaced_at is not None:
                return one.at < before and one.replaced_at < before
            held = dt.timedelta(days=days.get(one.regime_id, 0))
            return one.at < before and one.at + held < now

        return [one for one in found if is_due(one)]

    async def _round(self) -> float:
        try:
            if n := await self.erase_by_itself():
                _log.info("records erased, as their time was over", records=n)
            if n := await self.forget_hours():
                _log.info("counts by hour taken out, those by day stay", rows=n)
            if n := await self.put_hours_together():
                _log.info("sums by hour put together by day", rows=n)
        except ConsentError as error:
            self.failures += 1
            _log.warning("records not erased", error=type(error).__name__, why=str(error))
        except Exception as error:
            self.failures += 1
            _log.error("records not erased", error=type(error).__name__)
        return EVERY_SECONDS
