"""Versions at a set time: fixed when scheduled, checked twice, published once."""

import asyncio
import datetime as dt

import msgspec
import pytest
import sqlalchemy as sa
import structlog

from consent import accounts, activity, database, schedule, schedules, stores
from consent.activity import ActivityFilter
from consent.bulk import Files
from consent.database import tables
from consent.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError
from consent.model import Pixel, RegionRule, StoreConfig
from consent.platforms import Platforms
from consent.regions import Regions
from consent.schedule import Scheduler
from consent.texts import Texts
from consent.web.app import utcnow

FILES = Files(Platforms.load(), Regions.load(), Texts.load())
SUMMIT = StoreConfig("summit", "Summit", ("https://summit.example",))
SPRING = msgspec.structs.replace(SUMMIT, name="Spring", pixels=(Pixel("ga4", "G-ABCDE12345"),))
HOUR = dt.timedelta(hours=1)
NOW = dt.datetime(2026, 3, 2, 10, 30, tzinfo=dt.UTC)


async def draft(db, at, config) -> None:
    async with db.write() as c:
        await stores.save(c, config, at)


async def planned(db, now, *, key="summit", by=None, hours=1):
    return await schedule.make(db, key, now() + hours * HOUR, "UTC", FILES, now=now, by=by)


async def live(db):
    async with db.read() as c:
        return await stores.current(c, "summit")


async def acts(db) -> list[tuple[str, str | None]]:
    async with db.read() as c:
        found = await activity.search(c, ActivityFilter(stores=("summit",)), limit=20)
    return [(one.what, one.detail.get("done")) for one in reversed(found)]


class Ticks:
    """Seconds that pass with the clock, however that is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def scheduler(db, now) -> Scheduler:
    ticks = Ticks()
    made = Scheduler(db, FILES, now, ticks)

    def pass_(seconds: float) -> None:
        now.advance(seconds=seconds)
        ticks.seconds += seconds

    made.pass_, made.ticks = pass_, ticks
    return made


class TestMoment:
    @pytest.mark.parametrize(
        ("text", "zone", "found"),
        [
            ("2026-03-03 09:00", "UTC", "2026-03-03T09:00"),
            ("2026-07-01 09:00", "Europe/Berlin", "2026-07-01T07:00"),
            ("2026-07-01T09:00+02:00", "America/New_York", "2026-07-01T07:00"),
            ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25T00:30"),  # the first of two
        ],
    )
    def test_it_is_what_clocks_there_show(self, text, zone, found):
        assert schedule.moment(text, zone, NOW).isoformat()[:16] == found

    @pytest.mark.parametrize(
        ("text", "zone", "said"),
        [
            ("2026-03-29 02:30", "Europe/Berlin", "clocks are put forward"),
            ("2026-03-02 10:00", "UTC", "expected a time after 2026-03-02 10:30 UTC"),
            ("2028-01-01 09:00", "UTC", "at most 400 days later"),
            ("tomorrow", "UTC", "expected a day and a time"),
            (" ", "UTC", "expected a day and a time"),
            ("2026-04-01 09:00", "Europe/Nowhere", "zone: 'Europe/Nowhere'; expected one"),
            ("2026-04-01 09:00", "../../etc/passwd", "expected one such as"),
            ("0001-01-01T00:00+14:00", "UTC", "at: "),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, text, zone, said):
        with pytest.raises(RefusedError, match=said):
            schedule.moment(text, zone, NOW)


@pytest.mark.anyio
class TestPublishing:
    async def test_what_was_scheduled_goes_live_then_and_nothing_that_came_after(
        self, database, now
    ):
        await draft(database, now(), SPRING)
        made = await planned(database, now)
        await draft(database, now(), msgspec.structs.replace(SPRING, name="Later words"))
        works = scheduler(database, now)
        works.pass_(3599)
        assert (await works.publish_due(), await live(database)) == ([], None)
        works.pass_(1)
        (done,) = await works.publish_due()
        assert (done.state, done.number, done.ended_at) == ("published", 1, now())
        version = await live(database)
        assert (version.own, version.sha256) == (SPRING, made.sha256)
        async with database.read() as c:
            assert (await stores.draft(c, "summit")).name == "Later words"
        assert await acts(database) == [("schedule", "made"), ("publishing", None)]
        assert await works.publish_due() == []

    async def test_of_several_processes_one_publishes(self, database, database_url, now):
        await draft(database, now(), SUMMIT)
        await planned(database, now)
        others = [connect(database_url) for _ in range(3)]
        works = [scheduler(db, now) for db in others]
        now.advance(hours=1)
        for one in works:
            one.ticks.seconds += 3600
        ended = await asyncio.gather(*(one.publish_due() for one in works))
        assert sum(map(len, ended)) == 1
        assert (await live(database)).number == 1
        for db in others:
            await db.close()

    async def test_what_came_due_while_nothing_ran_is_published_at_the_next_start(
        self, database, now
    ):
        await draft(database, now(), SUMMIT)
        await planned(database, now)
        now.advance(hours=30)
        assert [one.state for one in await scheduler(database, now).publish_due()] == ["published"]

    async def test_a_clock_that_is_set_is_told_in_the_log(self, database, now):
        works = scheduler(database, now)
        with structlog.testing.capture_logs() as lines:
            for hours in (2, -4, 2):
                now.advance(hours=hours)
                await works.publish_due()
        words = [(line["event"].partition(";")[0], line["seconds"]) for line in lines]
        ahead = ("clock leapt ahead", 7200.0)
        assert words == [ahead, ("clock went back", 14400.0), ahead]

    async def test_a_clock_that_leaps_publishes_nothing_before_it_has_kept_its_time(
        self, database, now
    ):
        await draft(database, now(), SUMMIT)
        await planned(database, now)
        works = scheduler(database, now)
        now.advance(hours=2)  # and no second has passed
        assert await works.publish_due() == []
        now.advance(hours=-2)
        assert await works.publish_due() == []
        now.advance(hours=2)
        assert await works.publish_due() == []
        works.pass_(schedule.STEADY_SECONDS)
        assert [one.state for one in await works.publish_due()] == ["published"]
        now.advance(hours=-2)
        assert await works.publish_due() == []


@pytest.mark.anyio
class TestRefusals:
    async def test_an_unfit_draft_is_not_scheduled_by_the_law_of_the_day_on_which_it_is_due(
        self, database, now
    ):
        await draft(database, now(), msgspec.structs.replace(SUMMIT, origins=()))
        with pytest.raises(RefusedError, match="origins: none"):
            await planned(database, now)
        with pytest.raises(ConflictError, match="someone has changed it"):
            await schedule.make(
                database, "summit", now() + HOUR, "UTC", FILES, now=now, shown="0" * 64
            )
        assert await acts(database) == []

    async def test_who_may_not_publish_it_then_publishes_nothing_and_the_reason_is_kept(
        self, database, now
    ):
        await draft(database, now(), SUMMIT)
        async with database.write() as c:
            dev = await accounts.add(c, "dev@x.example", "x", "developer", "summit", now())
            await accounts.add(c, "dev2@x.example", "x", "developer", None, now())
            other = await accounts.add(c, "lex@x.example", "x", "legal", None, now())
        acting = [msgspec.structs.replace(one, acting=one.grants) for one in (dev, other)]
        with pytest.raises(ForbiddenError):
            await planned(database, now, by=acting[1])
        made = await planned(database, now, by=acting[0])
        async with database.write() as c:
            await accounts.disable(c, "dev@x.example", now())
        now.advance(hours=1)
        (ended,) = await scheduler(database, now).publish_due()
        assert (ended.state, ended.why) == (
            "refused",
            "user: dev@x.example may not sign in any more",
        )
        assert len(ended.fault) == 12
        assert await live(database) is None
        assert (await acts(database))[-1] == ("schedule", "refused")
        with pytest.raises(ConflictError, match=f"number {made.id} is refused already"):
            await schedule.cancel(database, "summit", made.id, now=now)

    async def test_what_the_law_of_that_day_refuses_and_what_was_altered_is_not_published(
        self, database, now
    ):
        ends = now().date() + dt.timedelta(days=5)
        lax = RegionRule("us-ca", until=ends)
        await draft(database, now(), SUMMIT)
        async with database.write() as c:
            draft_ = stores.Draft(msgspec.structs.replace(SUMMIT, regions={"DE": lax}), None)
            unlawful = await schedules.add(c, draft_, now() + HOUR, "UTC", by=None, at=now())
        altered = await planned(database, now)
        async with database.write() as c:
            row = tables.schedules.c.id == altered.id
            await c.execute(sa.update(tables.schedules).where(row).values(config=b"{}"))
        now.advance(hours=1)
        ended = {one.id: one for one in await scheduler(database, now).publish_due()}
        assert ended[unlawful.id].why.startswith("regions.DE.regime: 'us-ca'")
        assert ended[altered.id].why == "content: not what was scheduled, by its SHA-256"
        assert await live(database) is None

    async def test_what_is_cancelled_is_not_published_and_another_stores_cannot_be(
        self, database, now
    ):
        await draft(database, now(), SUMMIT)
        made = await planned(database, now)
        for key, id_ in (("other", made.id), ("summit", made.id + 1)):
            with pytest.raises(NotFoundError):
                await schedule.cancel(database, key, id_, now=now)
        await schedule.cancel(database, "summit", made.id, now=now)
        now.advance(hours=2)
        assert await scheduler(database, now).publish_due() == []
        async with database.read() as c:
            (kept,) = await schedules.of_store(c, "summit")
        assert kept.state == "cancelled"
        assert await acts(database) == [("schedule", "made"), ("schedule", "cancelled")]

    async def test_no_more_than_so_many_wait(self, database, now, monkeypatch):
        monkeypatch.setattr(schedule, "MOST_WAITING", 2)
        await draft(database, now(), SUMMIT)
        for hours in (1, 2):
            await planned(database, now, hours=hours)
        with pytest.raises(RefusedError, match="2 wait already; expected 2 at most"):
            await planned(database, now, hours=3)


def connect(url: str):
    return database.connect(url)


@pytest.mark.anyio
async def test_it_runs_by_itself(sqlite_url):
    """The only one with a clock that goes: due in a moment, live soon after."""
    db = database.connect(sqlite_url)

    now = utcnow
    await draft(db, now(), SUMMIT)
    due = now() + dt.timedelta(seconds=0.2)
    await schedule.make(db, "summit", due, "UTC", FILES, now=lambda: due - HOUR)
    works = Scheduler(db, FILES, now)
    works.start()
    while works.published == 0:
        await asyncio.sleep(0.05)
    await works.stop()
    assert (await live(db)).number == 1
    await db.close()
