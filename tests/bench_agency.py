"""What an agency's pages and changes cost: ``python -m tests.bench_agency [STORES] [URL]``.

Fills a new database (SQLite in a temporary folder, else the empty one at URL) with 300 stores of
one group, unless told otherwise, and ninety days of counts, and prints what each page and each
change takes: the first time, as after a start, then the best of the next seven, and of those the
processor time, which other work on the machine changes least.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import sqlalchemy as sa
from starlette.testclient import TestClient

from consent import accounts, bulk, counts, database, groups, stores
from consent.database import Database, tables
from consent.model import Group, Pixel, RegionRule, StoreConfig, Template
from consent.platforms import Platforms
from consent.regions import Regions
from consent.sessions import Session
from consent.texts import Texts
from consent.web.admin import sessions
from tests.conftest import Clock
from tests.web.admin.seed import SUMMIT
from tests.web.admin.stage import ORIGIN, open_app

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
DAYS = 90
TIMES = 8
PATHS = (
    *("/admin/stores", "/admin/stores?sort=declined", "/admin/stores?q=shop-29"),
    *("/admin/stores/shop-001", "/admin/groups/outdoor/apply"),
)
PLACES = ("DE", "FR", "GB", "US-CA", "NL")
MEASURES: dict[counts.Measure, int] = {"visit": 40, "accepted": 17, "declined": 12, "closed": 2}
TEMPLATE = Template(privacy_url="https://agency.example/privacy", regions={"*": RegionRule("eea")})
CHANGED = msgspec.structs.replace(TEMPLATE, coverage=True, regions={"US": RegionRule("eea")})


def _shop(n: int) -> StoreConfig:
    """Each with ids and words of its own."""
    return msgspec.structs.replace(
        SUMMIT,
        key=f"shop-{n:03}",
        name=f"Shop {n:03}",
        origins=(f"https://shop-{n:03}.example",),
        pixels=(Pixel("meta", str(10**14 + n)), Pixel("ga4", f"G-SHOP{n:06}")),
        texts={"en": {"banner.title": f"Your privacy at Shop {n}"}},
        group="outdoor",
    )


async def fill(db: Database, number: int) -> None:
    chance, began = random.Random(1), NOW - dt.timedelta(days=DAYS)
    async with db.write() as c:
        await groups.save(c, Group("outdoor", "Outdoor", TEMPLATE), began)
        for n in range(number):
            await stores.save(c, _shop(n), began)
            await stores.publish(c, _shop(n).key, began)
        await accounts.add(c, "owner@example.com", "none", "owner", None, began)
        row = Session(uuid.UUID(int=1), 1, NOW, NOW.date(), "Firefox")
        await c.execute(sa.insert(tables.sessions).values(msgspec.structs.asdict(row)))
    for store in range(1, number + 1):
        deltas: dict[counts.Key, int] = {}
        for back in range(DAYS * 4):
            hour = counts.hour_of(NOW) - dt.timedelta(hours=6 * back)
            for place in PLACES:
                for measure, n in MEASURES.items():
                    key = counts.Key(store, hour, place, "eea", "phone", "en", 1, measure)
                    deltas[key] = round(n * chance.uniform(0.5, 1.5))
        async with db.write() as c:
            await counts.add(c, deltas)


async def changes(db: Database) -> None:
    """A template changed, looked at for every store, and published in every store."""
    files = bulk.Files(Platforms.load(), Regions.load(), Texts.load())

    async def preview() -> None:
        async with db.read() as c:
            await bulk.preview(c, "outdoor", files, on=NOW.date())

    async with db.write() as c:
        await groups.save(c, Group("outdoor", "Outdoor", CHANGED), NOW)
    await _timed("template: preview", preview)
    times = []
    for turn in range(TIMES):
        template = TEMPLATE if turn % 2 else CHANGED
        async with db.write() as c:
            await groups.save(c, Group("outdoor", "Outdoor", template), NOW)
        began = _clocks()
        done = await bulk.apply(db, "outdoor", files, now=lambda: NOW)
        times.append(_since(began))
        assert all(one.version for one in done)
    _row("template: publish in every store", times)


async def _timed(name: str, work: Callable[[], Awaitable[object]]) -> None:
    times = []
    for _ in range(TIMES):
        began = _clocks()
        await work()
        times.append(_since(began))
    _row(name, times)


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> tuple[float, float]:
    """Seconds that passed, and seconds in which this process worked."""
    wall, cpu = _clocks()
    return wall - began[0], cpu - began[1]


def _row(name: str, times: list[tuple[float, float]]) -> None:
    (first, _), rest = times[0], times[1:]
    wall, cpu = min(one for one, _ in rest), min(one for _, one in rest)
    print(
        f"| {name} | {first * 1e3:,.0f} ms | {wall * 1e3:,.0f} ms | {cpu * 1e3:,.0f} ms |",
        flush=True,
    )


def pages(url: str, file: Path, folder: Path) -> None:
    app = open_app(file, Clock(NOW), folder, CONSENT_DATABASE_URL=url)
    with TestClient(app, base_url=ORIGIN, follow_redirects=False) as client:
        token = sessions.token(app.services, uuid.UUID(int=1))
        client.cookies.set(sessions.COOKIE, token, path="/admin")
        for path in PATHS:
            times = []
            for _ in range(TIMES):
                began = _clocks()
                answer = client.get(path)
                times.append(_since(began))
                assert answer.status_code == 200, answer.text
            _row(f"`{path}`, {len(answer.content):,} bytes", times)


async def run(number: int, url: str) -> None:
    db = database.connect(url)
    await fill(db, number)
    await db.close()


async def run_changes(url: str) -> None:
    db = database.connect(url)
    await changes(db)
    await db.close()


def main() -> None:
    logging.disable(logging.WARNING)
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "agency.db"
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{file}"
        database.migrate(url)
        asyncio.run(run(number, url))
        print("| what | first | best after it | processor time |\n|---|---|---|---|")
        pages(url, file, Path(folder))
        asyncio.run(run_changes(url))


if __name__ == "__main__":
    main()
