"""The weeks that the demo has behind it, so that its pages can be judged full.

Every decision goes the way of a visitor's: through the recorder, which checks it against version
and law, into the ledger, and into the counts. Only the clock is set back.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import uuid
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from consent import counts, coverage
from consent.assign import Assigner
from consent.compose import Composer
from consent.coverage import Tracked
from consent.database import Database
from consent.folding import Folder
from consent.model import (
    CONTROL,
    WITH_STATES,
    Action,
    DecisionPost,
    Device,
    Experiment,
    Grants,
    Pixel,
    Place,
    Reached,
    Resolution,
    StoreConfig,
    Variant,
    Version,
)
from consent.record import Recorder
from consent.regions import Regions
from consent.signing import Signer

HOURS = (7, 11, 15, 19)
"""When the visitors of a day come."""
EVENTS = (("PageView", 3.2), ("ViewContent", 1.4), ("AddToCart", 0.22), ("Purchase", 0.05))
"""What a visit tracks, and how often."""
BRIEFER = 0.45
"""How many of those whom the usual banner leaves without an answer accept a shorter one."""
LATER = 0.03
"""How many who had accepted withdraw some hours later."""

_FIRST = ("Harbor", "Juniper", "Northern", "Copper", "Willow", "Atlas", "Meadow", "Cobalt")
_SECOND = ("Books", "Bikes", "Coffee", "Garden", "Audio")


class Crowd(NamedTuple):
    """Who comes from one place: how many a day, and the shares of what they do."""

    code: str
    language: str
    currency: str
    visits: int
    accept: float
    some: float
    refuse: float
    close: float
    signal: float


CROWDS = (
    Crowd("DE", "de", "EUR", 34, 0.42, 0.05, 0.36, 0.02, 0.0),
    Crowd("FR", "fr", "EUR", 16, 0.50, 0.05, 0.28, 0.02, 0.0),
    Crowd("GB", "en", "GBP", 14, 0.54, 0.05, 0.22, 0.03, 0.0),
    Crowd("US-CA", "en", "USD", 13, 0.28, 0.01, 0.07, 0.10, 0.13),
    Crowd("US-TX", "en", "USD", 9, 0.30, 0.01, 0.04, 0.12, 0.05),
    Crowd("US-NY", "en", "USD", 8, 0.31, 0.01, 0.02, 0.12, 0.01),
    Crowd("NL", "nl", "EUR", 7, 0.48, 0.05, 0.27, 0.02, 0.0),
    Crowd("AT", "de", "EUR", 6, 0.41, 0.06, 0.34, 0.02, 0.0),
    Crowd("ES", "es", "EUR", 5, 0.54, 0.04, 0.23, 0.02, 0.0),
    Crowd("CA-QC", "fr", "CAD", 4, 0.46, 0.06, 0.25, 0.02, 0.0),
    Crowd("BR", "pt-BR", "BRL", 4, 0.61, 0.03, 0.14, 0.03, 0.0),
    Crowd("CH", "de", "CHF", 3, 0.40, 0.05, 0.21, 0.05, 0.0),
    Crowd("JP", "ja", "JPY", 3, 0.21, 0.01, 0.03, 0.20, 0.0),
    Crowd("", "en", "EUR", 1, 0.34, 0.03, 0.40, 0.02, 0.0),
)


class Visit(NamedTuple):
    """One visitor at one moment. ``action`` None: the page was left without a choice."""

    at: dt.datetime
    crowd: Crowd
    device: Device
    visitor: uuid.UUID
    action: Action | None
    variant: str = ""
    """Of the experiment that runs; a visitor of it may have chosen otherwise."""


class Past:
    """Fills one database. Call ``fill`` once, before the service starts."""

    def __init__(self, db: Database, composer: Composer, regions: Regions, signer: Signer) -> None:
        self._composer = composer
        self._regions = regions
        self._moment = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._counts = Folder(db, counts.add)
        self._recorder = Recorder(db, self._counts, composer, regions, signer, lambda: self._moment)
        self._coverage = Folder(db, coverage.add)
        self._assigner = Assigner("demo")
        self._chance = random.Random(1)  # nosec B311  # noqa: S311 - visitors, not secrets

    async def fill(self, versions: Sequence[Version], days: int, until: dt.datetime) -> None:
        """``days`` up to ``until`` for each of ``versions``, the first of which is visited most."""
        self._recorder.start()
        for back in range(days, -1, -1):
            for hour in HOURS:
                start = (until - dt.timedelta(days=back)).replace(hour=hour, minute=0, second=0)
                posts = [
                    self._live(version, visit)
                    for number, version in enumerate(versions)
                    for visit in self._visits(start, _size(number, version))
                    if visit.at < until
                ]
                await asyncio.gather(*posts)
            await self._counts.flush()
            await self._coverage.flush()
        await self._recorder.stop()

    def _visits(self, start: dt.datetime, size: float) -> Iterator[Visit]:
        chance = self._chance
        week = 1.3 if start.weekday() >= 5 else 1.0
        moments = []
        for crowd in CROWDS:
            expected = crowd.visits * size * week / len(HOURS) * chance.uniform(0.8, 1.2)
            n = int(expected) + (chance.random() < expected % 1)
            moments += [
                (start + dt.timedelta(seconds=9000 * chance.random()), crowd) for _ in range(n)
            ]
        for at, crowd in sorted(moments, key=lambda pair: pair[0]):
            device: Device = chance.choices(("phone", "desktop", "tablet"), (62, 32, 6))[0]
            visitor = uuid.UUID(int=chance.getrandbits(128), version=4)
            yield Visit(at, crowd, device, visitor, self._action(crowd))

    def _action(self, crowd: Crowd) -> Action | None:
        shares = (crowd.accept, crowd.some, crowd.refuse, crowd.close, crowd.signal)
        actions: tuple[Action | None, ...] = ("accept_all", "save", "reject_all", "close", "gpc")
        return self._chance.choices((*actions, None), (*shares, 1 - sum(shares)))[0]

    def _tried(self, version: Version, visit: Visit) -> Visit:
        """``visit`` under a variant, which ``BRIEFER`` more of those who left it accept."""
        address = f"81.{visit.visitor.int % 251}.{visit.visitor.int % 241}.7"
        config = version.config
        variant = self._assigner.choose(config, visit.at.date(), address, visit.visitor.bytes)
        briefer = variant not in ("", CONTROL) and visit.action is None
        if briefer and self._chance.random() < BRIEFER:
            return visit._replace(variant=variant, action="accept_all")
        return visit._replace(variant=variant)

    async def _live(self, version: Version, visit: Visit) -> None:
        visit = self._tried(version, visit)
        place = _place(visit.crowd.code)
        on = self._regions.day(place, visit.at)
        resolution = self._regions.resolve(place, on=on, rules=version.rules)
        self._count(version, visit, resolution)
        self._track(version, visit, resolution)
        if visit.action is None:
            return
        await self._decide(version, visit, place, resolution, visit.action)
        if visit.action == "accept_all" and self._chance.random() < LATER:
            await self._decide(version, visit, place, resolution, "withdraw")

    async def _decide(
        self,
        version: Version,
        visit: Visit,
        place: Place,
        resolution: Resolution,
        action: Action,
    ) -> None:
        language = visit.crowd.language
        shown = version.varied.get(visit.variant, version)
        post = DecisionPost(
            id=uuid.UUID(int=self._chance.getrandbits(128), version=4),
            visitor=visit.visitor,
            version=version.number,
            action=action,
            grants=_grants(action, resolution.regime.model != "opt-in"),
            language=language,
            banner=self._composer.banner(shown, resolution, language).sha256,
            gpc=action == "gpc",
        )
        self._moment = visit.at
        await self._recorder.record(
            version,
            post,
            place=place,
            gpc_header=action == "gpc",
            device=visit.device,
            variant=visit.variant,
        )

    def _count(self, version: Version, visit: Visit, resolution: Resolution) -> None:
        """The banner that was shown; to whoever sends the signal none is."""
        if visit.action == "gpc":
            return
        shown = counts.Key(
            store_id=version.store_id,
            hour=counts.hour_of(visit.at),
            place=visit.crowd.code,
            regime=resolution.regime.id,
            device=visit.device,
            language=visit.crowd.language,
            version=version.number,
            measure="visit",
            variant=version.counted_as(visit.variant),
        )
        self._counts.add(shown)
        if self._chance.random() < 0.3:
            self._counts.add(shown._replace(measure="repeat"))

    def _track(self, version: Version, visit: Visit, resolution: Resolution) -> None:
        """What the page would tell of its events when it is left."""
        chance = self._chance
        hour, place = counts.hour_of(visit.at), visit.crowd.code
        base = coverage.Key(version.store_id, hour, place, "", "", "sent", "")
        free = resolution.regime.model != "opt-in"
        for name, often in EVENTS:
            for _ in range(int(often) + (chance.random() < often % 1)):
                value = round(chance.uniform(20, 180), 2) if name == coverage.WORTH else None
                ends = {
                    pixel.key: self._end(pixel.key, visit.action, free)
                    for pixel in version.config.pixels
                }
                tracked = Tracked(name, ends, value, visit.crowd.currency)
                for platform in ends:
                    for key, n in coverage.keys(tracked, platform, base):
                        self._coverage.add(key, n)

    def _end(self, platform: str, action: Action | None, free: bool) -> Reached:
        marketing = platform not in ("ga4", "matomo")
        if action == "reject_all" or (action == "close" and not free):
            return "declined"
        if action == "save" and marketing:
            return "declined"
        if action == "gpc" and marketing:
            return "gpc"
        if action is None and not free:
            return "no_choice"
        return self._chance.choices(("sent", "blocked", "left"), (93, 5, 2))[0]


SHORT = {
    "en": {"banner.text": "May we and {count} services use cookies? You can change your mind."},
    "de": {"banner.text": "Dürfen wir und {count} Dienste Cookies nutzen? Sie können es ändern."},
}


def tried(config: StoreConfig) -> StoreConfig:
    """``config`` with an experiment: fewer words."""
    return msgspec.structs.replace(
        config,
        experiment=Experiment("fewer-words", "Fewer words", expected=44, difference=8),
        variants=(Variant("short", "one sentence", texts=SHORT),),
    )


def neighbours(number: int, pixels: tuple[Pixel, ...]) -> list[StoreConfig]:
    """``number`` more stores, 40 at most, for pages that list many. The first tries something."""
    names = [f"{first} {second}" for second in _SECOND for first in _FIRST]
    found = [
        StoreConfig(
            key=name.lower().replace(" ", "-"),
            name=name,
            origins=(f"https://{name.lower().replace(' ', '-')}.example",),
            pixels=pixels,
            coverage=True,
        )
        for name in names[:number]
    ]
    return [*map(tried, found[:1]), *found[1:]]


def _size(number: int, version: Version) -> float:
    """How much a store is visited, beside the first one; more where it tries something."""
    if not number:
        return 1.0
    return 0.35 if version.config.variants else 0.12


def _grants(action: Action, free: bool) -> Grants:
    if action == "accept_all" or (action == "close" and free):
        return Grants.all(True)
    if action == "save":
        return Grants(preferences=True, analytics=True, marketing=False)
    if action == "gpc":
        return Grants(preferences=free, analytics=free, marketing=False)
    return Grants.all(False)


def _place(code: str) -> Place:
    country = code.partition("-")[0]
    kept = code if country in WITH_STATES and "-" in code else None
    return Place(country or None, kept, "header" if code else "none")
