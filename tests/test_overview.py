"""The list of stores: its figures are those of the rates, and what needs a look is said."""

import datetime as dt
import random

import msgspec
import pytest
import sqlalchemy as sa

from consent import accounts, approve, counts, overview, rates, setups, stores
from consent.bulk import Files
from consent.database import tables
from consent.database.versions.v0013_daily import FILL
from consent.model import RegionRule, StoreConfig
from consent.overview import Overview
from consent.platforms import Platforms
from consent.regions import Regions
from consent.setups import Checked, Setup
from consent.texts import Texts

pytestmark = pytest.mark.anyio

FILES = Files(Platforms.load(), Regions.load(), Texts.load())
DAY = dt.timedelta(days=1)


async def shops(database, at: dt.datetime, *keys: str, **changes) -> dict[str, int]:
    async with database.write() as c:
        for key in keys:
            config = StoreConfig(key, key.title(), (f"https://{key}.example",), **changes)
            await stores.save(c, config, at)
            await stores.publish(c, key, at)
        return {one.key: one.id for one in await stores.all_stores(c)}


def visits(store_id: int, at: dt.datetime, **measures: int) -> dict[counts.Key, int]:
    hour = counts.hour_of(at)
    key = counts.Key(store_id, hour, "DE", "eea", "phone", "de", 1, "visit")
    return {key._replace(measure=measure): n for measure, n in measures.items()}


async def add(database, *those: dict[counts.Key, int]) -> None:
    async with database.write() as c:
        await counts.add(c, {key: n for one in those for key, n in one.items()})


async def looked(database, at: dt.datetime) -> dict[str, overview.Line]:
    async with database.read() as c:
        found = await stores.all_stores(c)
        live = await stores.all_current(c, [one.key for one in found])
        lines = await Overview(FILES).lines(c, found, live, at)
    return {line.store.key: line for line in lines}


def said(line: overview.Line) -> list[str]:
    return [one.said for one in line.health]


async def test_its_figures_are_those_of_the_report_of_rates(database, now):
    chance = random.Random(3)
    ids = await shops(database, now() - 200 * DAY, "a", "b", "c")
    days = [
        visits(
            id_,
            now() - back * DAY,
            visit=chance.randint(0, 40),
            declined=chance.randint(0, 20),
            accepted=chance.randint(0, 20),
            gpc=chance.randint(0, 3),
            repeat=7,
        )
        for id_ in ids.values()
        for back in range(95)
    ]
    await add(database, *days)
    lines = await looked(database, now())
    midnight = now().replace(hour=0, minute=0) + DAY
    month = dt.timedelta(days=overview.PERIOD_DAYS)
    async with database.read() as c:
        for until, which in ((midnight, "now"), (midnight - month, "before")):
            report = await rates.report(c, None, until - month, until, by="store")
            for group in report.groups:
                key = next(key for key, id_ in ids.items() if id_ == int(group.code))
                found: rates.Counts = getattr(lines[key], which)
                assert found.visits == group.counts.visits
                assert found.rate("declined") == group.counts.rate("declined")
        for key, id_ in ids.items():
            since = midnight - dt.timedelta(days=7 * overview.WEEKS)
            week = await rates.total(c, [id_], since, since + dt.timedelta(days=7))
            assert lines[key].weeks[0] == week.rate("declined")


async def test_a_migration_fills_the_sums_by_day_from_the_counts_of_an_earlier_release(
    database, now
):
    ids = await shops(database, now() - DAY, "a", "b")
    for n, id_ in enumerate(ids.values()):
        for hours in (0, 11, 40):
            at = now() - dt.timedelta(hours=hours)
            await add(database, visits(id_, at, visit=9 + n, declined=3, withdrawn=1, gpc=2))
    async with database.write() as c:
        query = sa.select(tables.daily).order_by(*tables.daily.primary_key)
        before = (await c.execute(query)).all()
        await c.execute(sa.delete(tables.daily))
        await c.exec_driver_sql(FILL)
        assert (await c.execute(query)).all() == before
    assert len(before) == 6


async def test_what_needs_a_look_is_said_the_worst_first(database, now):
    old = now() - 100 * DAY
    ids = await shops(database, old, "quiet", "lost", "moved", "waits", "fresh")
    async with database.write() as c:
        await stores.save(c, StoreConfig("new", "New", ("https://new.example",)), old)
        draft = await stores.draft(c, "waits")
        await stores.save(c, msgspec.structs.replace(draft, name="Other", origins=()), now())
    days = []
    for back in range(1, 56):
        at = now() - back * DAY
        days.append(visits(ids["moved"], at, visit=50, declined=10 if back > 27 else 25))
        days.append(visits(ids["lost"], at, visit=50 if back > 5 else 0))
        days.append(visits(ids["waits"], at, visit=3, declined=1))
    await add(database, *days)
    async with database.write() as c:
        await counts.add(c, {counts.refused(ids["waits"], now()): 2})
    looks = {"fresh": Checked(now(), "https://fresh.example/", snippet=True, errors=2)}
    looks["quiet"] = msgspec.structs.replace(looks["fresh"], errors=0)
    async with database.write() as c:
        for key, one in looks.items():
            await setups.revise(c, key, lambda _, one=one: Setup(checked=one), now())
    lines = await looked(database, now())
    assert "2 faults in the page, such as pixels beside the snippet; looked at on 2 March." in (
        said(lines["fresh"])
    )
    assert said(lines["new"]) == ["Not published yet."]
    assert said(lines["quiet"]) == ["No visitor was seen yet: is the snippet on the pages?"]
    assert said(lines["lost"]) == ["No visitor for 6 days: is the snippet still there?"]
    assert said(lines["moved"]) == ["Declines rose from 20\u00a0% to 50\u00a0%."]
    unfit, refused = said(lines["waits"])
    assert unfit.startswith("The draft is unfit: origins: none; expected one or more")
    assert refused == "2 decisions were refused: do pages run on other origins than the store's?"
    assert (lines["lost"].worst, lines["moved"].worst) == (0, 1)


async def test_a_rule_that_ends_soon_and_what_is_live_but_unlawful_are_said(database, now):
    ends = now().date() + dt.timedelta(days=20)
    rule = RegionRule("us-ca", until=ends)
    await shops(database, now(), "a", regions={"DE": rule})
    lines = await looked(database, now())
    async with database.write() as c:
        await accounts.add(c, "lex@example.com", "no hash", "legal", None, now())
    assert said(lines["a"])[0].startswith("What is live may not be published any more: regions.DE")
    async with database.write() as c:
        await approve.allow(c, "a", "DE", by="lex@example.com", reason="A memo", now=now())
        await stores.publish(c, "a", now())
    assert said((await looked(database, now()))["a"]) == [
        f"The looser rule for DE ends on {ends.day} {ends:%B}.",
        "No visitor was seen yet.",
    ]


async def test_one_store_unlike_all_others_is_named_and_few_visits_say_nothing(database, now):
    keys = [f"s{n}" for n in range(9)]
    ids = await shops(database, now() - 100 * DAY, *keys)
    declined = [280 + 5 * n for n in range(8)] + [900]
    days = zip(keys, declined, strict=True)
    await add(database, *(visits(ids[key], now(), visit=1000, declined=n) for key, n in days))
    lines = await looked(database, now())
    assert said(lines["s8"])[0].startswith("Declines more than other stores, which lie between")
    assert not any(lines[key].health for key in keys[:8])
    assert overview.Rate(9, 9).share is None
