"""Erasing a visitor: what goes, what stays, and who cannot imitate it."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent import activity, audit, erase, erasures, evidence, ledger, proof, search
from consent import database as database_
from consent.activity import ActivityFilter
from consent.database import Database, backup
from consent.erase import Eraser
from consent.erasures import Gone
from consent.errors import GoneError, LedgerError, NotFoundError, RefusedError, UnavailableError
from consent.evidence import ReceiptFile
from consent.filters import LedgerFilter
from consent.notes import Vkey
from consent.proof import Sealer
from consent.signing import LogKey
from tests import attack
from tests.test_ledger import a_store, an_entry, append

pytestmark = pytest.mark.anyio

KEY = LogKey(b"k" * 32)
ORIGIN = "consent.example/log"
BECAUSE = "Asked by the visitor by letter on 2026-03-01"


@pytest.fixture
async def store(database):
    return await a_store(database)


@pytest.fixture
def sealer(database, now) -> Sealer:
    return Sealer(database, KEY, ORIGIN, now)


@pytest.fixture
def eraser(database, sealer, now) -> Eraser:
    return Eraser(database, sealer, KEY, now)


async def fault(database: Database) -> str | None:
    return (await audit.verify(database)).fault


async def a_file(database: Database, record: ledger.Record) -> ReceiptFile:
    async with database.read() as c:
        return await (await proof.prover(c, record.seq)).prove(record, "")


async def test_what_goes_and_what_stays(database, store, sealer, eraser):
    first, other, second = (an_entry(store) for _ in range(3))
    second = an_entry(store, visitor=first.visitor)
    mine = await append(database, first, other, second)
    await sealer.seal_all()
    kept = await a_file(database, mine[1].record)
    erasure = await eraser.visitor("summit", first.visitor, BECAUSE, by=None)
    assert (erasure.n, erasure.cause, erasure.because) == (2, "request", BECAUSE)
    async with database.read() as c:
        assert await ledger.get(c, first.id) is None
        assert await ledger.history(c, "summit", first.visitor) == []
        assert await erasures.of_record(c, second.id) == (Gone(3, second.id), erasure)
        assert await erasures.of_record(c, other.id) is None
        assert await erasures.of_visitor_id(c, first.visitor) == [erasure]
        assert (await search.count(c, LedgerFilter())).n == 1
        assert await ledger.last(c) == 3
        (act,) = await activity.search(c, ActivityFilter(what="erasure"), limit=9)
    assert (act.store, act.detail) == ("summit", {"because": BECAUSE, "records": 2})
    report = await audit.verify(database)
    assert (report.fault, report.records, report.sealed, report.erased) == (None, 3, 3, 2)
    assert await a_file(database, mine[1].record) == kept


async def test_what_is_not_sealed_is_sealed_first(database, store, eraser):
    (mine,) = await append(database, an_entry(store))
    await eraser.visitor("summit", mine.record.visitor, BECAUSE, by=None)
    assert (await audit.verify(database)).sealed == 1
    (later,) = await append(database, an_entry(store))
    assert later.record.seq == 2  # the number of an erased head is not given again


async def test_where_another_process_seals_nothing_is_erased(
    database, store, eraser, sealer, monkeypatch
):
    (mine,) = await append(database, an_entry(store))

    async def busy() -> int:
        return 0

    monkeypatch.setattr(sealer, "seal_all", busy)
    monkeypatch.setattr(erase, "_WAIT_SECONDS", 0)
    with pytest.raises(UnavailableError, match="not sealed yet"):
        await eraser.visitor("summit", mine.record.visitor, BECAUSE, by=None)
    async with database.read() as c:
        assert await ledger.get(c, mine.record.id) == mine.record


async def test_erasing_twice_and_what_was_never_there(database, store, eraser):
    (mine,) = await append(database, an_entry(store))
    await eraser.visitor("summit", mine.record.visitor, BECAUSE, by=None)
    for visitor in (mine.record.visitor, uuid.uuid4()):
        with pytest.raises(NotFoundError):
            await eraser.visitor("summit", visitor, BECAUSE, by=None)
    with pytest.raises(NotFoundError):
        await eraser.visitor("nowhere", mine.record.visitor, BECAUSE, by=None)


async def test_two_at_once_erase_once(database, database_url, store, eraser, now, monkeypatch):
    monkeypatch.setattr(erase, "_TRIES", 500)  # however long the other one seals
    entries = [an_entry(store) for _ in range(3)]
    visitor = entries[0].visitor
    await append(database, *(an_entry(store, visitor=visitor) for _ in range(3)))
    second = database_.connect(database_url)
    other = Eraser(second, Sealer(second, KEY, ORIGIN, now), KEY, now)
    ended = await asyncio.gather(
        *(one.visitor("summit", visitor, BECAUSE, by=None) for one in (eraser, other)),
        return_exceptions=True,
    )
    await second.close()
    assert sorted(type(one).__name__ for one in ended) == ["Erasure", "NotFoundError"]
    assert await fault(database) is None


async def test_an_erased_id_stays_taken_and_the_visitor_starts_anew(database, store, eraser):
    entry = an_entry(store)
    await append(database, entry)
    await eraser.visitor("summit", entry.visitor, BECAUSE, by=None)
    with pytest.raises(GoneError, match="was erased"):
        await append(database, an_entry(store), entry)
    again = an_entry(store, visitor=entry.visitor)
    (after,) = await append(database, again)
    assert (after.record.previous, after.record.seq) == (None, 2)
    assert await fault(database) is None


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "short",
        "x" * 301,
        "asked by jo@example.com today",
        "visitor 5f262c07-4f9c-4911-94f6-9a0637419832 asked",
    ],
)
async def test_a_reason_says_enough_and_names_nobody(eraser, reason):
    with pytest.raises(RefusedError, match="reason: "):
        await eraser.visitor("summit", uuid.uuid4(), reason, by=None)


REFUSED = [
    "UPDATE decisions SET country = NULL",
    "UPDATE decisions SET seq = 99 WHERE seq = 1",
    "DELETE FROM decisions",
    "DELETE FROM decisions WHERE seq = 1",
    "UPDATE erasures SET because = 'x'",
    "DELETE FROM erasures",
    "UPDATE erased SET seq = 2",
    "DELETE FROM erased",
    "INSERT INTO erased SELECT 1, id, 1 FROM decisions WHERE seq = 2",  # another's id
    "INSERT INTO erased SELECT seq, id, 1 FROM decisions WHERE seq = 5",  # not sealed
    "INSERT INTO erased SELECT seq, id, 1 FROM decisions WHERE seq = 4",  # another store's
]


async def test_the_database_allows_an_erasure_and_nothing_else(database, store, eraser):
    entries = [an_entry(store) for _ in range(3)]
    await append(database, *entries, an_entry(await a_store(database, "fjord")))
    await eraser.visitor("summit", entries[2].visitor, BECAUSE, by=None)
    await append(database, an_entry(store))
    for statement in REFUSED:
        with pytest.raises(sa.exc.DBAPIError):
            async with database.write() as c:
                await c.execute(sa.text(statement))
    assert await fault(database) is None


IMITATIONS = [
    # A row is blanked, or removed, with the triggers out of the way.
    (
        ["UPDATE decisions SET country = NULL, device = '', salt = :none WHERE seq = 2"],
        2,
        "content",
    ),
    (["DELETE FROM decisions WHERE seq = 2"], 2, "is missing"),
    # It is named as erased by an erasure that was another's.
    (
        [
            "INSERT INTO erased SELECT seq, id, 1 FROM decisions WHERE seq = 2",
            "DELETE FROM decisions WHERE seq = 2",
        ],
        2,
        "erasure 1 does not list it",
    ),
    # The erasure's own list is changed, or all of it is made up.
    (
        [
            "UPDATE erasures SET records = :list",
            "INSERT INTO erased SELECT seq, id, 1 FROM decisions WHERE seq = 2",
            "DELETE FROM decisions WHERE seq = 2",
        ],
        1,
        "erasure 1 was not signed",
    ),
    (["UPDATE erasures SET because = 'Asked by a regulator' "], 1, "erasure 1 was not signed"),
    (["DELETE FROM erased"], 1, "is missing"),
    (["DELETE FROM erasures"], 1, "the record of its erasure with it"),
]


async def test_an_imitated_erasure_is_found(database, database_url, store, eraser):
    entries = [an_entry(store) for _ in range(3)]
    await append(database, *entries)
    await eraser.visitor("summit", entries[0].visitor, BECAUSE, by=None)
    await attack.keep(database_url)
    pair = erasures.pack([Gone(1, entries[0].id), Gone(2, entries[1].id)])
    for statements, seq, words in IMITATIONS:
        await attack.run(database_url, *statements, none=b"", list=pair)
        report = await audit.verify(database)
        assert (report.seq, words in (report.fault or "")) == (seq, True), report.fault
        await attack.restore(database_url)
    assert await fault(database) is None


async def test_a_backup_after_an_erasure_is_whole(sqlite_url, tmp_path, now):
    database = database_.connect(sqlite_url)
    store = await a_store(database)
    _, newest = await append(database, an_entry(store), an_entry(store))
    eraser = Eraser(database, Sealer(database, KEY, ORIGIN, now), KEY, now)
    await eraser.visitor("summit", newest.record.visitor, BECAUSE, by=None)
    made = await backup.write(database, sqlite_url, tmp_path / "copy.db")
    await database.close()
    copy = database_.connect(f"sqlite:///{tmp_path / 'copy.db'}")
    assert (made.records, (await audit.verify(copy)).erased) == (2, 1)
    await copy.close()


async def test_an_erasure_signed_by_a_key_of_ones_own_is_found(database, store, sealer, now):
    (mine, _) = await append(database, an_entry(store), an_entry(store))
    forger = Eraser(database, sealer, LogKey(b"o" * 32), now)
    await forger.visitor("summit", mine.record.visitor, BECAUSE, by=None)
    report = await audit.verify(database, trusted=[KEY.public])
    assert report.seq == 1
    assert "erasure 1 is signed by consent.example/log+" in report.fault


async def test_what_was_changed_is_not_erased_by_us(database, database_url, store, sealer, eraser):
    mine, _ = await append(database, an_entry(store), an_entry(store))
    await sealer.seal_all()
    visitor = mine.record.visitor
    named = visitor.bytes if database_url.startswith("sqlite") else visitor
    await attack.run(database_url, "UPDATE decisions SET visitor = :mine WHERE seq = 2", mine=named)
    with pytest.raises(LedgerError, match="is not what was sealed"):
        await eraser.visitor("summit", visitor, BECAUSE, by=None)
    assert "record 2 " in await fault(database)


async def test_what_was_erased_does_not_come_back_unseen(database, database_url, store, eraser):
    (mine,) = await append(database, an_entry(store))
    await eraser.visitor("summit", mine.record.visitor, BECAUSE, by=None)
    forged = an_entry(store, visitor=mine.record.visitor)
    (later,) = await append(database, forged)
    await attack.run(database_url, "UPDATE decisions SET seq = 1 WHERE seq = 2")
    assert "was erased, and is there all the same" in (await fault(database) or "")
    assert later.record.seq == 2


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 3)),
        st.tuples(st.just("seal"), st.just(0)),
        st.tuples(st.just("erase"), st.integers(0, 3)),
    ),
    max_size=14,
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STEPS)
async def test_whatever_is_erased_the_rest_is_proved(migrated_file, tmp_path, now, steps):
    path = tmp_path / f"{uuid.uuid4()}.db"
    shutil.copy(migrated_file, path)
    database = database_.connect(f"sqlite:///{path}")
    store = await a_store(database)
    sealer = Sealer(database, KEY, ORIGIN, now)
    eraser = Eraser(database, sealer, KEY, now)
    visitors = [uuid.uuid4() for _ in range(4)]
    held: list[ledger.Record] = []
    total = 0
    for what, n in steps:
        if what == "append":
            total += 1
            (one,) = await append(database, an_entry(store, visitor=visitors[n]))
            held.append(one.record)
        elif what == "seal":
            await sealer.seal_all()
        elif any(record.visitor == visitors[n] for record in held):
            await eraser.visitor("summit", visitors[n], BECAUSE, by=None)
            held = [record for record in held if record.visitor != visitors[n]]
        assert await fault(database) is None
    await sealer.seal_all()
    report = await audit.verify(database)
    assert (report.fault, report.records, report.erased) == (None, total, total - len(held))
    for record in held:
        file = await a_file(database, record)
        checks = evidence.verify(file, [Vkey(ORIGIN, KEY.public)])
        assert [one.name for one in checks if not one.holds] == ["receipt"]  # it was left out
    await database.close()


CHILD = """
import asyncio, datetime as dt, os, signal, sys, uuid
from consent import database, erase, erasures
from consent.erase import Eraser
from consent.proof import Sealer
from consent.signing import LogKey

url, visitor, where = sys.argv[1:]
db, key = database.connect(url), LogKey(b"k" * 32)
now = lambda: dt.datetime(2026, 3, 2, tzinfo=dt.UTC)

async def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if where == "before the commit":
    erase.activity.add = die
else:
    db.overwrite = die
eraser = Eraser(db, Sealer(db, key, "consent.example/log", now), key, now)
asyncio.run(eraser.visitor("summit", uuid.UUID(visitor), "Asked by letter, since March", by=None))
"""


@pytest.mark.parametrize(("where", "left"), [("before the commit", 3), ("after the commit", 0)])
async def test_a_process_that_is_killed_has_erased_all_or_nothing(
    database, database_url, store, eraser, where, left
):
    visitor = uuid.uuid4()
    await append(database, *(an_entry(store, visitor=visitor) for _ in range(3)))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, database_url, str(visitor), where
    )
    assert await asyncio.wait_for(child.wait(), 300) == -signal.SIGKILL
    async with database.read() as c:
        assert len(await ledger.history(c, "summit", visitor)) == left
    assert await fault(database) is None
    if left:
        assert (await eraser.visitor("summit", visitor, BECAUSE, by=None)).n == left


async def test_nothing_of_an_erased_visitor_is_left_in_the_file(sqlite_url, now):
    database = database_.connect(sqlite_url)
    store = await a_store(database)
    eraser = Eraser(database, Sealer(database, KEY, ORIGIN, now), KEY, now)
    visitor, salt = uuid.uuid4(), uuid.uuid4().bytes
    for _ in range(6):
        others = [an_entry(store) for _ in range(150)]
        await append(database, *others, an_entry(store, visitor=visitor, salt=salt))
    await eraser.visitor("summit", visitor, BECAUSE, by=None)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    for file in path.parent.glob(f"{path.name}*"):
        content = file.read_bytes()
        assert (file.name, content.count(visitor.bytes), content.count(salt)) == (file.name, 0, 0)
    await database.close()
