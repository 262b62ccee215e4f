"""Which place database is in use, and its replacement while the service runs.

A path is looked at every few seconds. A file that appeared there is opened once it stands still
between two looks, so that one that is being written is left alone; it is checked and then takes the
place of the old one in a single assignment. A file that is gone or cannot be used changes nothing:
the old one stays, the log says so once, and ``facts`` says so until it is mended. Each process of a
server looks for itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from consent import data
from consent.errors import DataError
from consent.geo.placefile import PlaceFile, Stamp

OLD_DAYS = 90
"""Providers bring out a new file each month or oftener; an older one than this is worth a word."""

_log = structlog.get_logger("places")


class Failure(msgspec.Struct, frozen=True):
    """Why the file at the path is not the one in use. ``fault`` names no path and no address."""

    at: dt.datetime
    fault: str


class PlaceFacts(msgspec.Struct, frozen=True):
    """What a page or a probe may tell about the place database."""

    kind: str
    """As the file calls itself, such as ``GeoLite2-City`` or ``DBIP-City-Lite``."""
    built_at: dt.datetime
    age_days: int
    path: Path
    shipped: bool
    """It is the one that came with this release."""
    credit: tuple[str, str]
    """Whose data it is and their address; their licences want both shown."""
    failure: Failure | None
    """Set as long as the newest file at the path is not in use."""

    @property
    def is_old(self) -> bool:
        return self.age_days > OLD_DAYS


class Watched:
    """The place database in use: ``current`` may be read from any thread.

    Args:
        named: the operator's file; None: ``fetched`` if it is there and newer, else the shipped
            one.
        fetched: where ``consent geo update`` puts what it fetched for an operator who names no
            file; None: nowhere.
        now: the clock.
        strict: raise when there is a file that cannot be used; otherwise begin with the shipped
            one, and say so.

    Raises:
        DataError: the file cannot be used, and ``strict``; or the shipped one cannot.
    """

    def __init__(
        self,
        named: Path | None,
        fetched: Path | None,
        now: Callable[[], dt.datetime],
        *,
        strict: bool,
    ) -> None:
        self._now = now
        self._named = named is not None
        self._path = named or fetched
        self._used: Stamp | None = None
        """Of the file in use; None for the shipped one."""
        self._seen: Stamp | None = None
        self._judged: Stamp | None = None
        """Of the file that was opened last, for better or worse."""
        self.reloads = 0
        self.failures = 0
        self.failure: Failure | None = None
        self._shipped = data.folder("data") / "places.mmdb"
        first = self._first(strict)
        self.current = first or PlaceFile(self._shipped, copied=False)

    def _first(self, strict: bool) -> PlaceFile | None:
        """The file at the path; None where the shipped one has to do."""
        path = self._path
        if path is None:
            return None
        self._seen = self._judged = Stamp.of(path)
        if self._seen is None and not self._named:
            return None
        try:
            found = PlaceFile(path, copied=True)
        except DataError as error:
            if strict:
                raise
            self._fail(error.fault)
            return None
        if self._is_outdated(found):  # a release came with a newer one
            return None
        self._used = self._seen
        return found

    def look(self) -> None:
        """Takes the file at the path if it is a new one. It takes as long as reading a file; call
        it from one thread at a time.
        """
        if self._path is None:
            return
        stamp = Stamp.of(self._path)
        if stamp != self._seen:
            self._seen = stamp
            return
        if stamp == self._judged:
            return
        self._judged = stamp
        if stamp is not None and stamp != self._used:
            self._take(self._path, stamp)
        elif stamp is None and (self._named or self._used is not None):
            self._fail("is gone; expected a MaxMind DB file")
        else:
            self.failure = None  # what was moved away came back, or what could not serve is gone

    def facts(self) -> PlaceFacts:
        current, built_at = self.current, self.current.built_at
        return PlaceFacts(
            kind=current.kind,
            built_at=built_at,
            age_days=max(0, (self._now() - built_at).days),
            path=current.path,
            shipped=current.path == self._shipped,
            credit=credit(current.kind),
            failure=self.failure,
        )

    def _take(self, path: Path, stamp: Stamp) -> None:
        try:
            found = PlaceFile(path, copied=True)
        except DataError as error:
            if Stamp.of(path) == stamp:
                self._fail(error.fault)
            else:
                self._judged = None  # it was being written all the same; the next look decides
            return
        if self._is_outdated(found):
            self._fail(f"built {found.built_at.date()}; expected one newer than the shipped one")
            return
        self.current, self._used, self.failure = found, stamp, None
        self.reloads += 1
        _log.info("place database replaced", kind=found.kind, built=found.built_at.isoformat())

    def _is_outdated(self, found: PlaceFile) -> bool:
        """Whether the shipped one is newer; an operator who names a file wants that one."""
        return not self._named and found.built_at < PlaceFile(self._shipped, copied=False).built_at

    def _fail(self, fault: str) -> None:
        self.failures += 1
        self.failure = Failure(self._now(), fault)
        _log.warning("place database not replaced", file=str(self._path), fault=fault)


def credit(kind: str) -> tuple[str, str]:
    """Whose data a database of this kind holds, in the words and with the address they ask for.

    Source: https://db-ip.com/db/lite.php (CC BY 4.0), https://www.maxmind.com/en/geolite2/eula.
    """
    if kind.startswith("GeoLite2"):
        return "GeoLite Data by MaxMind", "https://www.maxmind.com"
    if kind.startswith("GeoIP2"):
        return "GeoIP2 by MaxMind", "https://www.maxmind.com"
    return "IP Geolocation by DB-IP", "https://db-ip.com"
