"""Counts that no receipt promises: folded in memory, and written as sums once a second.

So the database sees seconds and not requests. Losing a second of them in a crash costs a rate
nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import Database
from consent.errors import ConsentError

FLUSH_SECONDS = 1.0
FOLDED_KEYS = 50_000

Key = TypeVar("Key")

_log = structlog.get_logger("counts")


class Folder(Generic[Key]):
    """Sums by key, handed to ``write`` once a second and at the end.

    What a killed process can lose is the last second. While storage is away the sums wait, up to
    ``FOLDED_KEYS`` different ones; beyond that new ones are dropped, and ``dropped`` says so.
    """

    def __init__(
        self,
        database: Database,
        write: Callable[[AsyncConnection, Mapping[Key, int]], Awaitable[None]],
    ) -> None:
        self._database = database
        self._write = write
        self._folded: dict[Key, int] = {}
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self.dropped = 0

    def add(self, key: Key, n: int = 1) -> None:
        if key in self._folded:
            self._folded[key] += n
        elif len(self._folded) < FOLDED_KEYS:
            self._folded[key] = n
        else:
            self.dropped += 1

    def start(self) -> None:
        self._task = asyncio.create_task(self._flush_often())

    async def stop(self) -> None:
        """Writes what is left. What storage does not take now is lost, and logged."""
        self._stopping.set()
        if self._task is not None:
            await self._task
            self._task = None
        if self._folded:
            _log.error("counts lost at shutdown", keys=len(self._folded))

    async def flush(self) -> None:
        """Writes the sums; those that storage does not take stay for the next time."""
        folded, self._folded = self._folded, {}
        if not folded:
            return
        try:
            async with self._database.write() as connection:
                await self._write(connection, folded)
        except ConsentError as error:
            for key, n in folded.items():
                self._folded[key] = self._folded.get(key, 0) + n
            if not self._failing:
                _log.warning("counts not stored", error=str(error))
            self._failing = True
        else:
            if self._failing:
                _log.info("counts stored again", keys=len(folded))
            self._failing = False

    async def _flush_often(self) -> None:
        stopping = False
        while not stopping:
            with contextlib.suppress(TimeoutError):
                stopping = await asyncio.wait_for(self._stopping.wait(), FLUSH_SECONDS)
            await self.flush()
