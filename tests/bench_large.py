"""The ledger at ten million records: ``python -m tests.bench_large --keep FOLDER``.

Fills a ledger of twenty stores once, seals it, and keeps it in the folder; then measures look-ups,
exports, the page of decline rates, and how many decisions a second it still stores durably. To fill
ten million takes about half an hour and 6 GB; what is measured afterwards a few minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import sqlalchemy as sa
from starlette.testclient import TestClient

from consent import accounts, database, ledger
from consent.database import Database, tables
from consent.sessions import Session
from consent.web.admin import sessions
from tests.bench_decisions import CONNECTIONS, median
from tests.bench_ledger import clock
from tests.bench_search import BEGAN
from tests.conftest import Clock
from tests.decisions_bench import many
from tests.decisions_bench.load import Rate, bare, get, post
from tests.e2e.service import Service
from tests.faults.postgres import Server
from tests.web.admin.stage import ORIGIN, open_app

LOOKUPS = 300
PAGES = 20
RATES = ("/admin/rates?store=summit", "/admin/rates", "/admin/rates?store=summit&period=all")
READY = "filled"
PARTS = "lookup,rates,csv,jsonl,decisions"


def row(what: str, found: str) -> None:
    print(f"| {what} | {found} |", flush=True)


async def size(db: Database) -> int:
    """Bytes on disk, every index and the log's tree included."""
    async with db.read() as c:
        if db.dialect == "postgresql":
            query = "SELECT pg_database_size(current_database())"
        else:
            query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        return int((await c.exec_driver_sql(query)).scalar_one())


async def fill(url: str, number: int, service: Service) -> None:
    db = database.connect(url)
    empty, began = await size(db), time.perf_counter()
    async for records in many.fill(db, number):
        passed = time.perf_counter() - began
        print(f"bench: {records:,} records after {passed:.0f} s", file=sys.stderr, flush=True)
    records = await size(db) - empty
    row(f"{number:,} records", f"{records / number:.0f} bytes each, in {_since(began)}")
    await db.close()
    began = time.perf_counter()
    await asyncio.to_thread(service.consent, "ledger", "seal")
    db = database.connect(url)
    sealed = await size(db) - empty
    row("sealed", f"{sealed / number:.0f} bytes each with the tree, in {_since(began)}")
    began = time.perf_counter()
    rows = await many.count(db)
    counts = await size(db) - empty - sealed
    row("counts", f"{rows:,} rows, {counts / rows:.0f} bytes each, in {_since(began)}")
    await db.close()


def _since(began: float) -> str:
    return f"{time.perf_counter() - began:,.0f} s"


async def look_up(url: str) -> None:
    db = database.connect(url)
    async with db.read() as c:
        last = await ledger.last(c)
        some = await ledger.by_seqs(c, [1 + n * 7919 * 7919 % last for n in range(LOOKUPS)])
    row("records in the ledger", f"{last:,}")
    await _each(db, "by id", [lambda c, r=r: ledger.get(c, r.id) for r in some])
    asked = [lambda c, r=r: ledger.history(c, r.store, r.visitor) for r in some]
    await _each(db, "by visitor", asked)
    await db.close()


async def _each(db: Database, name: str, asked: list[Callable[[Any], Awaitable[Any]]]) -> None:
    times = []
    for question in asked:
        began = time.perf_counter()
        async with db.read() as c:
            await question(c)
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    found = f"median {statistics.median(times):.1f} ms, p99 {times[len(times) * 99 // 100]:.1f} ms"
    row(f"look-up {name}, {len(times)} others one after another", found)


def export(service: Service, format_: str) -> None:
    """By the command, whose process tells how much memory it takes for a part and for all."""
    for whole in (False, True):
        records, seconds, peak = _exported(service, format_, whole=whole)
        what = f"export as {format_}, {'all' if whole else 'a hundredth of the time'}"
        row(what, f"{records:,} records, {records / seconds:,.0f}/s, memory {peak:.0f} MB")


def _exported(service: Service, format_: str, *, whole: bool) -> tuple[int, float, float]:
    options = ["ledger", "export", "--format", format_]
    if not whole:
        options += ["--until", (BEGAN + many.SPAN / 100).isoformat()]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "consent", *options],
        cwd=service.folder,
        env=service.environ,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    lines, peak, watched = 0, 0.0, psutil.Process(process.pid)
    while piece := process.stdout.read(1 << 20):
        lines += piece.count(b"\n")
        peak = max(peak, watched.memory_info().rss / 1e6)
    if process.wait():
        sys.exit(f"bench: consent {' '.join(options)}: it failed")
    return lines - (format_ == "csv"), time.perf_counter() - began, peak


async def add_owner(url: str) -> None:
    db = database.connect(url)
    now = BEGAN + many.SPAN
    async with db.write() as c:
        if (await c.execute(sa.select(sa.func.count()).select_from(tables.users))).scalar_one():
            return
        await accounts.add(c, "owner@example.com", "none", "owner", None, now)
        session = Session(uuid.UUID(int=1), 1, now, now.date(), "Firefox")
        await c.execute(sa.insert(tables.sessions).values(msgspec.structs.asdict(session)))
    await db.close()


def pages(url: str, folder: Path) -> None:
    app = open_app(folder / "none", Clock(BEGAN + many.SPAN), folder, CONSENT_DATABASE_URL=url)
    with TestClient(app, base_url=ORIGIN, follow_redirects=False) as client:
        token = sessions.token(app.services, uuid.UUID(int=1))
        client.cookies.set(sessions.COOKIE, token, path="/admin")
        for path in RATES:
            times = []
            for _ in range(PAGES):
                began = time.perf_counter()
                answer = client.get(path)
                times.append((time.perf_counter() - began) * 1000)
                assert answer.status_code == 200, answer.text
            row(f"`{path}`", f"median {statistics.median(times):.0f} ms, most {max(times):.0f} ms")


def decisions(service: Service, folder: Path, seconds: int, rounds: int) -> None:
    """Beside the bare application, in turns."""
    service.start()
    loader = get(f"{service.url}/s/summit/loader.js?en,false", CF_IPCountry="DE")
    found = re.search(r',"([0-9a-f]{64})"\)$', loader.decode())
    assert found is not None
    try:
        with bare(folder / f"bare-{time.monotonic_ns()}", b"x" * 700, 201) as (its, pid):
            for connections in CONNECTIONS:
                own: list[Rate] = []
                least: list[Rate] = []
                options: dict[str, Any] = {"connections": connections, "seconds": seconds}
                for _ in range(rounds):
                    url, ours = service.url, service.pid
                    own.append(post(url, "ours", folder, pid=ours, BANNER=found[1], **options))
                    least.append(post(its, "ours", folder, pid=pid, BANNER="0" * 64, **options))
                rate, floor = median(own), median(least)
                row(
                    f"durable decisions, {connections} connections",
                    f"{rate.per_second:,.0f}/s, p50 {rate.p50_ms:.1f} ms, p99 {rate.p99_ms:.1f} ms;"
                    f" bare app {floor.per_second:,.0f}/s",
                )
    finally:
        service.stop()


def measure(url: str, folder: Path, options: argparse.Namespace, service: Service) -> None:
    began, load = f"{clock():%Y-%m-%d %H:%M} UTC", os.getloadavg()[0]
    if "lookup" in options.only:
        asyncio.run(look_up(url))
    if "rates" in options.only:
        asyncio.run(add_owner(url))
        pages(url, folder)
    for format_ in ("csv", "jsonl"):
        if format_ in options.only:
            export(service, format_)
    if "decisions" in options.only:
        decisions(service, folder, options.seconds, options.rounds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{began}, load {load:.1f} before and {os.getloadavg()[0]:.1f} after; {peak:.0f} MB.")


def run(url: str, folder: Path, options: argparse.Namespace) -> None:
    service = Service(folder, database_url=url)
    print("| what | measured |\n|---|---|", flush=True)
    if not (folder / READY).exists():
        database.migrate(url)
        asyncio.run(fill(url, options.records, service))
        (folder / READY).touch()
    if not options.fill_only:
        measure(url, folder, options, service)


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_large", description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000, help="in hundred thousands")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--keep", type=Path, help="the folder of a SQLite ledger, filled or not")
    parser.add_argument("--fill-only", action="store_true", help="measure another time")
    parser.add_argument("--seconds", type=int, default=4, help="of each run (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turns (default 3)")
    parser.add_argument("--only", default=PARTS, help=f"some of {PARTS} (default all)")
    options = parser.parse_args(given)
    options.only = options.only.split(",")
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk was not found; install it with `apt-get install wrk`")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if options.database == "sqlite":
            run(f"sqlite:///{(folder / 'pixelgate.db').resolve()}", folder, options)
            return 0
        server = Server()
        try:
            run(server.new_url("pixelgate"), folder, options)
        finally:
            server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
