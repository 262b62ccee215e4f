import datetime as dt

import pytest

from consent import coverage, reach, stores
from consent.coverage import Key, Tracked, keys, worth
from consent.database import Database
from consent.model import StoreConfig
from consent.reach import REACHED, Parts

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
SINCE, UNTIL = dt.datetime(2026, 3, 1, tzinfo=dt.UTC), dt.datetime(2026, 3, 4, tzinfo=dt.UTC)
BASE = Key(1, NOON, "DE", "", "", "sent", "")


@pytest.mark.parametrize(
    ("name", "value", "currency", "told"),
    [
        ("Purchase", 129.9, "EUR", ("EUR", 129_900)),
        ("Purchase", 0.0005, "KWD", ("KWD", 0)),
        ("Purchase", 12, "JPY", ("JPY", 12_000)),
        ("Purchase", 12, None, ("", 0)),
        ("Purchase", 12, "eur", ("", 0)),
        ("Purchase", 12, "XYZ", ("", 0)),
        ("Purchase", None, "EUR", ("", 0)),
        ("Purchase", -12, "EUR", ("", 0)),
        ("Purchase", 1e9, "EUR", ("", 0)),
        ("Purchase", float("nan"), "EUR", ("", 0)),
        ("ViewContent", 12, "EUR", ("", 0)),
    ],
)
def test_a_purchase_with_a_currency_is_worth_something(name, value, currency, told):
    assert worth(Tracked(name, {}, value, currency)) == told


def test_an_event_counts_once_and_what_it_was_worth_apart():
    bought = Tracked("Purchase", {"meta": "sent", "ga4": "declined"}, 10, "EUR")
    key = BASE._replace(platform="ga4", event="Purchase", reached="declined")
    assert list(keys(bought, "ga4", BASE)) == [(key, 1), (key._replace(currency="EUR"), 10_000)]


def test_parts_add_up():
    parts = Parts({"sent": 5, "limited": 1}).plus(Parts({"sent": 2, "declined": 4}))
    assert (parts.whole, parts.got, parts.of("gpc")) == (12, 8, 0)
    assert reach.share(parts).share == 8 / 12


@pytest.fixture
async def store_ids(database: Database, now) -> list[int]:
    configs = [StoreConfig(key, key.title(), (f"https://{key}.example",)) for key in ("a", "b")]
    async with database.write() as c:
        return [await stores.save(c, config, now()) for config in configs]


@pytest.mark.anyio
async def test_the_report_says_what_reached_each_platform(database, store_ids):
    a, b = store_ids
    base = Key(a, NOON, "DE", "meta", "Purchase", "sent", "")
    deltas = {
        base: 6,
        base._replace(currency="EUR"): 600_000,
        base._replace(reached="declined"): 4,
        base._replace(reached="declined", currency="EUR"): 900_000,
        base._replace(currency="USD"): 1,
        base._replace(event="PageView", place="US-CA", reached="gpc"): 100,
        base._replace(platform="ga4"): 10,
        base._replace(store_id=b): 1000,
        base._replace(hour=UNTIL): 1000,
    }
    async with database.write() as c:
        await coverage.add(c, deltas)
        await coverage.add(c, {base: 1})
    async with database.read() as c:
        found = await reach.report(c, [a], SINCE, UNTIL)
        assert (await reach.report(c, None, SINCE, UNTIL)).platforms[0].events.whole == 1111
    meta, ga4 = found.platforms
    assert (meta.key, ga4.key) == ("meta", "ga4")
    assert (meta.events.whole, meta.events.got) == (111, 7)
    assert list(meta.kinds) == ["PageView", "Purchase"]
    assert meta.purchases.of("declined") == 4
    assert meta.currency == "EUR"
    assert (meta.worth["EUR"].whole, meta.worth["EUR"].got) == (1_500_000, 600_000)
    assert {place: parts.whole for place, parts in found.places["meta"].items()} == {
        "US-CA": 100,
        "DE": 11,
    }
    assert found.platform("") is meta
    assert found.platform("ga4") is ga4
    assert found.platform("tiktok") is None
    assert sum(meta.events.of(each) for each in REACHED) == meta.events.whole
