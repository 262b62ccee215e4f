"""Look-ups, searches and exports in a large ledger: ``python -m tests.bench_search [N] [URL]``.

Fills a new database (SQLite in a temporary folder, else the empty one at URL) with N records of
twenty stores, a million unless told otherwise, and prints what each question takes, the best of
three.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from consent import database, export, ledger, search
from consent.database import Database, tables
from consent.filters import LedgerFilter
from consent.model import Version
from consent.regions import Regions
from tests.web.admin.seed import HARBOR, SUMMIT, Seed

BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
BATCH = 5000
PLACES = {"DE": 210, "US": 170, "FR": 96, "GB": 84, "NL": 33, "BR": 22, "JP": 14, "IS": 0.01}
ACTIONS = {"accept_all": 45, "reject_all": 35, "save": 6, "close": 6, "gpc": 6, "withdraw": 2}
LANGUAGES = {"US": "en", "GB": "en", "FR": "fr"}


async def fill(db: Database, number: int, *, of: int | None = None) -> None:
    """Writes records past the ledger's own checks, which would take hours.

    Args:
        db: migrated and empty.
        number: of them.
        of: by how many the time that they cover is divided; None: by themselves.
    """
    seed = Seed(db, BEGAN)
    shops = [SUMMIT] + [msgspec.structs.replace(HARBOR, key=f"shop-{n}") for n in range(19)]
    versions = [await seed.store(shop) for shop in shops]
    await seed.decisions(versions[0], 100)
    async with db.read() as c:
        head = await ledger.last(c)
        regimes = list((await c.execute(sa.select(tables.regimes.c.id))).scalars())
        banners = list((await c.execute(sa.select(tables.banners.c.sha256))).scalars())
    pick = random.Random(1)
    for start in range(head + 1, head + number + 1, BATCH):
        last = min(start + BATCH, head + number + 1)
        rows = [
            _row(pick, seq, of or number, versions, regimes, banners) for seq in range(start, last)
        ]
        async with db.write() as c:
            await c.execute(sa.insert(tables.decisions), rows)
    if db.dialect == "postgresql":
        async with db.write() as c:
            await c.exec_driver_sql("ANALYZE decisions")


def _row(
    pick: random.Random,
    seq: int,
    number: int,
    versions: list[Version],
    regimes: list[int],
    banners: list[str],
) -> dict[str, Any]:
    country = pick.choices(list(PLACES), list(PLACES.values()))[0]
    action = pick.choices(list(ACTIONS), list(ACTIONS.values()))[0]
    version = pick.choices(versions, [100] + [10] * (len(versions) - 1))[0]
    granted = action == "accept_all" or (action in ("save", "close") and pick.random() < 0.5)
    return {
        "seq": seq,
        "at": BEGAN + dt.timedelta(days=300) * (seq / number),
        "id": uuid.UUID(bytes=pick.randbytes(16)),
        "visitor": uuid.UUID(bytes=pick.randbytes(16)),
        "salt": pick.randbytes(16),
        "store_id": version.store_id,
        "version_id": version.id,
        "banner_sha256": pick.choice(banners),
        "regime_id": regimes[list(PLACES).index(country) % len(regimes)],
        "preferences": granted,
        "analytics": granted,
        "marketing": granted != (action == "save"),
        "gpc_header": action == "gpc",
        "gpc_property": action == "gpc",
        "action": action,
        "language": LANGUAGES.get(country, "de"),
        "device": pick.choices(("phone", "desktop", "tablet"), (60, 35, 5))[0],
        "country": country,
        "subdivision": pick.choice(("US-CA", "US-TX", "US-WY")) if country == "US" else None,
        "place_source": "database",
    }


async def measure(db: Database) -> None:
    async with db.read() as c:
        head = await ledger.last(c)
        (one,) = await ledger.by_seqs(c, [head // 2])
    eea = tuple(sorted(Regions.load().groups["eea"]))
    await _timed(db, "a decision by its id", lambda c: ledger.get(c, one.id))
    await _timed(db, "a visitor's history", lambda c: ledger.history(c, one.store, one.visitor))
    for name, filter_ in {
        "everything": LedgerFilter(),
        "one store": LedgerFilter(stores=("summit",)),
        "a place": LedgerFilter(places=("DE",)),
        "a rare place": LedgerFilter(places=("IS",)),
        "a state": LedgerFilter(places=("US-WY",)),
        "the EEA": LedgerFilter(places=eea),
        "a regime": LedgerFilter(regime="eea"),
        "withdrawals": LedgerFilter(action="withdraw"),
        "some granted": LedgerFilter(kind="some"),
        "a version": LedgerFilter(stores=("summit",), version=1),
        "a language": LedgerFilter(language="fr"),
        "looser rules": LedgerFilter(looser=True),
        "half of the time": LedgerFilter(until=one.at),
        "two that exclude each other": LedgerFilter(places=("DE",), language="en"),
    }.items():
        await _timed(db, f"{name}: a page", lambda c, f=filter_: search.find(c, f, limit=50))
        await _timed(db, f"{name}: the total", lambda c, f=filter_: search.count(c, f))
    for format_ in export.FORMATS:
        began, records, size = time.perf_counter(), 0, 0
        async for piece in export.pieces(db, LedgerFilter(), format_, until=head):
            records += piece.records
            size += len(piece.content)
        rate = records / (time.perf_counter() - began)
        print(f"| export as {format_} | {rate:,.0f} records/s, {size / records:.0f} bytes each |")


async def _timed(db: Database, name: str, question: Callable[[Any], Awaitable[Any]]) -> None:
    times = []
    for _ in range(3):
        async with db.read() as c:
            began = time.perf_counter()
            await question(c)
            times.append(time.perf_counter() - began)
    print(f"| {name} | {min(times) * 1000:.1f} ms |", flush=True)


async def _size_bytes(db: Database) -> int:
    async with db.read() as c:
        if db.dialect == "postgresql":
            query = "SELECT pg_total_relation_size('decisions')"
        else:
            query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        return int((await c.exec_driver_sql(query)).scalar_one())


async def run(number: int, url: str) -> None:
    db = database.connect(url)
    await fill(db, number)
    print(f"| {number:,} records | {await _size_bytes(db) / number:.0f} bytes each |", flush=True)
    await measure(db)
    await db.close()


def fill_and_measure(number: int, url: str) -> None:
    database.migrate(url)
    asyncio.run(run(number, url))


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{Path(folder) / 'bench.db'}"
        fill_and_measure(number, url)


if __name__ == "__main__":
    main()
