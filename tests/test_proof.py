"""The sealer, over both databases: what it writes, what it refuses, and who else is at it."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib

import pytest
import sqlalchemy as sa

from consent import ledger, merkle, proof, receipt, seals
from consent.database import Database, tables
from consent.errors import LedgerError
from consent.merkle import Span
from consent.model import Record
from consent.proof import Sealer
from consent.signing import LogKey
from tests import attack
from tests.test_ledger import a_store, an_entry, append

pytestmark = pytest.mark.anyio

KEY, NEXT_KEY = LogKey(b"k" * 32), LogKey(b"n" * 32)
ORIGIN = "consent.summit.example/log"


@pytest.fixture
async def store(database: Database):
    return await a_store(database)


@pytest.fixture
def sealer(database: Database, now) -> Sealer:
    return Sealer(database, KEY, ORIGIN, now)


async def add(database: Database, store, n: int) -> list[Record]:
    appended = await append(database, *(an_entry(store) for _ in range(n)))
    return [one.record for one in appended]


async def all_heads(database: Database) -> list[seals.Head]:
    async with database.read() as c:
        return await seals.heads(c, 0, 10**6)


async def check_tree(database: Database, records: list[Record]) -> None:
    """Every head is signed and is the root over the digests of the records up to it."""
    digests = list(map(receipt.digest, records))
    heads = await all_heads(database)
    assert heads[-1].size == len(records)
    for head in heads:
        assert head.root == merkle.root(map(merkle.leaf_hash, digests[: head.size]))
        assert head.note.signers([head.key])
    async with database.read() as c:
        assert await seals.entries(c, Span(0, len(records))) == b"".join(digests)
        assert (await seals.frontier(c, len(records))).root() == heads[-1].root


async def test_what_is_appended_is_sealed_and_signed(database, store, sealer):
    records = await add(database, store, 3)
    assert await sealer.seal_all() == 3
    records += await add(database, store, 600)
    assert await sealer.seal_all() == 600
    await check_tree(database, records)
    (first, second) = await all_heads(database)
    assert str(first.note).startswith(f"{ORIGIN}\n3\n")
    assert (second.size, second.at) == (603, sealer._now())


async def test_an_idle_ledger_gets_no_head(database, store, sealer):
    assert await sealer.seal_all() == 0
    assert await all_heads(database) == []
    await add(database, store, 1)
    await sealer.seal_all()
    assert await sealer.seal_all() == 0
    assert len(await all_heads(database)) == 1


async def test_a_long_queue_is_sealed_in_bounded_batches(database, store, sealer, monkeypatch):
    monkeypatch.setattr(proof, "BATCH_RECORDS", 100)
    records = await add(database, store, 520)
    assert await sealer.seal_all() == 520
    assert [head.size for head in await all_heads(database)] == [100, 200, 300, 400, 500, 520]
    await check_tree(database, records)


async def test_sealers_at_once_never_sign_two_heads_of_one_size(database_url, database, store, now):
    from consent import database as database_

    others = [database_.connect(database_url) for _ in range(3)]
    sealers = [Sealer(one, KEY, ORIGIN, now) for one in (database, *others)]
    records = []
    for _ in range(4):
        records += await add(database, store, 20)
        sealed = await asyncio.gather(*(one.seal_all() for one in sealers))
        assert sum(sealed) == 20
    await check_tree(database, records)
    for one in others:
        await one.close()


async def test_a_batch_that_fails_midway_leaves_nothing(database, store, sealer, monkeypatch):
    records = await add(database, store, 300)

    async def killed(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(seals, "key_id", killed)
        with pytest.raises(RuntimeError):
            await sealer.seal_all()
    async with database.read() as c:
        for table in tables.LOG:
            assert (await c.execute(sa.select(sa.func.count()).select_from(table))).scalar() == 0
    await sealer.seal_all()
    await check_tree(database, records)


async def test_a_clock_that_goes_back_changes_no_order(database, store, sealer, now):
    records = await add(database, store, 2)
    await sealer.seal_all()
    now.advance(days=-3)
    records += await add(database, store, 2)
    await sealer.seal_all()
    first, second = await all_heads(database)
    assert second.at == first.at - dt.timedelta(days=3)
    await check_tree(database, records)


async def test_old_keys_stay_known_and_the_name_stays(database, store, sealer, now):
    records = await add(database, store, 2)
    await sealer.seal_all()
    records += await add(database, store, 2)
    await Sealer(database, NEXT_KEY, "moved.example/log", now).seal_all()
    async with database.read() as c:
        keys = await seals.keys(c)
    assert [key.public for key in keys] == [NEXT_KEY.public, KEY.public]
    assert {key.name for key in keys} == {ORIGIN}
    await check_tree(database, records)


async def test_what_contradicts_a_head_that_was_seen_is_not_signed(
    database, database_url, store, sealer, now
):
    await add(database, store, 3)
    await sealer.seal_all()
    await attack.run(
        database_url,
        "UPDATE decisions SET marketing = NOT marketing WHERE seq = 2",
        *(f"DELETE FROM {table}" for table in ("entries", "checkpoints")),
    )
    with pytest.raises(LedgerError, match="does not begin with the 3 entries"):
        await sealer.seal_all()
    await Sealer(database, KEY, ORIGIN, now).seal_all()
    with pytest.raises(LedgerError, match="does not begin with the 3 entries"):
        await sealer.seal_all()


ATTACKS = [
    ("UPDATE entries SET digests = :other", b"x" * 64, "another root than was signed"),
    ("UPDATE checkpoints SET root = :other", b"x" * 32, "signature over 2 entries is not that of"),
    ("DELETE FROM entries", None, "entries: entry 0 is missing"),
    ("UPDATE decisions SET seq = 5 WHERE seq = 3", None, "record 3 is missing; the next one is 5"),
]


async def test_nothing_is_signed_on_top_of_what_was_changed(database_url, database, store, sealer):
    await add(database, store, 2)
    await sealer.seal_all()
    await add(database, store, 1)
    await attack.keep(database_url)
    for statement, other, fault in ATTACKS:
        await attack.run(database_url, statement, other=other)
        with pytest.raises(LedgerError, match=fault):
            await sealer.seal_all()
        assert len(await all_heads(database)) == 1
        await attack.restore(database_url)
    assert await sealer.seal_all() == 1


async def test_a_running_sealer_seals_counts_failures_and_recovers(
    database_url, database, store, sealer, monkeypatch
):
    monkeypatch.setattr(proof, "SEAL_SECONDS", 0.02)
    await add(database, store, 1)
    await attack.run(database_url, "UPDATE decisions SET seq = 7")
    sealer.start()
    while not sealer.failures:
        await asyncio.sleep(0.01)
    await attack.run(database_url, "UPDATE decisions SET seq = 1")
    while not sealer.sealed:
        await asyncio.sleep(0.01)
    await sealer.stop()
    assert len(await all_heads(database)) == 1


async def test_who_finds_a_fresh_head_leaves_the_rest_for_later(database, store, sealer, now):
    await add(database, store, 1)
    await sealer._seal_what_waits()
    await add(database, store, 1)
    await sealer._seal_what_waits()
    assert (sealer.sealed, sealer.waiting) == (1, 1)
    now.advance(seconds=1)
    await sealer._seal_what_waits()
    assert sealer.sealed == 2


async def test_records_that_come_while_it_seals_wait_for_the_next_second(
    database, store, sealer, now, monkeypatch
):
    await append(database, an_entry(store))
    seal = sealer.seal

    async def seal_while_visitors_go_on() -> int:
        await append(database, an_entry(store))
        return await seal()

    monkeypatch.setattr(sealer, "seal", seal_while_visitors_go_on)
    await asyncio.wait_for(sealer._seal_what_waits(), 120)
    assert sealer.sealed == 2


async def test_the_database_refuses_to_change_the_log(database, store, sealer):
    await add(database, store, 256)
    await sealer.seal_all()
    async with database.write() as c:
        values = {"size": 256, "url": "u", "kind": "k", "at": sealer._now(), "answer": b""}
        await c.execute(sa.insert(tables.anchors).values(values))
    for table in tables.LOG:
        change = {next(iter(table.c)): 7}
        for statement in (sa.delete(table), sa.update(table).values(change)):
            with pytest.raises(sa.exc.DBAPIError, match=f"{table.name}: rows are never changed"):
                async with database.write() as c:
                    await c.execute(statement)


async def test_a_digest_is_over_the_canonical_json_of_every_field(database, store):
    (record,) = await add(database, store, 1)
    text = (
        '{"action":"accept_all","at":"2026-03-02T10:30:00.123456Z",'
        f'"banner_sha256":"{hashlib.sha256(b"<banner>").hexdigest()}","device":"phone",'
        '"format":"pixelgate-record-1","gpc_header":false,"gpc_property":true,'
        '"grants":{"analytics":true,"marketing":true,"preferences":true},'
        f'"id":"{record.id}","language":"de",'
        '"place":{"country":"DE","source":"database","subdivision":"DE-BE"},'
        f'"previous":null,"refused":[],"regime":"eea","regime_sha256":"{record.regime_sha256}",'
        f'"salt":"{b"0123456789abcdef".hex()}","seq":1,"store":"summit","version":1,'
        f'"version_sha256":"{record.version_sha256}","visitor":"{record.visitor}"}}'
    )
    assert receipt.digest(record) == hashlib.sha256(text.encode()).digest()
    async with database.read() as c:
        (kept,) = await ledger.following(c, 0, 10)
    assert receipt.digest(kept) == receipt.digest(record)
