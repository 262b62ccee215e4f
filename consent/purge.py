"""Tells the caches in front that a store has a new version, so that no visitor waits for it.

Every process tells them by itself, since one purge too many costs nothing. It waits until all
processes have the version, or a cache would fetch the old one once more. What fails is tried again
for as long as caches may keep what they have; after that there is nothing left to purge.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import httpx2
import msgspec
import structlog

LIVE_SECONDS = 1.0
"""After so long a version that was seen here is live in every process."""
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""The last one again and again."""
TIMEOUT_SECONDS = 10.0
TAGS_AT_ONCE = 30
"""The most that Cloudflare takes. Source:
https://developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags/
"""
STORE = "{store}"

_log = structlog.get_logger("purge")


def tag(store: str) -> str:
    """What caches know the scripts of one store by."""
    return f"pixelgate-{store}"


class Purger:
    """Posts the tags of stores to the address that the operator names.

    One post for up to ``TAGS_AT_ONCE`` stores: the header ``Surrogate-Key`` as Fastly wants it, the
    body ``{"tags": [...]}`` as Cloudflare does. Where the address holds ``{store}``, one for each.

    Args:
        url: where to; empty: nobody is told.
        key: a header that goes along, ``Name: value``; empty: none.
        keep_seconds: how long caches may serve what they have.
    """

    def __init__(self, url: str, key: str, keep_seconds: float) -> None:
        self._url = url
        self._keep_seconds = keep_seconds
        name, _, value = key.partition(":")
        self._headers = {name.strip(): value.strip()} if key else {}
        self._changed: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.purges = 0
        self.failures = 0

    def start(self) -> None:
        """Purges from now on. Call it inside the event loop that serves requests."""
        if self._url:
            self._task = asyncio.create_task(self._purge_often())

    async def stop(self) -> None:
        """Lets go of what is under way; other processes, or the end of its time, see to it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def changed(self, store: str) -> None:
        """The store with this key has a new version."""
        if self._url:
            self._changed[store] = None
            self._wake.set()

    async def _purge_often(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(LIVE_SECONDS)
            self._wake.clear()
            stores, self._changed = list(self._changed), {}
            size = 1 if STORE in self._url else TAGS_AT_ONCE
            for start in range(0, len(stores), size):
                await self._until_purged(stores[start : start + size])

    async def _until_purged(self, stores: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._keep_seconds
        waits = iter(RETRY_SECONDS)
        fault = await self._purge(stores)
        if fault:
            _log.warning("cache not purged", stores=stores, why=fault)
        while fault:
            self.failures += 1
            wait = next(waits, RETRY_SECONDS[-1])
            if loop.time() + wait > deadline:
                _log.error("cache keeps old scripts until their time is over", stores=stores)
                return
            await asyncio.sleep(wait)
            fault = await self._purge(stores)
            if not fault:
                _log.info("cache purged again", stores=stores)

    async def _purge(self, stores: Sequence[str]) -> str:
        """Why it was not purged; empty when it was."""
        tags = [tag(store) for store in stores]
        url = self._url.replace(STORE, stores[0])
        headers = {**self._headers, "surrogate-key": " ".join(tags)}
        try:
            async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
                answer = await client.post(
                    url,
                    content=msgspec.json.encode({"tags": tags}),
                    headers={**headers, "content-type": "application/json"},
                )
        except httpx2.HTTPError as error:
            return type(error).__name__
        if not answer.is_success:
            return f"status {answer.status_code}"
        self.purges += 1
        return ""
