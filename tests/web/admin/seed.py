"""Stores, counts and decisions that look like three months of real shops. Always the same ones."""

from __future__ import annotations

import datetime as dt
import functools
import math
import random
import uuid

from consent import accounts, counts, coverage, ledger, stores
from consent.campaign import Campaign
from consent.compose import Composer
from consent.database import Database
from consent.model import (
    Action,
    BannerConfig,
    Custom,
    Device,
    Entry,
    Grants,
    Hosts,
    Pixel,
    Place,
    Reached,
    Role,
    StoreConfig,
    Trace,
    Version,
)
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts

PASSWORD = "correct horse battery staple"

SUMMIT = StoreConfig(
    key="summit",
    name="Summit Outdoor",
    origins=("https://summit.example",),
    privacy_url="https://summit.example/privacy",
    pixels=(
        Pixel("meta", "123456789012345"),
        Pixel("ga4", "G-ABCDE12345"),
        Pixel("google-ads", "AW-123456789"),
    ),
)
HARBOR = StoreConfig(
    key="harbor",
    name="Harbor Books",
    origins=("https://harbor.example",),
    pixels=(Pixel("ga4", "G-HARBOR1234"),),
    banner=BannerConfig(layout="box"),
)
OWN = Pixel(
    "custom",
    "heat-map",
    ("analytics",),
    custom=Custom(
        name="Heat map",
        vendor="Heat Ltd",
        privacy_url="https://heat.example/privacy",
        template="\n".join(
            [
                "function (page) {",
                "  const said = [];",
                *(f"  const part{n} = 'https://heat.example/collect/{n}';" for n in range(35)),
                "  const send = (...call) => said.push(call);",
                "  return { start() {}, send, revoke() {}, grant() {} };",
                "}",
                "",
            ]
        ),
        hosts=Hosts(connect=("heat.example",)),
        traces=(Trace("heat_id", lifetime="1 year"),),
    ),
)
"""A store's own pixel, which nobody has looked at yet."""
LODGE = StoreConfig(
    key="lodge",
    name="Lodge Wines",
    origins=("https://lodge.example",),
    privacy_url="https://lodge.example/privacy",
    pixels=(OWN,),
    campaign=True,
)
"""A draft alone."""

# place, language, visits a day, and shares of accepted, partly, declined, closed, gpc
PLACES: tuple[tuple[str, str, int, tuple[float, ...]], ...] = (
    ("DE", "de", 210, (0.41, 0.06, 0.38, 0.02, 0.0)),
    ("FR", "fr", 96, (0.50, 0.05, 0.29, 0.02, 0.0)),
    ("GB", "en", 84, (0.55, 0.05, 0.22, 0.03, 0.0)),
    ("US-CA", "en", 72, (0.30, 0.01, 0.06, 0.10, 0.14)),
    ("US-TX", "en", 51, (0.31, 0.01, 0.04, 0.12, 0.05)),
    ("US-NY", "en", 44, (0.33, 0.00, 0.02, 0.13, 0.0)),
    ("AT", "de", 37, (0.40, 0.06, 0.36, 0.02, 0.0)),
    ("NL", "en", 33, (0.49, 0.05, 0.27, 0.02, 0.0)),
    ("CA-QC", "fr", 26, (0.47, 0.06, 0.25, 0.02, 0.0)),
    ("CH", "de", 24, (0.39, 0.05, 0.20, 0.10, 0.0)),
    ("BR", "pt-BR", 22, (0.62, 0.03, 0.14, 0.03, 0.0)),
    ("ES", "es", 19, (0.54, 0.04, 0.24, 0.02, 0.0)),
    ("JP", "ja", 14, (0.20, 0.01, 0.03, 0.20, 0.0)),
    ("SE", "en", 9, (0.44, 0.05, 0.33, 0.02, 0.0)),
    ("CA-ON", "en", 8, (0.35, 0.02, 0.09, 0.10, 0.0)),
    ("", "en", 5, (0.35, 0.03, 0.40, 0.02, 0.0)),
    ("IS", "en", 0, (0.4, 0.0, 0.4, 0.0, 0.0)),
)
MEASURES: tuple[counts.Measure, ...] = ("accepted", "partly", "declined", "closed", "gpc")
ACTIONS: tuple[Action, ...] = ("accept_all", "save", "reject_all", "close", "gpc")


class Seed:
    """Fills a database. ``now`` is when the story ends."""

    def __init__(self, database: Database, now: dt.datetime) -> None:
        self.database = database
        self.now = now
        self.random = random.Random(7)
        self.regions = Regions.load()
        kept = Campaign.load()
        self.composer = Composer(self.regions, Platforms.load(), Texts.load(), campaign=kept)

    async def store(self, config: StoreConfig) -> Version:
        async with self.database.write() as c:
            await stores.save(c, config, self.now - dt.timedelta(days=120))
            return await stores.publish(c, config.key, self.now - dt.timedelta(days=120))

    async def user(self, email: str, role: Role, store: str | None = None) -> None:
        async with self.database.write() as c:
            await accounts.add(c, email, _hashed(), role, store, self.now)

    async def counts(self, version: Version, *, days: int = 200, size: float = 1.0) -> None:
        deltas: dict[counts.Key, int] = {}
        for back in range(days):
            start = self.now.replace(hour=0, minute=0) - dt.timedelta(days=back)
            week = 1.25 if start.weekday() >= 5 else 1.0
            drift = 1 + 0.25 * math.sin(back / 11) + self.random.uniform(-0.12, 0.12)
            for code, language, visits, shares in PLACES:
                for hour in (8, 13, 16, 20):
                    at = start.replace(hour=hour)
                    if at >= self.now:
                        continue
                    n = round(visits * size * week * drift / 4)
                    if code == "IS":
                        n = 1 if back < 3 and hour == 13 else 0
                    self._day(deltas, version, at, (code, language, n, shares), back)
        async with self.database.write() as c:
            await counts.add(c, deltas)

    def _day(
        self,
        deltas: dict[counts.Key, int],
        version: Version,
        at: dt.datetime,
        line: tuple[str, str, int, tuple[float, ...]],
        back: int,
    ) -> None:
        code, language, n, shares = line
        regime = self.regions.resolve(_place(code), on=at.date()).regime.id

        def add(measure: counts.Measure, number: int) -> None:
            key = counts.Key(
                version.store_id, at, code, regime, "phone", language, version.number, measure
            )
            if number:
                deltas[key] = deltas.get(key, 0) + number

        for measure, share in zip(MEASURES, shares, strict=True):
            lean = 1 + back / 900 if measure == "declined" else 1.0
            add(measure, round(n * share * lean * self.random.uniform(0.85, 1.15)))
        gpc = round(n * shares[4])
        add("visit", n - gpc)
        add("repeat", n // 3)
        add("withdrawn", 1 if self.random.random() < 0.02 else 0)

    async def coverage(self, version: Version, *, days: int = 30) -> None:
        """What the pages of this store have told of their events, in the shares of ``PLACES``."""
        chance = random.Random(9)
        deltas: dict[coverage.Key, int] = {}
        for back in range(days):
            at = self.now.replace(hour=8, minute=0) - dt.timedelta(days=back)
            for code, _, visits, (accepted, partly, declined, closed, gpc) in PLACES:
                shares: dict[Reached, float] = {
                    "sent": accepted * 0.93,
                    "limited": partly / 3,
                    "declined": declined + closed,
                    "gpc": gpc,
                    "blocked": accepted * 0.05,
                    "left": accepted * 0.02,
                    "no_choice": 1 - accepted - partly / 3 - declined - closed - gpc,
                }
                for platform in ("meta", "ga4", "google-ads"):
                    for event, times in (("PageView", 4.0), ("AddToCart", 0.3), ("Purchase", 0.04)):
                        for reached, share in shares.items():
                            n = round(visits * times * share * chance.uniform(0.8, 1.2))
                            key = coverage.Key(
                                version.store_id, at, code, platform, event, reached, ""
                            )
                            deltas[key] = n
                            if event == "Purchase":
                                worth = n * chance.randint(40_000, 160_000)
                                deltas[key._replace(currency="EUR")] = worth
        async with self.database.write() as c:
            await coverage.add(c, deltas)

    async def decisions(self, version: Version, number: int) -> list[uuid.UUID]:
        """Appends decisions over the last days; every twelfth visitor takes consent back."""
        entries: list[Entry] = []
        at = self.now - dt.timedelta(minutes=11 * number)
        for i in range(number):
            at += dt.timedelta(minutes=self.random.randint(4, 18))
            code, language, _, shares = self.random.choices(
                PLACES, weights=[visits + 1 for _, _, visits, _ in PLACES]
            )[0]
            action = self.random.choices(ACTIONS, weights=[s + 0.001 for s in shares])[0]
            visitor = self._uuid()
            if i % 12 == 11:
                earlier = entries[-5::-1]
                granted = next((one for one in earlier if one.grants.marketing), earlier[0])
                visitor, action = granted.visitor, "withdraw"
                code, language = granted.place.code, granted.language
            entries.append(self._entry(version, at, visitor, code, language, action))
        async with self.database.write() as c:
            for start in range(0, len(entries), 200):
                await ledger.append(c, entries[start : start + 200])
        return [entry.id for entry in entries]

    def _entry(
        self,
        version: Version,
        at: dt.datetime,
        visitor: uuid.UUID,
        code: str,
        language: str,
        action: Action,
    ) -> Entry:
        resolution = self.regions.resolve(_place(code), on=at.date())
        banner = self.composer.banner(version, resolution, language)
        grants = {
            "accept_all": Grants.all(True),
            "save": Grants(True, self.random.random() < 0.7, False),
            "gpc": Grants(True, True, False),
            "close": Grants.all(resolution.regime.model != "opt-in"),
        }.get(action, Grants.all(False))
        device: Device = self.random.choice(("phone", "phone", "desktop", "tablet"))
        return Entry(
            id=self._uuid(),
            visitor=visitor,
            store_id=version.store_id,
            version_id=version.id,
            at=at,
            action=action,
            grants=grants,
            language=language,
            banner_sha256=banner.sha256,
            banner_content=banner.content,
            regime=resolution.regime,
            place=_place(code),
            gpc_header=action == "gpc",
            gpc_property=action == "gpc",
            device=device,
            salt=self.random.randbytes(16),
        )

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(bytes=self.random.randbytes(16), version=4)


@functools.cache
def _hashed() -> str:
    return accounts.hash_password(PASSWORD)


def _place(code: str) -> Place:
    country, _, subdivision = code.partition("-")
    found = "database" if code else "none"
    return Place(country or None, code if subdivision else None, found)
