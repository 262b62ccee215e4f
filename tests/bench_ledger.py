"""``python -m tests.bench_ledger``: what sealing and verifying cost, on both databases.

Prints records appended, sealed, proved and verified each second, and bytes on disk for each record
with every index. ``--records 10000000`` takes about an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import resource
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from consent import audit, database, ledger, proof
from consent.database import Database
from consent.ledger import MOST_AT_ONCE
from consent.proof import Sealer, prover
from consent.signing import LogKey
from tests.conftest import PostgreSQL
from tests.test_ledger import START, Store, a_store, an_entry

BAR_BYTES = 600
PROOFS = 300
TABLES = ("decisions", "entries", "nodes", "checkpoints")


def clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - a bench lives in real time


async def fill(db: Database, store: Store, records: int) -> None:
    """A third of the visitors come again, two records later."""
    visitor = uuid.uuid4()
    for begin in range(0, records, MOST_AT_ONCE):
        entries = []
        for number in range(begin, min(records, begin + MOST_AT_ONCE)):
            visitor = visitor if number % 3 == 2 else uuid.uuid4()
            at = START + dt.timedelta(milliseconds=50 * number)
            salt = uuid.uuid4().bytes
            entries.append(an_entry(store, visitor=visitor, at=at, salt=salt))
        async with db.write() as c:
            await ledger.append(c, entries)


async def size(db: Database, url: str) -> int:
    """Bytes of the tables and their indexes."""
    if db.dialect == "sqlite":
        async with db.write() as c:
            pages = (await c.exec_driver_sql("PRAGMA page_count")).scalar_one()
            free = (await c.exec_driver_sql("PRAGMA freelist_count")).scalar_one()
            return int((pages - free) * (await c.exec_driver_sql("PRAGMA page_size")).scalar_one())
    async with db.read() as c:
        sizes = [sa.func.pg_total_relation_size(name) for name in TABLES]
        return sum((await c.execute(sa.select(*sizes))).one())


async def timed(what: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await what()
    return time.perf_counter() - began


async def prove(db: Database, records: int) -> None:
    async with db.read() as c:
        for number in range(PROOFS):
            seq = 1 + number * 7919 % records
            (record,) = await ledger.following(c, seq - 1, 1)
            await (await prover(c, seq)).prove(record, "")


async def measure(name: str, url: str, records: int) -> None:
    await asyncio.to_thread(database.migrate, url)
    db = database.connect(url)
    store = await a_store(db)
    empty = await size(db, url)
    sealer = Sealer(db, LogKey(bytes(32)), "bench.example/log", clock)
    filled = await timed(lambda: fill(db, store, records))
    before = await size(db, url) - empty
    sealed = await timed(sealer.seal_all)
    after = await size(db, url) - empty
    proved = await timed(lambda: prove(db, records))
    verified = await timed(lambda: audit.verify(db))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"| {name} | {records:,} | {records / filled:,.0f}/s | {records / sealed:,.0f}/s | "
        f"{PROOFS / proved:,.0f}/s | {records / verified:,.0f}/s | {before / records:,.0f} | "
        f"{after / records:,.0f} | {peak} MB |",
        flush=True,
    )
    await db.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=proof.BATCH_RECORDS, help="under one head")
    chosen = parser.parse_args()
    proof.BATCH_RECORDS = chosen.batch
    print(f"bar: {BAR_BYTES} bytes a record; {chosen.batch} records under one head\n")
    print(
        "| database | records | appended | sealed | proved | verified | bytes | sealed | memory |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        url = f"sqlite:///{folder}/bench.db"
        asyncio.run(measure("SQLite", url, chosen.records))
        server = PostgreSQL(Path(folder) / "server")
        try:
            asyncio.run(measure("PostgreSQL", server.empty_url(), chosen.records))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
