import datetime as dt

import pytest
import sqlalchemy as sa

from consent import accounts, activity
from consent.activity import Act, ActivityFilter
from consent.database import tables
from consent.model import User

pytestmark = pytest.mark.anyio

LEX = User(1, "lex@example.com", (), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), None)


@pytest.fixture
async def lex(database, now) -> User:
    async with database.write() as c:
        return await accounts.add(c, LEX.email, "hash", "legal", None, now())


async def note(database, now, *acts, by=None) -> None:
    async with database.write() as c:
        await activity.add(c, *acts, by=by, at=now())


async def found(database, *, before=None, limit=100, **filter_) -> list[activity.Noted]:
    async with database.read() as c:
        return await activity.search(c, ActivityFilter(**filter_), before=before, limit=limit)


async def test_an_act_is_read_back_with_its_user_as_they_were_called(database, now, lex):
    await note(database, now, Act("export", "summit", "csv", {"rows": 12}), by=lex)
    (noted,) = await found(database)
    assert (noted.user_id, noted.email, noted.at) == (lex.id, "lex@example.com", now())
    assert (noted.what, noted.store, noted.subject) == ("export", "summit", "csv")
    assert noted.detail == {"rows": 12}


async def test_the_command_line_has_no_user(database, now):
    await note(database, now, Act("export"))
    (noted,) = await found(database)
    assert (noted.user_id, noted.email, noted.store) == (None, "", None)


async def test_the_newest_come_first_page_by_page(database, now):
    await note(database, now, *(Act("look_up", "summit", str(n)) for n in range(5)))
    first = await found(database, limit=2)
    rest = await found(database, before=first[-1].id)
    assert [one.subject for one in (*first, *rest)] == ["4", "3", "2", "1", "0"]
    assert await found(database, before=rest[-1].id) == []


async def test_each_part_of_a_filter_narrows_the_search(database, now, lex):
    await note(database, now, Act("look_up", "summit", "a"), by=lex)
    await note(database, now, Act("history", "harbor", "b"))
    now.advance(hours=1)
    await note(database, now, Act("export", None, "c"))
    for filter_, expected in (
        ({}, "cba"),
        ({"stores": ("summit",)}, "a"),
        ({"stores": ("summit", "harbor")}, "ba"),
        ({"stores": ()}, ""),
        ({"what": "history"}, "b"),
        ({"email": "lex@example.com"}, "a"),
        ({"subject": "c"}, "c"),
        ({"since": now()}, "c"),
        ({"until": now()}, "ba"),
        ({"stores": ("harbor",), "what": "look_up"}, ""),
    ):
        subjects = [one.subject for one in await found(database, **filter_)]
        assert "".join(subjects) == expected, filter_


@pytest.mark.parametrize("statement", ["UPDATE activity SET email = ''", "DELETE FROM activity"])
async def test_the_database_refuses_to_change_or_remove_an_act(database, now, statement):
    await note(database, now, Act("look_up", "summit", "a"))
    with pytest.raises(sa.exc.DBAPIError, match="never changed or removed"):
        async with database.write() as c:
            await c.exec_driver_sql(statement)
    assert len(await found(database)) == 1


async def test_a_failed_write_notes_nothing(database, now):
    async def fail():
        async with database.write() as c:
            await activity.add(c, Act("erasure", "summit"), by=None, at=now())
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await fail()
    assert await found(database) == []


async def test_the_acts_of_a_store_are_found_by_an_index(database):
    query = sa.select(tables.activity).where(tables.activity.c.store.in_(("summit",)))
    query = query.order_by(tables.activity.c.id.desc()).limit(2)
    async with database.read() as c:
        if database.dialect == "postgresql":
            await c.exec_driver_sql("SET LOCAL enable_seqscan = off")
            explain = "EXPLAIN "
        else:
            explain = "EXPLAIN QUERY PLAN "
        text = str(query.compile(dialect=c.dialect, compile_kwargs={"literal_binds": True}))
        rows = (await c.exec_driver_sql(explain + text)).all()
    assert "ix_activity_store" in str(rows)
