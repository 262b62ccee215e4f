"""``consent geo update``: fetches a place database, checks it, and puts it in the old one's place.

The new file comes beside the old one under another name and is renamed once it has passed, so that
whoever opens the path finds a whole database at every moment, and on any failure the old one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from consent.errors import ConflictError, DataError, SettingsError, UnavailableError
from consent.geo.addresses import parse
from consent.geo.download import Limits, Login, StatusError, download, unpack_gzip, unpack_tar
from consent.geo.placefile import PlaceFile
from consent.geo.watched import credit

DB_IP = "https://download.db-ip.com/free"
MAXMIND = "https://download.maxmind.com/geoip/databases"

_REFUSED = (401, 403)
_NOT_FOUND = 404
_HASH_BYTES = 1024
# Ranges of universities, which stay where they are. One of them may be wrong.
_KNOWN = (
    ("130.149.7.201", "DE"),
    ("128.40.1.1", "GB"),
    ("128.97.27.37", "US-CA"),
    ("132.206.1.1", "CA-QC"),
    ("133.11.1.1", "JP"),
    ("143.107.1.1", "BR"),
    ("2001:200:180::1", "JP"),
)


class Updated(msgspec.Struct, frozen=True):
    """What came of it. ``updated`` False: what is there is as new as what can be had."""

    updated: bool
    path: Path
    kind: str
    built_at: dt.datetime
    bytes: int
    source: str
    credit: str
    """What the licence wants to be shown with the data; the admin pages show it."""


class Provider(Protocol):
    """Where place databases come from."""

    kind: str
    """How the type of its databases begins."""

    def has_newer(self, built: dt.date, today: dt.date) -> bool:
        """Whether it may have a newer one than that of ``built``, as far as can be told at home."""

    def fetch(self, into: Path, today: dt.date, limits: Limits) -> str:
        """Writes the newest database to ``into``; gives the address that it came from.

        Raises:
            UnavailableError: the provider cannot be reached, or has none.
            DataError: what came is not what it says that it is.
            SettingsError: the provider does not know us.
        """


class DbIp:
    """DB-IP Lite City, brought out on the first of each month. Free; CC BY 4.0.

    Source: https://db-ip.com/db/download/ip-to-city-lite
    """

    kind = "DBIP-City"

    def __init__(self, base: str | None = None) -> None:
        self._base = base or DB_IP

    def has_newer(self, built: dt.date, today: dt.date) -> bool:
        return (built.year, built.month) < (today.year, today.month)

    def fetch(self, into: Path, today: dt.date, limits: Limits) -> str:
        this = today.replace(day=1)
        months = (this, (this - dt.timedelta(days=1)).replace(day=1))
        for month in months:
            url = f"{self._base}/dbip-city-lite-{month:%Y-%m}.mmdb.gz"
            packed = into.with_name(f"{into.name}.gz")
            try:
                download(url, packed, limits)
                with _named(url):
                    unpack_gzip(packed, into, limits)
                return url
            except StatusError as error:
                if error.status != _NOT_FOUND or month is months[-1]:
                    raise
            finally:
                packed.unlink(missing_ok=True)
        raise AssertionError("the last month returns or raises")


class MaxMind:
    """GeoLite2 City, for a free or paid account.

    Source: https://dev.maxmind.com/geoip/updating-databases
    """

    kind = "GeoLite2-City"

    def __init__(self, account: str, key: str, base: str | None = None) -> None:
        self._login = Login(account, key)
        self._base = base or MAXMIND

    def has_newer(self, built: dt.date, today: dt.date) -> bool:
        return built < today

    def fetch(self, into: Path, today: dt.date, limits: Limits) -> str:
        url = f"{self._base}/{self.kind}/download?suffix=tar.gz"
        packed = into.with_name(f"{into.name}.tar.gz")
        stated = into.with_name(f"{into.name}.sha256")
        try:
            self._download(f"{url}.sha256", stated, limits._replace(packed_bytes=_HASH_BYTES))
            words = stated.read_text(encoding="ascii", errors="replace").split()
            found = self._download(url, packed, limits)
            if not words or words[0].lower() != found:
                fault = "has another SHA-256 than MaxMind states; try again"
                raise DataError(url, "", fault)
            with _named(url):
                unpack_tar(packed, f"{self.kind}.mmdb", into, limits)
        finally:
            packed.unlink(missing_ok=True)
            stated.unlink(missing_ok=True)
        return url

    def _download(self, url: str, into: Path, limits: Limits) -> str:
        try:
            return download(url, into, limits, self._login)
        except StatusError as error:
            if error.status not in _REFUSED:
                raise
            raise SettingsError(
                f"CONSENT_MAXMIND_KEY: refused by MaxMind ({error.status}); "
                "expected a licence key of the account, with the right to GeoLite2 City"
            ) from error


def update(
    target: Path,
    provider: Provider,
    *,
    today: dt.date,
    newer_than: dt.datetime | None = None,
    limits: Limits | None = None,
) -> Updated:
    """Puts the provider's newest database at ``target``; on any failure what is there stays.

    Args:
        target: the file; its folder is made if it is missing.
        provider: where to fetch it.
        today: the day, which is in DB-IP's addresses.
        newer_than: what an older database would not be used beside.
        limits: None means the usual ones.

    Raises:
        ConflictError: another update of ``target`` is at work.
        UnavailableError: the provider cannot be reached, or the disk does not take the file.
        DataError: what came is not a better database than what is there.
        SettingsError: the provider does not know us.
    """
    limits = limits or Limits()
    new = target.with_name(f"{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            try:
                return _update(target, new, provider, today, newer_than, limits)
            finally:
                new.unlink(missing_ok=True)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UnavailableError(
            f"{target}: cannot be written ({why}); it stays as it was"
        ) from error


def _update(
    target: Path,
    new: Path,
    provider: Provider,
    today: dt.date,
    newer_than: dt.datetime | None,
    limits: Limits,
) -> Updated:
    old = _existing(target)
    known = old is not None and old.kind.startswith(provider.kind)
    if old is not None and known and not provider.has_newer(old.built_at.date(), today):
        return _told(old, target, updated=False, source="")
    url = provider.fetch(new, today, limits)
    found = _checked(new, url, provider, limits)
    least = max((at for at in (old and old.built_at, newer_than) if at), default=None)
    if least is not None and found.built_at < least:
        fault = f"built {found.built_at.date()}; expected one no older than {least.date()}"
        raise DataError(url, "", fault)
    size = new.stat().st_size
    if old is not None and known and size * 2 < target.stat().st_size:
        raise DataError(url, "", f"{size:,} bytes; expected at least half of what is there")
    if old is not None and known and found.built_at == old.built_at:
        return _told(old, target, updated=False, source=url)
    _rename(new, target)
    return _told(found, target, updated=True, source=url)


def _existing(target: Path) -> PlaceFile | None:
    """What is there; None when nothing is that a service could use."""
    try:
        return PlaceFile(target, copied=True)
    except DataError:
        return None


def _checked(new: Path, url: str, provider: Provider, limits: Limits) -> PlaceFile:
    size = new.stat().st_size
    if size < limits.least_bytes:
        raise DataError(url, "", f"{size:,} bytes; expected at least {limits.least_bytes:,}")
    with _named(url):
        found = PlaceFile(new, copied=False)
    if not found.kind.startswith(provider.kind):
        raise DataError(url, "", f"a database of type {found.kind!r}; expected {provider.kind}")
    wrong = [ip for ip, code in _KNOWN if not _knows(found, ip, code)]
    if len(wrong) > 1:
        fault = f"{len(wrong)} of {len(_KNOWN)} known places are wrong; expected at most one"
        raise DataError(url, "", fault)
    return found


def _knows(file: PlaceFile, ip: str, code: str) -> bool:
    address = parse(ip)
    return address is not None and file.place(address).code == code


def _rename(new: Path, target: Path) -> None:
    """Puts ``new`` in place of ``target``, on the disk too, before it returns."""
    new.chmod(0o644)
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _told(file: PlaceFile, target: Path, *, updated: bool, source: str) -> Updated:
    words, address = credit(file.kind)
    size = target.stat().st_size
    return Updated(updated, target, file.kind, file.built_at, size, source, f"{words} ({address})")


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Nobody else updates ``target`` meanwhile. The lock ends with the process, however it ends;
    its file stays, since one that is removed could be locked twice.
    """
    descriptor = os.open(target.with_name(f"{target.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError("busy", f"{target}: another update is at work; wait") from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _named(url: str) -> Iterator[None]:
    """Faults of a file in our own folder, by the address that it came from."""
    try:
        yield
    except DataError as error:
        raise DataError(url, error.key, error.fault) from error
