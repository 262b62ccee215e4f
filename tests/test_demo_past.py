"""The days behind the demo went the way of real ones, and every rate follows from the ledger."""

import datetime as dt
import uuid
from collections import Counter

import pytest

from consent import counts, experiments, ledger, publish, rates, reach, stores
from consent.compose import Composer
from consent.demo import past
from consent.demo.serving import PIXELS, store_config
from consent.model import Record
from consent.platforms import Platforms
from consent.regions import Regions
from consent.signing import Signer
from consent.texts import Texts

pytestmark = pytest.mark.anyio

NOW = dt.datetime(2026, 3, 5, 17, 20, tzinfo=dt.UTC)
DAYS = 3


@pytest.fixture
async def lived(database):
    """A database in which two stores have lived for some days; gives it and their versions."""
    platforms, regions, texts = Platforms.load(), Regions.load(), Texts.load()
    versions = []
    for config in (past.tried(store_config(8080)), *past.neighbours(1, PIXELS)):
        async with database.write() as c:
            await stores.save(c, config, NOW)
        versions.append(
            await publish.publish(
                database,
                config.key,
                platforms=platforms,
                regions=regions,
                texts=texts,
                now=lambda: NOW - dt.timedelta(days=9),
            )
        )
    one = past.Past(database, Composer(regions, platforms, texts), regions, Signer(["k" * 40]))
    await one.fill(versions, DAYS, NOW)
    return database, versions


async def test_every_rate_follows_from_the_records_of_the_ledger(lived):
    """Counted a second time, from the raw records, by what DESIGN says that a rate is."""
    database, versions = lived
    since = NOW.replace(hour=0, minute=0) - dt.timedelta(days=DAYS)
    until = NOW.replace(hour=18, minute=0)
    for version in versions:
        async with database.read() as c:
            found = await ledger.following(c, 0, 10_000)
        records = [record for record in found if record.store == version.config.key]
        assert len(records) > 20
        assert all(since <= record.at < NOW for record in records)
        outcomes: Counter[str] = Counter()
        decided = set()
        for record in records:
            if record.action == "withdraw":
                outcomes["withdrawn"] += 1
            elif record.visitor in decided:
                outcomes["changed"] += 1
            elif record.action in ("close", "gpc"):
                outcomes["closed" if record.action == "close" else "gpc"] += 1
            else:
                given = (record.grants.preferences, record.grants.analytics)
                everything = (*given, record.grants.marketing)
                kind = "accepted" if all(everything) else "partly"
                outcomes[kind if any(everything) else "declined"] += 1
            decided.add(record.visitor)
        async with database.read() as c:
            total = (await rates.report(c, [version.store_id], since, until)).total
            covered = await reach.report(c, [version.store_id], since, until)
        told = {name: getattr(total, name) for name in outcomes}
        assert told == dict(outcomes)
        assert total.visits > len(decided)
        assert total.no_choice == total.visits - len(decided)
        assert {one.key for one in covered.platforms} == {pixel.key for pixel in PIXELS}
        assert all(one.events.got < one.events.whole for one in covered.platforms)


async def test_what_each_variant_got_follows_from_the_records_too(lived):
    """Each record names the banner that it was made on, and so the variant."""
    database, versions = lived
    composer = Composer(Regions.load(), Platforms.load(), Texts.load())
    for version in versions:
        async with database.read() as c:
            found = await ledger.following(c, 0, 10_000)
            (result,) = await experiments.of_store(c, version.config.key, NOW)
        first: dict[uuid.UUID, Record] = {}
        for record in found:
            if record.store == version.config.key and record.action != "gpc":
                first.setdefault(record.visitor, record)
        recounted: Counter[tuple[str, str]] = Counter()
        for record in first.values():
            on = composer._regions.day(record.place, record.at)
            here = composer._regions.resolve(record.place, on=on, rules=version.rules)
            banners = {
                composer.banner(shown, here, record.language).sha256: key
                for key, shown in version.varied.items()
            }
            # In a language without other words both look alike: then nothing tells them apart.
            if len(banners) > 1:
                kind = {"accept_all": "accepted", "reject_all": "declined"}.get(record.action)
                if kind:
                    recounted[banners[record.banner_sha256], kind] += 1
        since = NOW - dt.timedelta(days=DAYS + 1)
        until = NOW + dt.timedelta(hours=1)
        told: Counter[tuple[str, str]] = Counter()
        for language in ("en", "de"):
            only = counts.Only(language=language)
            async with database.read() as c:
                report = await rates.report(
                    c, [version.store_id], since, until, by="variant", only=only
                )
            for group in report.groups:
                key = group.code.partition("/")[2]
                told[key, "accepted"] += group.counts.accepted
                told[key, "declined"] += group.counts.declined
        assert told == recounted
        assert set(told) == {(k, m) for k in ("control", "short") for m in ("accepted", "declined")}
        assert sum(arm.counts.visits for arm in result.arms) == result.visits > len(first)
