"""Work that a process does beside its requests, round after round, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable


class Rounds:
    """One task that waits, works, and waits again.

    Args:
        work: one round; gives the seconds until the next. What it raises ends the rounds, so it
            sees to its own faults.
        first: seconds until the first one.
    """

    def __init__(self, work: Callable[[], Awaitable[float]], first: float) -> None:
        self._work = work
        self._first = first
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether it was told to stop. A round that takes long looks here now and then."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begins. Call it inside the event loop that serves requests."""
        self._task = asyncio.create_task(self._go_on())

    async def stop(self, *, at_once: bool = False) -> None:
        """Returns when the round under way has ended; ``at_once`` lets go of it."""
        self._stopping.set()
        if self._task is None:
            return
        if at_once:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        else:
            await self._task
        self._task = None

    async def pause(self, seconds: float) -> bool:
        """Waits so long, and gives whether to go on; when told to stop it waits no longer."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return not self.is_over

    async def _go_on(self) -> None:
        wait = self._first
        while await self.pause(wait):
            wait = await self._work()
