import datetime as dt
import random
import uuid

import pytest
import sqlalchemy as sa

from consent import ledger, search
from consent.filters import LedgerFilter
from consent.model import Entry, Grants, Place, Record
from consent.search import Found, Total
from tests.test_ledger import CALIFORNIA, EEA, START, Store, a_store, an_entry

pytestmark = pytest.mark.anyio

PLACES = [Place("DE", None, "database"), Place("FR", None, "database"), Place()]
PLACES += [Place("US", "US-CA", "header"), Place("US", "US-TX", "header"), Place("US")]
CHOICES = [("accept_all", Grants.all(True)), ("reject_all", Grants.all(False))]
CHOICES += [("save", Grants(False, True, False)), ("save", Grants.all(True))]
CHOICES += [("withdraw", Grants.all(False)), ("gpc", Grants(True, True, False))]


async def append(database, *entries: Entry) -> list[Record]:
    async with database.write() as c:
        found = [
            one
            for start in range(0, len(entries), 500)
            for one in await ledger.append(c, entries[start : start + 500])
        ]
    return [one.record for one in found]


async def find(database, filter_: LedgerFilter, **page) -> Found:
    async with database.read() as c:
        return await search.find(c, filter_, **{"limit": 100, **page})


async def count(database, filter_: LedgerFilter) -> Total:
    async with database.read() as c:
        return await search.count(c, filter_)


@pytest.fixture
async def stores_(database) -> list[Store]:
    return [await a_store(database, key) for key in ("summit", "harbor", "valley")]


@pytest.fixture
async def records(database, stores_) -> list[Record]:
    """400 decisions of three stores, some at one moment, some when the clock had gone back."""
    pick = random.Random(6)
    visitors = [uuid.UUID(int=pick.getrandbits(128)) for _ in range(60)]
    entries = []
    for n in range(400):
        action, grants = pick.choices(CHOICES, [9, 9, 2, 1, 1, 2])[0]
        place = pick.choices(PLACES, [9, 3, 1, 5, 1, 1])[0]
        entries.append(
            an_entry(
                pick.choices(stores_, [8, 3, 1])[0],
                visitor=pick.choice(visitors),
                at=START + dt.timedelta(minutes=n // 3 - (60 if n % 50 == 49 else 0)),
                action=action,
                grants=grants,
                place=place,
                regime=CALIFORNIA if place.country == "US" else EEA,
                language=pick.choice(("de", "de", "fr", "en")),
            )
        )
    return await append(database, *entries)


def passes(record: Record, filter_: LedgerFilter) -> bool:
    codes = {record.place.country or "", record.place.subdivision}
    return all(
        [
            filter_.stores is None or record.store in filter_.stores,
            filter_.since is None or record.at >= filter_.since,
            filter_.until is None or record.at < filter_.until,
            filter_.places is None or codes & set(filter_.places),
            filter_.action in (None, record.action),
            filter_.kind in (None, record.grants.kind),
            filter_.regime in (None, record.regime_id),
            not filter_.looser,
            filter_.version in (None, record.version),
            filter_.language in (None, record.language),
            filter_.visitor in (None, record.visitor),
        ]
    )


def some_filters(records: list[Record], number: int) -> list[LedgerFilter]:
    """Filters of one to four parts, each with a value that some record has."""
    pick = random.Random(7)
    parts = {
        "stores": lambda r: pick.choice([(r.store,), (r.store, "summit"), ("nowhere",), ()]),
        "since": lambda r: r.at,
        "until": lambda r: r.at,
        "places": lambda r: pick.choice(
            [(r.place.code,), (r.place.country or "",), ("DE", "FR"), ("US-TX", "FR")]
        ),
        "action": lambda r: r.action,
        "kind": lambda r: r.grants.kind,
        "regime": lambda r: r.regime_id,
        "version": lambda r: pick.choice([r.version, 2]),
        "language": lambda r: r.language,
        "visitor": lambda r: r.visitor,
    }
    found = [LedgerFilter()]
    for _ in range(number):
        record = pick.choice(records)
        names = pick.sample(list(parts), pick.randint(1, 4))
        found.append(LedgerFilter(**{name: parts[name](record) for name in names}))
    return found


async def test_search_and_count_find_what_looking_at_every_record_finds(database, records):
    newest = sorted(records, key=lambda record: (record.at, record.seq), reverse=True)
    for filter_ in some_filters(records, 80):
        expected = [record for record in newest if passes(record, filter_)]
        found = await find(database, filter_, limit=500)
        assert found == Found(expected, None, None), filter_
        assert await count(database, filter_) == Total(len(expected)), filter_


async def test_pages_lead_to_the_oldest_and_back_and_miss_nothing(database, records, monkeypatch):
    """Also where so few records are looked at for one page that many stay empty."""
    monkeypatch.setattr(search, "WINDOWS", (4, 8))
    newest = sorted(records, key=lambda record: (record.at, record.seq), reverse=True)
    unfinished = 0
    for filter_ in some_filters(records, 12):
        expected = [record for record in newest if passes(record, filter_)]
        page, seen = await find(database, filter_, limit=7), []
        while True:
            seen += page.records
            unfinished += not page.complete
            if page.older is None:
                break
            page = await find(database, filter_, before=page.older, limit=7)
        assert seen == expected, filter_
        back = list(page.records)
        while page.newer is not None:
            page = await find(database, filter_, after=page.newer, limit=7)
            back = [*page.records, *back]
        assert back == expected, filter_
    assert unfinished


async def test_a_total_that_is_not_known_is_a_lower_bound(database, records, monkeypatch):
    monkeypatch.setattr(search, "COUNTED", 50)
    monkeypatch.setattr(search, "WINDOWS", (20, 40))
    many, few = LedgerFilter(stores=("summit",)), LedgerFilter(stores=("valley",))
    assert await count(database, many) == Total(50, exact=False)
    exact = await count(database, few)
    assert exact == Total(sum(record.store == "valley" for record in records))
    some = await count(database, LedgerFilter(stores=("summit",), kind="some"))
    assert not some.exact
    assert 0 < some.n < sum(passes(record, LedgerFilter(kind="some")) for record in records)
    assert await count(database, LedgerFilter()) == Total(400)


async def test_a_page_that_begins_nowhere_is_empty(database, records):
    assert await find(database, LedgerFilter(), before=9999) == Found([], None, None)
    assert await find(database, LedgerFilter(), after=9999) == Found([], None, None)


async def test_more_stores_than_fit_in_a_statement_are_merged(database, monkeypatch):
    monkeypatch.setattr(search, "_ARMS", 3)
    many = [await a_store(database, f"store-{n:02}") for n in range(11)]
    entries = [
        an_entry(store, at=START + dt.timedelta(seconds=n)) for n, store in enumerate(many * 2)
    ]
    records = await append(database, *entries)
    named = tuple(store.key for store in many[:10])
    for filter_ in (LedgerFilter(stores=named), LedgerFilter(language="de")):
        expected = [one for one in reversed(records) if passes(one, filter_)]
        assert (await find(database, filter_)).records == expected
        assert (await find(database, filter_, limit=5)).records == expected[:5]
        assert (await count(database, filter_)).n == len(expected)


async def test_looser_rules_are_found_by_what_the_regime_says(database, stores_):
    plain, looser = an_entry(stores_[0]), an_entry(stores_[0])
    await append(database, plain, looser)
    content = b'{"id":"eea","looser":{"reason":"counsel said so"}}'
    async with database.write() as c:
        await c.execute(
            sa.text("INSERT INTO regimes (id, sha256, regime, content) VALUES (99, :s, 'eea', :c)"),
            {"s": bytes(32), "c": content},
        )
        # The ledger refuses to change a row, so the next one is written past it.
        await c.execute(_copy_of_last(), {"id": _id(c, uuid.uuid4()), "regime": 99})
    found = await find(database, LedgerFilter(looser=True))
    assert [record.seq for record in found.records] == [3]
    assert await count(database, LedgerFilter(looser=True, regime="eea")) == Total(1)
    assert await count(database, LedgerFilter(looser=True, regime="us-ca")) == Total(0)


def _id(c, value: uuid.UUID):
    return value if c.dialect.name == "postgresql" else value.bytes


def _copy_of_last():
    table = ledger.tables.decisions
    names = [column.name for column in table.c]
    given = {"seq": "seq + 1", "id": ":id", "regime_id": ":regime"}
    values = ", ".join(given.get(name, name) for name in names)
    return sa.text(
        f"INSERT INTO decisions ({', '.join(names)}) SELECT {values} FROM decisions WHERE seq = 2"
    )


FILTERS = {
    "ix_decisions_at": LedgerFilter(),
    "ix_decisions_store": LedgerFilter(stores=("valley",)),
    "ix_decisions_country": LedgerFilter(stores=("valley",), places=("FR",)),
    "ix_decisions_regime": LedgerFilter(stores=("valley",), regime="eea"),
    "ix_decisions_language": LedgerFilter(stores=("valley",), language="de"),
    "ix_decisions_action": LedgerFilter(stores=("valley",), action="save"),
    "ix_decisions_version": LedgerFilter(stores=("valley",), version=1),
    "ix_decisions_visitor": LedgerFilter(visitor=uuid.UUID(int=1)),
}


async def planned(database, filter_: LedgerFilter) -> tuple[list[str], list[str]]:
    """How a page and the page after it are found, and how the total is."""
    if database.dialect == "postgresql":
        async with database.write() as c:
            await c.exec_driver_sql("ANALYZE decisions")
    plans = Plans(database)
    async with database.read() as c:
        if database.dialect == "postgresql":
            # So few rows are read faster without an index, which says nothing about many.
            await c.exec_driver_sql("SET LOCAL enable_seqscan = off")
        await search.find(c, filter_, limit=50)
        await search.find(c, filter_, before=200, limit=50)
        found = len(plans.seen)
        await search.count(c, filter_)
    return plans.seen[:found], plans.seen[found:]


async def test_each_part_of_a_search_is_answered_from_its_index(database, records):
    for index, filter_ in FILTERS.items():
        pages, totals = await planned(database, filter_)
        assert pages
        # PostgreSQL has several that fit where rows are so few.
        used = index if database.dialect == "sqlite" else "ix_decisions_"
        assert all(used in plan for plan in pages), (index, pages)
        for plan in (*pages, *totals):
            assert "Seq Scan on decisions" not in plan
            assert "SCAN decisions" not in plan.replace("SCAN decisions USING", "")


async def test_a_search_in_two_parts_is_driven_by_the_rarer_one(database, records):
    rare = LedgerFilter(stores=("summit",), action="withdraw", language="de", kind="none")
    pages, _ = await planned(database, rare)
    assert "ix_decisions_action" in pages[-1]


class Plans:
    """How a database means to answer each statement that picks rows of the ledger."""

    def __init__(self, database) -> None:
        self.seen: list[str] = []
        sqlite = database.dialect == "sqlite"
        explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
        engine = database._reader.sync_engine

        @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
        def look(connection, cursor, statement, parameters, context, many):
            picks = "FROM decisions" in statement and "seq IN" not in statement
            if statement.startswith("SELECT") and picks and "decisions.seq =" not in statement:
                cursor.execute(explain + statement, parameters)
                rows = cursor.fetchall()
                self.seen.append("\n".join(str(row[3] if sqlite else row[0]) for row in rows))
            return statement, parameters
