"""What the endpoints stand on, made once per process by ``create_app``.

``Services`` is the struct they are given. ``Published`` keeps the newest version of every store in
memory and asks storage twice a second for newer ones, so that a version published by another
process is live here within one second.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from consent import counts, coverage, stores
from consent.anchor import Anchorer
from consent.assign import Assigner
from consent.compose import Composer
from consent.database import Database
from consent.erase import Eraser
from consent.errors import ConsentError, NotFoundError, UnavailableError
from consent.fetch import Fetcher
from consent.folding import Folder
from consent.geo import Geo
from consent.model import Version
from consent.overview import Overview
from consent.platforms import Platforms
from consent.proof import Finder, Sealer
from consent.purge import Purger
from consent.record import Recorder
from consent.regions import Regions
from consent.retain import Retainer
from consent.rounds import Rounds
from consent.scan import Scanner
from consent.scan.systems import Systems
from consent.schedule import Scheduler
from consent.settings import Settings
from consent.signing import Signer
from consent.texts import Texts
from consent.tiles import Tiles
from consent.web.limits import Limits

if TYPE_CHECKING:
    from consent.oidc import Provider

POLL_SECONDS = 0.5
LOOK_BACK_IDS = 32
"""Ids are given before commits end, so one below the highest seen may still appear."""
OLD_VERSIONS = 1024
MAX_NUMBER = 2**31 - 1

_log = structlog.get_logger("stores")


class Published:
    """The published versions, by store key."""

    def __init__(self, database: Database, changed: Callable[[str], None]) -> None:
        """``changed`` is told the key of each store that has another version than before."""
        self._database = database
        self._changed = changed
        self._newest: dict[str, Version] = {}
        self._older: OrderedDict[tuple[str, int], Version] = OrderedDict()
        self._highest_id = 0
        self._generation = 0
        self._loaded = False
        self._failing = False
        self._rounds = Rounds(self._try_refresh, POLL_SECONDS)

    def current(self, key: str) -> Version:
        """The newest published version of the store ``key``.

        Raises:
            NotFoundError: no store with this key has published anything.
            UnavailableError: storage has not answered since this process began.
        """
        version = self._newest.get(key)
        if version is not None:
            return version
        if not self._loaded:
            raise UnavailableError("stores: not read yet; try again")
        raise NotFoundError(
            "unknown_store", "store: no published store has this key; check the key in the snippet"
        )

    @property
    def newest(self) -> Mapping[str, Version]:
        """The newest version of every store that has published one, by key."""
        return self._newest

    async def numbered(self, key: str, number: int) -> Version:
        """The version ``number`` of the store ``key``, however old.

        Raises:
            NotFoundError: there is no such version.
            UnavailableError: storage does not answer.
        """
        newest = self.current(key)
        if newest.number == number:
            return newest
        older = self._older.get((key, number))
        if older is not None:
            self._older.move_to_end((key, number))
            return older
        found = None
        if 1 <= number <= MAX_NUMBER:
            async with self._database.read() as connection:
                found = await stores.version(connection, key, number)
        if found is None:
            raise NotFoundError(
                "unknown_version", f"version: {number} is not published; newest is {newest.number}"
            )
        self._older[key, number] = found
        if len(self._older) > OLD_VERSIONS:
            self._older.popitem(last=False)
        return found

    async def refresh(self) -> None:
        """Reads what was published since the last time; all of it from another database."""
        async with self._database.read() as connection:
            generation = self._database.generation
            another = generation != self._generation
            since = 0 if another else max(0, self._highest_id - LOOK_BACK_IDS)
            versions = await stores.versions_since(connection, since)
        if another:  # only now, so that no request meanwhile finds no store at all
            self._generation = generation
            self._newest, self._highest_id = {}, 0
            self._older.clear()
        for version in versions:
            known = self._newest.get(version.config.key)
            if known is None or known.number < version.number:
                self._newest[version.config.key] = version
                if known is not None:
                    self._changed(version.config.key)
            self._highest_id = max(self._highest_id, version.id)
        self._loaded = True

    async def start(self) -> None:
        await self._try_refresh()
        self._rounds.start()

    async def stop(self) -> None:
        await self._rounds.stop()

    async def _try_refresh(self) -> float:
        try:
            await self.refresh()
        except ConsentError as error:
            if not self._failing:
                _log.warning("published versions not read", error=type(error).__name__)
            self._failing = True
        else:
            if self._failing:
                _log.info("published versions read again")
            self._failing = False
        return POLL_SECONDS


@dataclass(frozen=True, slots=True)
class Services:
    """Everything an endpoint may use. Nothing in it is made per request."""

    settings: Settings
    database: Database
    geo: Geo
    limits: Limits
    regions: Regions
    platforms: Platforms
    texts: Texts
    composer: Composer
    assigner: Assigner
    recorder: Recorder
    folder: Folder[counts.Key]
    coverage: Folder[coverage.Key]
    sealer: Sealer
    tiles: Tiles
    finder: Finder
    eraser: Eraser
    retainer: Retainer
    anchorer: Anchorer
    purger: Purger
    signer: Signer
    fetcher: Fetcher
    scanner: Scanner
    systems: Systems
    published: Published
    overview: Overview
    scheduler: Scheduler
    provider: Provider | None
    """With whom users may sign in."""
    now: Callable[[], dt.datetime]

    def current(self, key: str) -> Version:
        """See ``Published.current``."""
        return self.published.current(key)

    async def start(self) -> None:
        """Begins the work that goes on beside requests. Call it in the serving event loop."""
        self.purger.start()
        await self.published.start()
        self.recorder.start()
        self.folder.start()
        self.coverage.start()
        self.sealer.start()
        self.retainer.start()
        self.scheduler.start()
        self.anchorer.start()
        self.geo.start()

    async def stop(self) -> None:
        """Stores what was taken, then lets go of files and connections."""
        await self.published.stop()
        await self.purger.stop()
        await self.anchorer.stop()
        await self.scheduler.stop()
        await self.retainer.stop()
        await self.sealer.stop()
        await self.recorder.stop()
        await self.folder.stop()
        await self.geo.stop()
        await self.coverage.stop()
        await self.database.close()
        self.geo.close()
