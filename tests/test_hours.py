"""Old hours are put together by day, and nothing that is told of whole days changes."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from consent import counts, coverage, retain
from consent.database import tables
from consent.database.dialects import try_lock
from tests.test_ledger import a_store
from tests.test_retain import a_retainer

pytestmark = pytest.mark.anyio

DAY = dt.timedelta(days=1)
BYS: tuple[coverage.By, ...] = ("platform", "event", "currency", "reached", "place")
AGES = (95, 94, 93, 92, 90, 0)
"""In days; the service looks at those of the last 92 hour by hour."""


@pytest.fixture
async def store_ids(database, now) -> list[int]:
    """Two stores with sums in three hours of each of those days."""
    ids = [(await a_store(database, key)).id for key in ("valley", "harbor")]
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    covered, tried = {}, {}
    for id_ in ids:
        for age, hour in ((age, hour) for age in AGES for hour in (0, 9, 23)):
            at = midnight - age * DAY + dt.timedelta(hours=hour)
            bought = coverage.Key(id_, at, "DE", "meta", "Purchase", "sent", "")
            covered |= {bought: 2, bought._replace(currency="EUR"): 9000}
            covered[bought._replace(place="US-CA", reached="gpc")] = 1 + hour
            shown = counts.Key(id_, at, "DE", "eea", "phone", "de", 1, "visit", "bold")
            tried |= {shown: 5, shown._replace(measure="declined", device="desktop"): 1 + age}
    async with database.write() as c:
        await coverage.add(c, covered)
        await counts.add(c, tried)
    return ids


async def told(database, ids, now) -> list[object]:
    """What pages and the API tell of whole days, and of parts of those that are not old."""
    end = counts.hour_of(now()) + dt.timedelta(hours=1)
    midnight = end.replace(hour=0)
    found: list[object] = []
    async with database.read() as c:
        for id_ in (None, *ids):
            only = None if id_ is None else [id_]
            for age in AGES:
                since = midnight - age * DAY
                for until in (since + DAY, end):
                    found.append(await coverage.sums(c, only, since, until, BYS))
                    totals = await counts.totals_by(c, only, since, until, ("variant", "day"))
                    found.append(totals)
            since = midnight - 90 * DAY + dt.timedelta(hours=9)
            found.append(await coverage.sums(c, only, since, end, BYS))
    return found


async def hours_of(database, table, id_) -> list[dt.datetime]:
    query = sa.select(table.c.hour).where(table.c.store_id == id_).distinct().order_by("hour")
    async with database.read() as c:
        return list((await c.execute(query)).scalars())


async def test_old_hours_are_put_together_and_no_sum_of_days_changes(database, store_ids, now):
    before = await told(database, store_ids, now)
    retainer = a_retainer(database, now)
    apart = 2 * (3 + 2) * 2 * 3  # hours that are not midnight, of 3 and 2 rows, 2 stores, 3 days
    assert await retainer.put_hours_together() == apart
    assert await told(database, store_ids, now) == before
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    old = [midnight - age * DAY for age in AGES if age > counts.HOURS_DAYS]
    for table in (tables.coverage, tables.variant_counts):
        for id_ in store_ids:
            hours = await hours_of(database, table, id_)
            assert hours[: len(old)] == old
            assert len(hours) == len(old) + 3 * (len(AGES) - len(old))
    assert await retainer.put_hours_together() == 0
    now.advance(days=1)
    assert await retainer.put_hours_together() == apart // 3
    assert await a_retainer(database, now).put_hours_together() == 0


async def test_another_process_that_is_at_it_is_not_disturbed(database, store_ids, now):
    retainer = a_retainer(database, now)
    before = await told(database, store_ids, now)
    taken = []

    async def not_mine(*_: object) -> bool:
        taken.append(True)
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retain, "try_lock", not_mine)
        assert await retainer.put_hours_together() == 0
    assert taken == [True]
    assert await told(database, store_ids, now) == before
    async with database.write() as c:
        assert await try_lock(c, "retention")
    assert await retainer.put_hours_together() > 0


async def test_it_ends_soon_after_it_is_told_to_stop(database, store_ids, now):
    retainer = a_retainer(database, now)
    await retainer.stop()
    assert await retainer.put_hours_together() == 0
    assert len(await hours_of(database, tables.coverage, store_ids[0])) == 3 * len(AGES)


async def test_a_service_does_it_by_itself(database, store_ids, now):
    retainer = a_retainer(database, now)
    assert await retainer._round() == retain.EVERY_SECONDS
    assert len(await hours_of(database, tables.coverage, store_ids[0])) == 3 + 3 * 3
