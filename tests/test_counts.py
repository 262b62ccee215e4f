import asyncio
import datetime as dt

import pytest

from consent import counts, stores
from consent.counts import Key, Total
from consent.model import StoreConfig

pytestmark = pytest.mark.anyio

HOUR = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
YEAR = (HOUR - dt.timedelta(days=180), HOUR + dt.timedelta(days=180))


@pytest.fixture
async def store_ids(database) -> list[int]:
    async with database.write() as c:
        return [
            await stores.save(c, StoreConfig(key, key, ("https://shop.example",)), HOUR)
            for key in ("summit", "valley")
        ]


def a_key(store_id: int, measure: counts.Measure = "visit", **changes) -> Key:
    key = Key(store_id, HOUR, "DE-BE", "eea", "phone", "de", 1, measure)
    return key._replace(**changes)


async def add(database, deltas):
    async with database.write() as c:
        await counts.add(c, deltas)


async def totals(database, store_ids=None, since=YEAR[0], until=YEAR[1], by="none"):
    async with database.read() as c:
        return (await counts.totals_by(c, store_ids, since, until, (by,)))[by]


async def test_what_is_added_again_is_added_up(database, store_ids):
    visit, accepted = a_key(store_ids[0]), a_key(store_ids[0], "accepted")
    await add(database, {visit: 3, accepted: 1})
    await add(database, {visit: 4})
    assert await totals(database) == [Total("", "accepted", 1), Total("", "visit", 7)]


async def test_nothing_added_counts_nothing(database, store_ids):
    await add(database, {})
    await add(database, {a_key(store_ids[0]): 0})
    assert await totals(database) == []


async def test_days_are_days_in_utc(database, store_ids):
    hours = [-11, -10, 0, 13, 14]
    await add(
        database,
        {a_key(store_ids[0], hour=HOUR + dt.timedelta(hours=hours)): 1 for hours in hours},
    )
    assert await totals(database, by="day") == [
        Total("2026-03-01", "visit", 1),
        Total("2026-03-02", "visit", 3),
        Total("2026-03-03", "visit", 1),
    ]


async def test_a_period_has_its_first_hour_and_not_its_last(database, store_ids):
    after = HOUR + dt.timedelta(hours=1)
    await add(database, {a_key(store_ids[0]): 1, a_key(store_ids[0], hour=after): 10})
    assert await totals(database, since=HOUR, until=after) == [Total("", "visit", 1)]
    assert await totals(database, since=after) == [Total("", "visit", 10)]


async def test_totals_keep_to_the_stores_named(database, store_ids):
    await add(database, {a_key(store_ids[0]): 1, a_key(store_ids[1]): 10})
    assert await totals(database, store_ids[:1]) == [Total("", "visit", 1)]
    assert await totals(database, store_ids) == [Total("", "visit", 11)]
    assert await totals(database, []) == []


@pytest.mark.parametrize(
    ("by", "change"),
    [
        ("place", {"place": ""}),
        ("regime", {"regime": "uk"}),
        ("device", {"device": "desktop"}),
        ("language", {"language": "pt-BR"}),
        ("version", {"version": 2}),
    ],
)
async def test_totals_are_grouped(database, store_ids, by, change):
    key = a_key(store_ids[0])
    await add(database, {key: 1, key._replace(**change): 10})
    found = {total.group: total.n for total in await totals(database, by=by)}
    assert found == {str(getattr(key, by)): 1, str(change[by]): 10}


async def test_several_groupings_at_once_are_what_each_would_be_alone(database, store_ids):
    key = a_key(store_ids[0])
    later = HOUR + dt.timedelta(days=1)
    deltas = {key: 1, key._replace(place="", hour=later): 10, key._replace(measure="gpc"): 100}
    await add(database, {**deltas, a_key(store_ids[1], regime="uk"): 1000})
    bys = ("day", "place", "regime", "store", "none")
    async with database.read() as c:
        found = await counts.totals_by(c, None, *YEAR, bys)
    assert found == {by: await totals(database, by=by) for by in bys}
    assert found["place"] == [
        Total("", "visit", 10),
        Total("DE-BE", "gpc", 100),
        Total("DE-BE", "visit", 1001),
    ]


async def test_totals_by_store_name_its_id(database, store_ids):
    await add(database, {a_key(store_ids[0]): 1, a_key(store_ids[1]): 10})
    found = {total.group: total.n for total in await totals(database, by="store")}
    assert found == {str(store_ids[0]): 1, str(store_ids[1]): 10}


async def test_writers_that_meet_on_the_same_rows_wait_and_lose_nothing(database, store_ids):
    keys = [a_key(store_ids[0], version=n) for n in range(20)]
    forth, back = dict.fromkeys(keys, 1), dict.fromkeys(reversed(keys), 1)
    await asyncio.gather(*(add(database, deltas) for deltas in [forth, back] * 5))
    assert await totals(database) == [Total("", "visit", 200)]


def test_the_hour_of_a_moment_is_in_utc():
    tokyo = dt.timezone(dt.timedelta(hours=9, minutes=30))
    assert counts.hour_of(dt.datetime(2026, 3, 2, 20, 15, tzinfo=tokyo)) == HOUR


async def test_what_counts_for_a_variant_counts_for_all_too(database, store_ids):
    key = a_key(store_ids[0])
    box = key._replace(variant="spring/box")
    await add(database, {key: 1, box: 10, box._replace(variant="spring/control"): 100})
    await add(database, {box._replace(device="desktop"): 1000})
    assert await totals(database) == [Total("", "visit", 1111)]
    assert await totals(database, by="variant") == [
        Total("spring/box", "visit", 1010),
        Total("spring/control", "visit", 100),
    ]
    async with database.read() as c:
        only = counts.Only(variant="spring/box", device="phone")
        found = await counts.totals_by(c, None, *YEAR, ("none", "day"), only)
    assert found["none"] == [Total("", "visit", 10)]
