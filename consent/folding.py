"""Counts that no receipt promises: folded in memory, and written as sums once a second.

So the database sees seconds and not requests. A process that is killed loses what was added since
the last second, or since the last ``MOST_COUNTS`` where those come sooner; ``waiting`` says how
many that are now. Whoever is stopped in order writes all of them first.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Generic, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import Database
from consent.errors import ConsentError

FLUSH_SECONDS = 1.0
MOST_COUNTS = 10_000
"""Once so many wait they are written at once, whether or not the second is over."""
FOLDED_KEYS = 50_000
ROWS_AT_ONCE = 500
"""In one transaction, so that no decision waits long for its turn to write."""

Key = TypeVar("Key")

_log = structlog.get_logger("counts")


class Folder(Generic[Key]):
    """Sums by key, handed to ``write`` once a second and at the end.

    While storage is away the sums wait, up to ``FOLDED_KEYS`` different ones; beyond that new ones
    are dropped, and ``dropped`` says so. When the connection is lost just as a write is committed,
    nobody knows whether it was: then up to ``ROWS_AT_ONCE`` sums may be written twice.

    What was counted beside the records of a database that another has replaced goes with it.
    """

    def __init__(
        self,
        database: Database,
        write: Callable[[AsyncConnection, Mapping[Key, int]], Awaitable[None]],
    ) -> None:
        self._database = database
        self._write = write
        self._generation = database.generation
        self._folded: dict[Key, int] = {}
        self._stopping = False
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self.waiting = 0
        self.dropped = 0

    def add(self, key: Key, n: int = 1) -> None:
        if self._generation != self._database.generation:
            self._begin_anew()
        if key in self._folded:
            self._folded[key] += n
        elif len(self._folded) < FOLDED_KEYS:
            self._folded[key] = n
        else:
            self.dropped += 1
            return
        self.waiting += 1
        if self.waiting % MOST_COUNTS == 0:
            self._wake.set()

    def _begin_anew(self) -> None:
        self._generation = self._database.generation
        self._folded = {}
        self.waiting = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._flush_often())

    async def stop(self) -> None:
        """Writes what is left. What storage does not take now is lost, and logged."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None
        await self.flush()
        if self._folded:
            _log.error("counts lost at shutdown", keys=len(self._folded), counts=self.waiting)

    async def flush(self) -> None:
        """Writes the sums; those that storage does not take stay for the next time.

        One after the other: what was added before is written after, whoever began to write it.
        """
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        taken, self._folded = self._folded, {}
        counts, generation = self.waiting, self._generation
        if not taken:
            return
        try:
            for few in _few_at_once(taken):
                await self._store(few, generation)
                for key in few:
                    del taken[key]
        except ConsentError as error:
            if generation == self._generation:
                for key, n in taken.items():
                    self._folded[key] = self._folded.get(key, 0) + n
            if not self._failing:
                _log.warning("counts not stored", error=str(error))
            self._failing = True
        else:
            if generation == self._generation:
                self.waiting -= counts
            if self._failing:
                _log.info("counts stored again", counts=counts)
            self._failing = False

    async def _store(self, sums: Mapping[Key, int], generation: int) -> None:
        """Writes ``sums`` in one transaction; one that can never be written is dropped alone."""
        try:
            async with self._database.write() as connection:
                if generation == self._database.generation:
                    await self._write(connection, sums)
        except ConsentError:
            raise
        except Exception as error:
            if len(sums) > 1:
                for key, n in sums.items():
                    await self._store({key: n}, generation)
                return
            self.dropped += 1
            _log.error("count dropped", error=type(error).__name__)

    async def _flush_often(self) -> None:
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), FLUSH_SECONDS)
            self._wake.clear()
            await self.flush()


def _few_at_once(sums: Mapping[Key, int]) -> Iterator[dict[Key, int]]:
    rows = iter(list(sums.items()))
    while few := dict(itertools.islice(rows, ROWS_AT_ONCE)):
        yield few
