"""One commit for many entries of the ledger, and none acknowledged before it.

Entries of many requests wait in one list. A single task takes them in batches and writes each batch
in one transaction; while that commits, the next batch gathers. So the price of making the disk
sync is shared, the order is that of arrival, and no request holds a lock while it waits.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from consent import counts, ledger
from consent.database import Database
from consent.errors import ConflictError, UnavailableError
from consent.folding import Folder
from consent.model import Entry, Record, Version

BATCH_POSTS = 256
QUEUE_POSTS = 8192
COMMIT_SECONDS = 10.0
"""How long posts wait for storage that has fallen silent. The write itself goes on meanwhile."""

_log = structlog.get_logger("record")


class _Waiter(NamedTuple):
    entry: Entry
    version: Version
    done: asyncio.Future[ledger.Appended]


class Committer:
    """Writes entries into the ledger, many in one commit, and counts in ``folder`` what is new.

    A process that is killed loses the counts of its last second, and no decision: see ``folding``.
    """

    def __init__(self, database: Database, folder: Folder[counts.Key]) -> None:
        self._database = database
        self._folder = folder
        self._waiting: deque[_Waiter] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._open = False
        self._silent = False
        self._turned_away = 0
        self.recorded = 0
        self.batches = 0

    @property
    def waiting(self) -> int:
        """How many entries wait for a commit at this moment."""
        return len(self._waiting)

    def start(self) -> None:
        """Takes entries from now on. Call it inside the event loop that serves requests."""
        self._open = True
        self._task = asyncio.create_task(self._commit_batches())

    async def stop(self) -> None:
        """Takes no more entries, and returns when those already taken are answered."""
        self._open = False
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None

    def put(self, entry: Entry, version: Version) -> asyncio.Future[ledger.Appended]:
        """What became of ``entry``, to be awaited: it is there when that is on disk.

        It ends with ``ConflictError`` where the id is taken by another decision, and with
        ``UnavailableError`` where the entry was not stored.

        Raises:
            UnavailableError: there is no room for another one now.
        """
        if not self._open or self._silent or len(self._waiting) >= QUEUE_POSTS:
            raise UnavailableError("ledger: no room for another decision now; try again")
        done: asyncio.Future[ledger.Appended] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiter(entry, version, done))
        self._wake.set()
        return done

    async def _commit_batches(self) -> None:
        while self._open or self._waiting:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = self._next_batch()
            try:
                await self._commit(batch)
            except asyncio.CancelledError:
                _refuse(batch, UnavailableError("ledger: the service is stopping; try again"))
                raise

    def _next_batch(self) -> list[_Waiter]:
        """The posts that waited longest. A post whose id is in the batch already waits on.

        Posts whose request has gone are dropped: nothing was promised, and the page retries.
        """
        batch: list[_Waiter] = []
        ids: set[uuid.UUID] = set()
        while self._waiting and len(batch) < BATCH_POSTS:
            if self._waiting[0].done.done():
                self._waiting.popleft()
                continue
            if self._waiting[0].entry.id in ids:
                break
            waiter = self._waiting.popleft()
            ids.add(waiter.entry.id)
            batch.append(waiter)
        return batch

    async def _commit(self, batch: Sequence[_Waiter]) -> None:
        """Stores ``batch`` and answers each of its waiters, with an error if need be."""
        if not batch:
            return
        silence = asyncio.get_running_loop().call_later(COMMIT_SECONDS, self._give_up, batch)
        try:
            appended = await self._write(batch)
        except UnavailableError as error:
            self._turn_away(batch, error)
        except Exception as error:
            if len(batch) == 1:
                _log.error("decision not stored", error=type(error).__name__)
                _refuse(batch, error)
                return
            silence.cancel()
            for waiter in batch:  # so that one bad entry fails alone
                await self._commit([waiter])
        else:
            self.batches += 1
            if self._turned_away:
                _log.info("decisions stored again", turned_away=self._turned_away)
                self._turned_away = 0
            taken = []
            for waiter, result in zip(batch, appended, strict=True):
                if result is None:
                    taken.append(waiter)
                else:
                    self._answer(waiter, result)
            silence.cancel()
            await self._commit(taken)
        finally:
            silence.cancel()
            self._silent = False

    def _give_up(self, batch: Sequence[_Waiter]) -> None:
        """Turns away who waits and who comes, until storage has said what became of ``batch``."""
        self._silent = True
        waiting = [*batch, *self._waiting]
        self._waiting.clear()
        fault = f"no answer for {COMMIT_SECONDS:g} seconds; expected a database that answers"
        self._turn_away(waiting, UnavailableError(f"database: {fault}"))

    def _turn_away(self, batch: Sequence[_Waiter], error: UnavailableError) -> None:
        """Refuses ``batch``. One line says that storage is away, and one that it is back."""
        if not self._turned_away:
            _log.warning("decisions not stored", error=str(error))
        self._turned_away += len(batch)
        _refuse(batch, error)

    async def _write(self, batch: Sequence[_Waiter]) -> list[ledger.Appended | None]:
        versions = {waiter.version.id: waiter.version for waiter in batch}
        entries = [waiter.entry for waiter in batch]
        return await ledger.append_at_once(self._database, entries, versions)

    def _answer(self, waiter: _Waiter, result: ledger.Appended) -> None:
        if result.fresh:
            self.recorded += 1
            self._folder.add(_counted(waiter.entry, result.record))
        if waiter.done.done():
            return
        if result.conflict:
            waiter.done.set_exception(
                ConflictError("id_taken", "id: taken by another decision; expected a new one")
            )
        else:
            waiter.done.set_result(result)


def _refuse(batch: Sequence[_Waiter], error: Exception) -> None:
    for waiter in batch:
        if not waiter.done.done():
            waiter.done.set_exception(error)


def _counted(entry: Entry, record: Record) -> counts.Key:
    return counts.Key(
        store_id=entry.store_id,
        hour=counts.hour_of(entry.at),
        place=entry.place.code,
        regime=entry.regime.id,
        device=entry.device,
        language=entry.language,
        version=record.version,
        measure=_measure(entry, first=record.previous is None),
        variant=entry.variant,
    )


def _measure(entry: Entry, *, first: bool) -> counts.Measure:
    """A visitor's first decision answers the banner; a later one takes back or changes."""
    action, kind = entry.action, entry.grants.kind
    if entry.bot:
        return "bot"
    if action == "withdraw":
        return "withdrawn"
    if not first:
        return "changed"
    if action == "close":
        return "closed"
    if action == "gpc":
        return "gpc"
    if action == "accept_all" or (kind == "all" and not entry.refused):
        return "accepted"
    return "declined" if kind == "none" else "partly"
