import asyncio
import datetime as dt
import itertools
from collections import Counter

import pytest
import sqlalchemy as sa

from consent import counts, stores
from consent.counts import Key, Only, Total
from consent.database import tables
from consent.database.versions.v0019_day_counts import FILL
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


async def test_writers_that_meet_on_the_rows_of_a_day_in_other_hours_lose_nothing(
    database, store_ids
):
    later = HOUR + dt.timedelta(hours=1)
    places = [f"US-{n}" for n in range(20)]
    some = {a_key(store_ids[0], hour=HOUR, place=place): 1 for place in places[10:]}
    some |= {a_key(store_ids[0], hour=later, place=place): 1 for place in places[:10]}
    others = {key._replace(hour=HOUR if key.hour == later else later): 1 for key in some}
    await asyncio.gather(*(add(database, deltas) for deltas in [some, others] * 10))
    assert await totals(database, by="day") == [Total("2026-03-02", "visit", 400)]


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


DAY = dt.timedelta(days=1)
MIDNIGHT = HOUR.replace(hour=0)
BYS = ("none", "day", "place", "language", "store")


async def five_days(database, store_ids) -> dict[Key, int]:
    """What was counted in some hours of five days, in several flushes."""
    deltas = {
        a_key(
            id_, measure, hour=MIDNIGHT + dt.timedelta(hours=hour), place=place, language=language
        ): n
        for n, (id_, hour, (measure, place, language)) in enumerate(
            itertools.product(
                store_ids,
                (0, 7, 23, 24, 30, 49, 71, 72, 95, 96, 100, 106),
                (("visit", "DE", "de"), ("declined", "DE", "de"), ("visit", "US-CA", "en")),
            ),
            1,
        )
    }
    for _ in range(2):
        await add(database, deltas)
    return {key: 2 * n for key, n in deltas.items()}


def summed(counted: dict[Key, int], since, until, by) -> list[Total]:
    """As ``totals_by``, from the hours alone."""
    groups: Counter[tuple[str, str]] = Counter()
    for key, n in counted.items():
        if since <= key.hour < until:
            named = {"none": "", "day": f"{key.hour:%F}", "store": str(key.store_id)}
            groups[named[by] if by in named else getattr(key, by), key.measure] += n
    return [Total(group, measure, n) for (group, measure), n in sorted(groups.items())]


async def test_hours_and_days_together_are_what_the_hours_are(database, store_ids):
    counted = await five_days(database, store_ids)
    for begin, end in (
        (0, 120),
        (7, 107),
        (1, 23),
        (24, 48),
        (30, 72),
        (71, 73),
        (0, 97),
        (96, 98),
    ):
        since, until = (MIDNIGHT + dt.timedelta(hours=hours) for hours in (begin, end))
        async with database.read() as c:
            found = await counts.totals_by(c, store_ids, since, until, BYS)
        assert found == {by: summed(counted, since, until, by) for by in BYS}


async def test_when_hours_go_no_rate_by_day_changes(database, store_ids):
    counted = await five_days(database, store_ids)
    last = MIDNIGHT + dt.timedelta(hours=107)
    periods = [(MIDNIGHT + n * DAY, last) for n in range(5)]
    periods += [(since - 3 * DAY, MIDNIGHT + n * DAY) for since, _ in periods for n in (2, 3)]
    only = Only(place="US")

    async def told():
        async with database.read() as c:
            ends, first = await counts.first_and_last(c), await counts.first(c, store_ids[0])
            whole = [await counts.totals_by(c, None, *period, BYS) for period in periods]
            part = [await counts.totals_by(c, None, *period, BYS, only) for period in periods]
            hours = await counts.totals_by(c, None, MIDNIGHT + 3 * DAY, last, ("hour",))
        return ends, first.hour, whole, part, hours

    before = await told()
    for store_id, n in itertools.product(store_ids, (9, 6, 6, 0)):
        async with database.write() as c:
            assert await counts.forget_hours(c, store_id, MIDNIGHT + 3 * DAY) == n
    assert await told() == before
    async with database.read() as c:
        assert await counts.with_old_hours(c, MIDNIGHT + 3 * DAY) == []
        gone = await counts.totals_by(c, None, MIDNIGHT, MIDNIGHT + 3 * DAY, ("hour",))
    assert gone == {"hour": []}
    late = next(iter(counted))
    await add(database, {late: 5})
    assert await totals(database, until=MIDNIGHT + DAY) == [
        Total(total.group, total.measure, total.n + (5 if total.measure == late.measure else 0))
        for total in summed(counted, MIDNIGHT, MIDNIGHT + DAY, "none")
    ]


async def test_where_the_hours_of_the_first_day_are_gone_its_day_tells_the_first(
    database, store_ids
):
    counted = await five_days(database, store_ids)
    async with database.write() as c:
        assert (await counts.first(c, store_ids[0])).hour == MIDNIGHT
        for _ in range(5):
            await counts.forget_hours(c, store_ids[0], MIDNIGHT + 9 * DAY)
        ends = await counts.first_and_last(c)
        first = await counts.first(c, store_ids[0])
    assert ends[store_ids[0]] == (MIDNIGHT, MIDNIGHT + 4 * DAY)
    assert ends[store_ids[1]] == (MIDNIGHT, max(key.hour for key in counted))
    assert (first.hour, first.store_id) == (MIDNIGHT, store_ids[0])


async def test_what_an_earlier_release_has_counted_is_in_the_days(database, store_ids):
    await five_days(database, store_ids)

    async def days():
        query = sa.select(tables.day_counts).order_by(*tables.day_counts.primary_key)
        async with database.read() as c:
            return [tuple(row) for row in await c.execute(query)]

    counted = await days()
    async with database.write() as c:
        await c.execute(sa.delete(tables.day_counts))
        await c.exec_driver_sql(FILL)
    assert await days() == counted != []
