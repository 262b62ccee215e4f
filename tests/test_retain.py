"""What is older than its store keeps it goes, and what still holds stays."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid

import msgspec
import pytest

from consent import audit, counts, erasures, ledger, publish, retain, stores
from consent import database as database_
from consent.erase import Eraser
from consent.errors import LedgerError
from consent.model import RegionRule, RetentionConfig, StoreConfig
from consent.platforms import Platforms
from consent.proof import Sealer
from consent.regions import Regions
from consent.retain import Retainer
from consent.signing import LogKey
from consent.texts import Texts
from tests import attack
from tests.test_ledger import a_regime, a_store, an_entry, append

pytestmark = pytest.mark.anyio

KEY = LogKey(b"k" * 32)
YEAR = dt.timedelta(days=365)


@pytest.fixture
async def store(database):
    return await a_store(database)


def a_retainer(database, now) -> Retainer:
    sealer = Sealer(database, KEY, "consent.example/log", now)
    return Retainer(database, Eraser(database, sealer, KEY, now), now, pause_seconds=0)


async def decided(database, store, now, *years: float, visitor=None, **changes):
    """Decisions of one visitor, each so many years ago."""
    visitor = visitor or uuid.uuid4()
    entries = [
        an_entry(store, visitor=visitor, at=now() - years_ago * YEAR, **changes)
        for years_ago in years
    ]
    return [one.record for one in await append(database, *entries)]


async def kept(database) -> list[int]:
    async with database.read() as c:
        return [record.seq for record in await ledger.following(c, 0, 100)]


async def test_what_is_due_goes_oldest_first_and_the_rest_is_proved(
    database, store, now, monkeypatch
):
    monkeypatch.setattr(retain, "BATCH_RECORDS", 2)
    await decided(database, store, now, 4, 3.5, 1)  # the second was replaced a year ago
    await decided(database, store, now, 5)
    await decided(database, store, now, 2)
    await decided(database, store, now, 7, 6, 5)
    await Sealer(database, KEY, "consent.example/log", now).seal_all()
    retainer = a_retainer(database, now)
    (due,) = await retainer.due()
    assert (due.store, due.days, due.records) == ("summit", 1096, 5)
    assert due.oldest == now() - 7 * YEAR
    assert await kept(database) == [*range(1, 9)]
    assert await retainer.erase_due() == 5
    assert await kept(database) == [2, 3, 5]
    assert (retainer.erased, retainer.oldest) == (5, now() - 3.5 * YEAR)
    async with database.read() as c:
        first = (await erasures.by_ids(c, [1]))[1]
    assert (first.cause, first.visitor_sha256, first.email) == ("retention", None, "")
    assert [one.seq for one in erasures.unpack(first.records)] == [6, 7]
    assert first.because == "kept for 1096 days, as version 1 of the store says"
    report = await audit.verify(database)
    assert (report.fault, report.records, report.erased) == (None, 8, 5)
    assert await retainer.erase_due() == 0


async def test_a_clock_that_goes_back_erases_nothing(database, store, now):
    await decided(database, store, now, 2.9)
    await Sealer(database, KEY, "consent.example/log", now).seal_all()
    now.advance(days=-9000)
    assert await a_retainer(database, now).erase_due() == 0


async def test_a_decision_that_still_holds_stays_and_an_unsealed_one_waits(database, store, now):
    long = msgspec.structs.replace(a_regime("eea", "EEA"), accept_days=3000).sealed()
    await decided(database, store, now, 4, regime=long)
    await decided(database, store, now, 4)
    retainer = a_retainer(database, now)
    assert await retainer.erase_due() == 0
    await Sealer(database, KEY, "consent.example/log", now).seal_all()
    assert await retainer.erase_due() == 1
    assert await kept(database) == [1]


async def test_each_store_goes_by_its_own_newest_version(database, store, now):
    other = await a_store(database, "fjord")
    config = StoreConfig(
        "fjord", "Fjord", ("https://fjord.example",), retention=RetentionConfig(800)
    )
    async with database.write() as c:
        await stores.save(c, config, now())
        await stores.publish(c, "fjord", now())
    await decided(database, store, now, 2.5)
    await decided(database, other, now, 2.5)
    await Sealer(database, KEY, "consent.example/log", now).seal_all()
    assert await a_retainer(database, now).erase_due() == 1
    assert await kept(database) == [1]


async def test_a_record_that_was_changed_stays_and_holds_up_no_other_store(
    database, database_url, now
):
    fjord, summit = await a_store(database, "fjord"), await a_store(database)
    await decided(database, fjord, now, 4)
    await decided(database, summit, now, 4)
    await Sealer(database, KEY, "consent.example/log", now).seal_all()
    await attack.run(database_url, "UPDATE decisions SET device = 'desktop' WHERE seq = 1")
    with pytest.raises(LedgerError, match="is not what was sealed, so it is not erased"):
        await a_retainer(database, now).erase_due()
    assert await kept(database) == [1]


async def test_two_at_once_erase_once(database, database_url, store, now):
    await decided(database, store, now, 4)
    await Sealer(database, KEY, "consent.example/log", now).seal_all()
    second = database_.connect(database_url)
    both = (a_retainer(one, now) for one in (database, second))
    assert sum(await asyncio.gather(*(one.erase_due() for one in both))) == 1
    await second.close()
    assert (await audit.verify(database)).fault is None


def faults(days: int, **regions: RegionRule) -> list[str]:
    config = StoreConfig(
        "summit",
        "Summit",
        ("https://summit.example",),
        retention=RetentionConfig(days),
        regions=regions,
    )
    found = publish.check(
        config, Platforms.load(), Regions.load(), Texts.load(), on=dt.date(2026, 3, 2)
    )
    return [fault for fault in found if fault.startswith("retention")]


def test_no_store_keeps_less_than_the_law_wants_or_for_ever():
    assert faults(1096) == faults(731) == faults(3653) == []
    (short,) = faults(730)
    assert short == (
        "retention.decisions_days: 730; expected 731 or more, as 11 CCR 7101 (us-ca) wants it "
        "logged for so long"
    )
    (forever,) = faults(3654)
    assert "3653 at most" in forever
    assert "GDPR article 5(1)(e)" in forever
    (own,) = faults(800, DE=RegionRule(refuse_days=900))
    assert "expected 900 or more, as regions.DE lets an answer hold for so long" in own


async def test_a_clock_that_leaps_ahead_erases_nothing_by_itself(database, store, now):
    passed = [0.0]
    sealer = Sealer(database, KEY, "consent.example/log", now)
    eraser = Eraser(database, sealer, KEY, now)
    retainer = Retainer(database, eraser, now, 0, lambda: passed[0])
    (one,) = await decided(database, store, now, 2.9)
    await sealer.seal_all()
    now.advance(days=3650)
    with pytest.raises(LedgerError, match="clock: 3650 days"):
        await retainer.erase_by_itself()
    assert await kept(database) == [one.seq]
    passed[0] += 3650 * 86_400
    assert await retainer.erase_by_itself() == 1


async def test_counts_by_hour_go_after_their_time_in_every_store_and_those_by_day_stay(
    database, store, now
):
    other = await a_store(database, "valley")
    hour = counts.hour_of(now())
    every = [hour - dt.timedelta(days=days) for days in (0, 90, 92, 93, 200)]
    deltas = {
        counts.Key(one.id, at, "DE", "eea", "phone", "de", 1, "visit"): 3
        for one in (store, other)
        for at in every
    }
    async with database.write() as c:
        await counts.add(c, deltas)
    assert await a_retainer(database, now).forget_hours() == 4
    assert await a_retainer(database, now).forget_hours() == 0
    async with database.read() as c:
        until = hour + dt.timedelta(hours=1)
        found = await counts.totals_by(c, None, every[-1], until, ("hour", "day"))
        days = (await counts.totals_by(c, None, every[-1], until, ("day",)))["day"]
    assert [total.group for total in found["hour"]] == [f"{at:%FT%H}" for at in every[2::-1]]
    assert [(total.group, total.n) for total in days] == [(f"{at:%F}", 6) for at in every[3::-1]]
