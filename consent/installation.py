"""A whole installation looked at once: what is wrong with it, and what only deserves a look.

Nothing is changed, and no secret is told. The settings and the data files are read already; here
is what takes a database, a network or a clock.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import math
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import ledger, listed, publish, schedules, seals, stores
from consent.anchor import Authority, try_out
from consent.bulk import Files
from consent.compose import Composer
from consent.database import Database, dialects
from consent.errors import ConsentError
from consent.geo import OLD_DAYS, PlaceFacts
from consent.model import Place, Version
from consent.parsing import CDNS
from consent.settings import Settings
from consent.signing import public_log_keys

LEAST_BITS = 128
"""Of a secret key, by how often its characters come: enough against guessing (NIST SP 800-131A)."""
WIDEST_PREFIX = {4: 8, 6: 16}
"""A network wider than this holds more than anybody's proxies."""
LEAST_FREE_BYTES = 1 << 30
LEAST_FREE_SHARE = 0.05
CLOCK_SECONDS = 5.0
LAG_SECONDS = 60.0
ANCHOR_HOURS = 6
SNIPPET_BYTES = 600

Level = Literal["fault", "warning"]


class Finding(msgspec.Struct, frozen=True):
    """``where``: a setting, ``store KEY: version N: key``, or a part of the service. ``said``: what
    was found; what is accepted.
    """

    level: Level
    where: str
    said: str

    def __str__(self) -> str:
        return f"{'warning: ' if self.level == 'warning' else ''}{self.where}: {self.said}"


class Parts(NamedTuple):
    """What an installation stands on."""

    settings: Settings
    database: Database
    files: Files
    composer: Composer
    places: PlaceFacts
    authority: Authority | None


async def findings(parts: Parts, now: Callable[[], dt.datetime]) -> list[Finding]:
    """All that is wrong, and all that deserves a look, in the order of the parts."""
    found = [*of_settings(parts.settings), *of_places(parts.places)]
    found += of_disk(Path(parts.database.path).parent if parts.database.path else Path())
    try:
        await parts.database.check(writes=True)
    except ConsentError as error:
        return [*found, _fault(*_parted(str(error)))]
    async with parts.database.read() as c:
        found += [one async for one in of_database(c, now())]
        found += [one async for one in of_log(c, parts.settings, now())]
        live = list((await stores.all_current(c, await stores.keys(c))).values())
        due = await schedules.due(c, now() - dt.timedelta(seconds=LAG_SECONDS))
        head = await seals.newest(c)
    if due:
        said = f"{len(due)} are overdue; expected none, as a running service publishes in time"
        found.append(_fault("schedules", said))
    for version in sorted(live, key=lambda one: one.config.key):
        found += of_store(version, parts, now().date())
    if parts.authority is not None and head is not None:
        try:
            await try_out(parts.database, parts.authority, head)
        except ConsentError as error:
            found.append(_fault("CONSENT_ANCHOR_URL", str(error)))
    return found


def of_settings(settings: Settings) -> Iterator[Finding]:
    """What can be read and is no good all the same."""
    for number, key in enumerate(settings.secret_keys, start=1):
        bits = _bits(key)
        if bits < LEAST_BITS:
            yield _fault(
                "CONSENT_SECRET_KEYS",
                f"key {number} has about {bits} bits of chance; expected {LEAST_BITS} or more, as "
                "python -c 'import secrets; print(secrets.token_urlsafe(48))' makes",
            )
    address = urlsplit(settings.public_url)
    if address.scheme != "https" and not _is_here(address.hostname or ""):
        yield _fault("CONSENT_PUBLIC_URL", f"found {settings.public_url!r}; expected https")
    elif _is_here(address.hostname or ""):
        said = f"found {settings.public_url!r}; expected what visitors' browsers reach"
        yield _warning("CONSENT_PUBLIC_URL", said)
    if said := listed.host_fault(address.hostname or ""):
        yield _warning("CONSENT_PUBLIC_URL", said)
    for network in settings.trusted_proxies:
        if network.prefixlen < WIDEST_PREFIX[network.version]:
            yield _fault(
                "CONSENT_TRUSTED_PROXIES",
                f"found {network}; expected your proxies alone, as anybody in it says where "
                "visitors are",
            )
    if settings.trusted_proxies and settings.place_headers == CDNS:
        said = "found all; expected the one CDN in front, as it hands on another's header"
        yield _warning("CONSENT_PLACE_HEADERS", said)
    if not settings.log_keys:
        said = "derived from the newest secret key; expected own ones, so that rotating that "
        yield _warning("CONSENT_LOG_KEYS", said + "leaves the log's key as it is")
    if settings.scan_private:
        said = "found true; expected false outside a test, as users then reach the inner network"
        yield _warning("CONSENT_SCAN_PRIVATE", said)


def of_places(places: PlaceFacts) -> Iterator[Finding]:
    if places.is_old:
        said = f"built {places.age_days} days ago; expected {OLD_DAYS} at most: consent geo update"
        yield _warning("places", said)
    if places.failure is not None:
        yield _fault("places", f"the file {places.failure.fault}")


def of_disk(folder: Path) -> Iterator[Finding]:
    """How much room there is where SQLite's file is, or where the service keeps its own."""
    at = folder.absolute()
    while not at.exists():
        at = at.parent
    usage = shutil.disk_usage(at)
    least = min(LEAST_FREE_BYTES, int(usage.total * LEAST_FREE_SHARE))
    if usage.free < least:
        said = f"{usage.free >> 20:,} MB free; expected {least >> 20:,} MB or more"
        yield _fault(f"disk at {at}", said)


async def of_database(c: AsyncConnection, now: dt.datetime) -> AsyncIterator[Finding]:
    theirs = await dialects.clock(c)  # before all that takes time
    for name, value in await dialects.unsafe_settings(c):
        said = f"found {value}; expected on, as a receipt promises that a decision is on disk"
        yield _fault(f"database: {name}", said)
    apart = abs((theirs - now).total_seconds()) if theirs else 0.0
    if apart > CLOCK_SECONDS:
        said = f"{apart:,.0f} seconds from this machine's; expected {CLOCK_SECONDS:.0f} at most"
        yield _fault("database: clock", said)


async def of_log(
    c: AsyncConnection, settings: Settings, now: dt.datetime
) -> AsyncIterator[Finding]:
    """Whether what is stored gets sealed, by a key that is ours, and anchored."""
    head = await seals.newest(c)
    size = head.size if head else 0
    oldest = await ledger.following(c, size, 1)
    lag = (now - oldest[0].at).total_seconds() if oldest else 0.0
    if lag > LAG_SECONDS:
        waiting = await ledger.last(c) - size
        said = f"{waiting:,} records wait, the oldest for {lag:,.0f} seconds; expected a second or "
        yield _fault("log", said + "two: is the service running?")
    if head is None:
        return
    ahead = (head.at - now).total_seconds()
    if ahead > CLOCK_SECONDS:
        said = f"{ahead:,.0f} seconds behind the newest checkpoint; expected after it"
        yield _fault("clock", said)
    if head.key.public not in public_log_keys(settings.log_keys, settings.secret_keys):
        where = "CONSENT_LOG_KEYS" if settings.log_keys else "CONSENT_SECRET_KEYS"
        said = f"no key of {head.key.name}'s newest checkpoint; expected the one that signed it too"
        yield _warning(where, said)
    if settings.anchor_url and size:
        last = await seals.last_anchored(c, settings.anchor_url)
        hours = (now - last.at).total_seconds() / 3600 if last else math.inf
        if (last is None or last.size < size) and hours > ANCHOR_HOURS:
            since = f"for {hours:,.0f} hours" if last else "yet"
            said = f"nothing was anchored {since}; expected a checkpoint each hour"
            yield _fault("anchors", said)


def of_store(version: Version, parts: Parts, on: dt.date) -> Iterator[Finding]:
    """Whether what is live keeps the law of today, and becomes a script for every kind of place."""
    key = version.config.key
    where = f"store {key}: version {version.number}"
    own = version.own or version.config
    for fault in publish.check(own, *parts.files, on=on, template=version.template):
        name, _, said = fault.partition(": ")
        yield _fault(f"{where}: {name}", said)
    regions, url = parts.files.regions, parts.settings.public_url
    try:
        for place in (Place(), *itertools.islice(regions.places(version.rules), 1)):
            resolution = regions.resolve(place, on=on, rules=version.rules)
            language = version.config.language
            for first in (False, True):
                parts.composer.loader(version, resolution, place, language, gpc=False, first=first)
    except Exception as error:  # whatever it is, no visitor would get a script
        yield _fault(
            f"{where}: script", f"{type(error).__name__}; expected that it can be composed"
        )
    if said := listed.key_fault(key):
        yield _warning(f"store {key}: key", said)
    length = len(parts.composer.snippet(key, url).encode())
    if length > SNIPPET_BYTES:
        said = f"{length} bytes with {url}; expected {SNIPPET_BYTES} at most"
        yield _warning(f"store {key}: snippet", said)


def _bits(key: str) -> int:
    """How many bits of chance a text has at most, by how often each of its characters comes."""
    shares = [n / len(key) for n in Counter(key).values()]
    return round(len(key) * -sum(share * math.log2(share) for share in shares))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _parted(fault: str) -> tuple[str, str]:
    where, _, said = fault.partition(": ")
    return (where, said) if said else ("database", fault)


def _fault(where: str, said: str) -> Finding:
    return Finding("fault", where, said)


def _warning(where: str, said: str) -> Finding:
    return Finding("warning", where, said)


def faults(found: Sequence[Finding]) -> list[Finding]:
    return [one for one in found if one.level == "fault"]
