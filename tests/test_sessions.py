import datetime as dt

import pytest

from consent import accounts, sessions

pytestmark = pytest.mark.anyio


@pytest.fixture
async def users(database, now):
    async with database.write() as c:
        emails = ("ada@shop.example", "bob@shop.example")
        return [await accounts.add(c, e, "hash", "owner", None, now()) for e in emails]


async def test_the_newest_session_of_a_user_comes_first(database, now, users):
    ada, bob = users
    async with database.write() as c:
        first = await sessions.begin(c, ada.id, "Firefox", now())
        second = await sessions.begin(c, ada.id, "Safari", now.advance(minutes=1))
        await sessions.begin(c, bob.id, "Chrome", now())
        assert await sessions.of_user(c, ada.id, now()) == [second, first]
        assert await sessions.get(c, first.id, now()) == first
    assert (first.browser, first.seen_on, first.user_id) == ("Firefox", now().date(), ada.id)


async def test_a_session_ends_by_itself_and_its_row_goes(database, now, users):
    ada, bob = users
    async with database.write() as c:
        old = await sessions.begin(c, ada.id, "Firefox", now())
        now.advance(hours=12)
        assert await sessions.get(c, old.id, now()) is None
        assert await sessions.of_user(c, ada.id, now()) == []
        await sessions.begin(c, bob.id, "Chrome", now())
        assert await sessions.end(c, ada.id, old.id) is False


async def test_nobody_ends_the_session_of_another_by_its_id(database, now, users):
    ada, bob = users
    async with database.write() as c:
        session = await sessions.begin(c, ada.id, "Firefox", now())
        assert await sessions.end(c, bob.id, session.id) is False
        assert await sessions.end(c, ada.id, session.id) is True
        assert await sessions.get(c, session.id, now()) is None


async def test_all_but_one_end_and_those_of_others_stay(database, now, users):
    ada, bob = users
    async with database.write() as c:
        kept, *_ = [await sessions.begin(c, ada.id, "Firefox", now()) for _ in range(3)]
        other = await sessions.begin(c, bob.id, "Chrome", now())
        assert await sessions.end_all(c, ada.id, but=kept.id) == 2
        assert await sessions.of_user(c, ada.id, now()) == [kept]
        assert await sessions.end_all(c, ada.id) == 1
        assert await sessions.of_user(c, bob.id, now()) == [other]


async def test_the_last_day_is_noted_and_brings_no_ended_session_back(database, now, users):
    async with database.write() as c:
        session = await sessions.begin(c, users[0].id, "Firefox", now())
        tomorrow = now.advance(hours=11).date() + dt.timedelta(days=1)
        await sessions.seen(c, session.id, tomorrow)
        found = await sessions.get(c, session.id, now())
        assert found is not None
        assert found.seen_on == tomorrow
        await sessions.end(c, session.user_id, session.id)
        await sessions.seen(c, session.id, tomorrow)
        assert await sessions.get(c, session.id, now()) is None
