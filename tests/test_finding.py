"""A record and its head by one statement, as the ledger and the log have them by several."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from consent import database as database_
from consent import ledger, seals
from consent.database import finding
from consent.erase import Eraser
from consent.errors import UnavailableError
from consent.model import Grants, Place
from consent.proof import Finder, Sealer
from consent.seals import Anchored
from consent.signing import LogKey
from tests.test_ledger import LOS_ANGELES, START, a_store, an_entry, append

pytestmark = pytest.mark.anyio

KEY = LogKey(b"k" * 32)
BECAUSE = "Asked by the visitor by letter"


async def test_what_is_found_is_what_the_ledger_and_the_log_hold(database, now):
    store = await a_store(database)
    first = an_entry(store)
    some = Grants(True, False, True)
    again = an_entry(
        store,
        visitor=first.visitor,
        grants=some,
        action="save",
        refused=("ga4", "meta"),
        place=LOS_ANGELES,
    )
    nowhere = an_entry(store, place=Place(None, None, "none"), gpc_header=True, device="desktop")
    await append(database, first, again, nowhere)
    assert [(await Finder(database).find(one.id))[1] for one in (first, nowhere)] == [None, None]
    sealer = Sealer(database, KEY, "consent.example/log", now)
    await sealer.seal_all()
    await append(database, an_entry(store))
    await sealer.seal_all()
    async with database.read() as c:
        newest = await seals.newest(c)
        records = [await ledger.get(c, one.id) for one in (first, again, nowhere)]
    assert records[1].previous == first.id
    for record in records:
        assert await Finder(database).find(record.id) == (record, newest)
    async with database.write() as c:
        await seals.keep(c, Anchored(3, "https://tsa.example", "rfc3161", START, b"answer"))
    async with database.read() as c:
        (anchored,) = await seals.heads(c, 2, 3)
    assert await Finder(database).find(first.id) == (records[0], anchored)


async def test_what_is_erased_or_was_never_there_is_not_found(database, now):
    store = await a_store(database)
    mine, other = an_entry(store), an_entry(store)
    await append(database, mine, other)
    sealer = Sealer(database, KEY, "consent.example/log", now)
    await sealer.seal_all()
    assert await Finder(database).find(mine.id) is not None
    await Eraser(database, sealer, KEY, now).visitor("summit", mine.visitor, BECAUSE, by=None)
    assert await Finder(database).find(mine.id) is None
    assert await Finder(database).find(uuid.uuid4()) is None
    assert await Finder(database).find(other.id) is not None


async def test_a_database_that_is_away_says_so(tmp_path):
    missing = database_.connect(f"sqlite:///{tmp_path / 'none' / 'pixelgate.db'}")
    with pytest.raises(UnavailableError, match="no tables yet"):
        await Finder(missing).find(uuid.uuid4())
    await missing.close()


async def test_many_who_ask_at_once_are_answered_by_few_statements_and_each_its_own(
    database, now, monkeypatch
):
    store = await a_store(database)
    entries = [an_entry(store) for _ in range(100)]
    await append(database, *entries)
    asked, finder = [], Finder(database)
    find = finding.find

    async def counted(driver, ids):
        asked.append(len(ids))
        return await find(driver, ids)

    monkeypatch.setattr(finding, "find", counted)
    wanted = [*(entry.id for entry in entries), entries[0].id, uuid.uuid4()]
    found = await asyncio.gather(*map(finder.find, wanted))
    assert [one[0].id for one in found[:-1]] == wanted[:-1]
    assert found[-1] is None
    assert asked == [64, 37]


async def test_a_fault_reaches_all_who_wait_and_nobody_after(database, now, monkeypatch):
    store = await a_store(database)
    entry = an_entry(store)
    await append(database, entry)
    finder = Finder(database)

    async def broken(*_: object):
        raise UnavailableError("database: gone; expected one that answers")

    with monkeypatch.context() as patch:
        patch.setattr(finding, "find", broken)
        waited = [finder.find(id_) for id_ in (entry.id, uuid.uuid4())]
        faults = await asyncio.gather(*waited, return_exceptions=True)
        assert [type(one) for one in faults] == [UnavailableError] * 2
    assert (await finder.find(entry.id))[0].id == entry.id
