"""``python -m tests.bench_soak``: whether memory stays flat under a mixed load of many stores.

One process of ours, a thousand stores, ten minutes of everything that visitors send and some of
what nobody should. Prints memory, open files and requests each half minute, and what a kill at the
end lost of the counts. Ends with status 1 when memory grew, or when an answer of 201 is no record.
``--requests 1000000`` sends so many instead, in the mix of a day, and prints at each tenth of them.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import sqlalchemy as sa

from consent import audit, database, stores
from consent.database import tables
from consent.folding import FLUSH_SECONDS, MOST_COUNTS
from consent.web.app import utcnow
from tests.decisions_bench.load import HERE, get
from tests.e2e.service import Service
from tests.faults.postgres import Server
from tests.web.shop import SUMMIT

CONNECTIONS = 32
SAMPLE_SECONDS = 5.0
LONGEST_SECONDS = 3600
FLAT = 0.05
"""The most that memory may grow by from the middle third to the last, of what it was."""
SCRIPTS = Path(__file__).parent / "endpoints_bench"
HEAD = "| minute | scripts | memory | of it scripts | open files |\n|---|---|---|---|---|"
HEAD_REQUESTS = HEAD.replace("minute", "requests").replace("|\n", "| requests/s |\n") + "---|"


class Sample(NamedTuple):
    """The process after so many seconds."""

    seconds: float
    rss_mb: float
    kept_mb: float
    """Scripts in memory, at most; they are bounded, and may fill up for longer than this lasts."""


async def publish(url: str, number: int) -> None:
    opened = database.connect(url)
    now = utcnow()
    for start in range(1, number + 1, 100):
        async with opened.write() as c:
            for each in range(start, min(start + 100, number + 1)):
                shop = msgspec.structs.replace(SUMMIT, key=f"shop-{each}", name=f"Shop {each}")
                await stores.save(c, shop, now)
                await stores.publish(c, shop.key, now)
    await opened.close()


async def stored(url: str) -> tuple[int, int, str | None]:
    """How many decisions and counts of shown banners there are, and what is wrong with the log."""
    opened = database.connect(url)
    c = tables.counts.c
    async with opened.read() as connection:
        decisions = sa.select(sa.func.count()).select_from(tables.decisions)
        seen = sa.select(sa.func.coalesce(sa.func.sum(c.n), 0)).where(c.measure == "visit")
        found = [int((await connection.execute(one)).scalar_one()) for one in (decisions, seen)]
    report = await audit.verify(opened)
    await opened.close()
    return found[0], found[1], str(report.fault) if report.fault else None


def figures(service: Service) -> dict[str, float]:
    lines = get(f"{service.url}/metrics").decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


@contextmanager
def load(
    service: Service, folder: Path, banner: str, seconds: int, options: argparse.Namespace
) -> Iterator[Path]:
    """wrk while the block runs; what it said is in the file, and in ``sent`` each tenth."""
    script = folder / "soak.lua"
    mix = SCRIPTS / ("visits.lua" if options.requests else "mixed.lua")
    script.write_text(mix.read_text() + (HERE / "result.lua").read_text())
    told = folder / "wrk.txt"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s"]
    seed = str(time.time_ns() // 1000 % 2**31)
    with told.open("w") as file:
        process = subprocess.Popen(
            [*command, "-s", str(script), service.url],
            env={
                "PATH": "/usr/bin:/bin:/usr/local/bin",
                "SEED": seed,
                "BANNER": banner,
                "STORES": str(options.stores),
                "REQUESTS": str(options.requests),
                "TOLD": str(folder / "sent"),
            },
            stdout=file,
        )
        try:
            yield told
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def watch(service: Service, seconds: int) -> list[Sample]:
    worker = psutil.Process(service.pid).children()[0]
    samples: list[Sample] = []
    began, shown = time.monotonic(), 0.0
    while (passed := time.monotonic() - began) < seconds:
        cells = _sampled(service, worker, samples, passed)
        if passed >= shown:
            print(f"| {passed / 60:.1f} | {cells} |", flush=True)
            shown += 30
        time.sleep(SAMPLE_SECONDS)
    return samples


def watch_requests(service: Service, sent: Path, requests: int) -> list[Sample]:
    """Until so many were sent; prints at each tenth of them."""
    worker = psutil.Process(service.pid).children()[0]
    samples: list[Sample] = []
    began, before, done = time.monotonic(), 0.0, 0
    while done < requests // 10 * 10:
        time.sleep(0.5)
        passed = time.monotonic() - began
        cells = _sampled(service, worker, samples, passed)
        lines = sent.read_text().split() if sent.exists() else []
        if lines and int(lines[-1]) > done:
            rate = (int(lines[-1]) - done) / (passed - before)
            before, done = passed, int(lines[-1])
            print(f"| {done:,} | {cells} | {rate:,.0f}/s |", flush=True)
    return samples


def _sampled(service: Service, worker: psutil.Process, samples: list[Sample], passed: float) -> str:
    """Takes one sample, and gives the cells that tell of it."""
    told = figures(service)
    served = told["pixelgate_scripts_served_total"]
    kept = told["pixelgate_scripts_kept_bytes"] / 1e6
    memory = worker.memory_info().rss / 1e6
    samples.append(Sample(passed, memory, kept))
    return f"{served:,.0f} | {memory:.0f} MB | {kept:.0f} MB | {worker.num_fds()}"


def growth(samples: list[Sample]) -> float:
    """Of the memory's median beside scripts, from the middle third of the time to the last, as a
    share of it.
    """
    sizes = [one.rss_mb - one.kept_mb for one in samples]
    middle, last = sizes[len(sizes) // 3 : len(sizes) * 2 // 3], sizes[len(sizes) * 2 // 3 :]
    before = statistics.median(middle or last)
    return (statistics.median(last) - before) / before


def soak(url: str, folder: Path, options: argparse.Namespace) -> int:
    service = Service(folder, database_url=url)
    service.consent("migrate")
    asyncio.run(publish(url, options.stores))
    service.start()
    loader = get(f"{service.url}/s/shop-1/loader.js?en,false", CF_IPCountry="DE").decode()
    banner = re.search(r',"([0-9a-f]{64})"\)$', loader)
    assert banner is not None
    seconds = LONGEST_SECONDS if options.requests else int(options.minutes * 60)
    print(HEAD_REQUESTS if options.requests else HEAD, flush=True)
    with load(service, folder, banner[1], seconds, options) as told:
        if options.requests:
            samples = watch_requests(service, folder / "sent", options.requests)
        else:
            samples = watch(service, seconds - 2)
        at_kill = figures(service)
        service.stop(signal.SIGKILL)
    said = json.loads(re.search(r"RESULT (\{.*\})", told.read_text())[1])  # type: ignore[index]
    decisions, seen, fault = asyncio.run(stored(url))
    waited = at_kill["pixelgate_counts_waiting"]
    grown = growth(samples)
    answered = at_kill['pixelgate_decisions_answered_total{action="reject_all"}']
    print(
        f"\n{said['requests']:,} requests in {said['seconds']:.0f} s to {options.stores:,} stores "
        f"({said['requests'] / said['seconds']:,.0f}/s, p50 {said['p50_ms']:.1f} ms, "
        f"p99 {said['p99_ms']:.1f} ms), {decisions:,} decisions, {seen:,} counts of shown banners. "
        f"Memory {samples[-1].rss_mb:.0f} MB, of it at most {samples[-1].kept_mb:.0f} MB scripts; "
        f"the rest {grown:+.1%} from the middle third of the time to the last. "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, "  # noqa: TID251
        f"load {os.getloadavg()[0]:.1f}."
    )
    print(
        f"Killed at the end: {waited:,.0f} counts waited shortly before; bound: {FLUSH_SECONDS:g} s"
        f" or {MOST_COUNTS:,}."
    )
    faults = []
    if grown > FLAT:
        faults.append(f"memory grew by {grown:.1%}; expected at most {FLAT:.0%}")
    if decisions < answered:
        faults.append(f"{decisions} records; expected {answered:.0f}, as many as were answered")
    if fault:
        faults.append(f"the log: {fault}")
    for one in faults:
        print(f"bench: {one}", file=sys.stderr)
    return 1 if faults else 0


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--requests", type=int, default=0, help="so many, however long it takes")
    parser.add_argument("--stores", type=int, default=1000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args(given)
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk was not found; install it with `apt-get install wrk`")
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        if options.database == "sqlite":
            return soak(f"sqlite:///{folder / 'pixelgate.db'}", folder, options)
        server = Server()
        try:
            return soak(server.new_url("soak"), folder, options)
        finally:
            server.close()


if __name__ == "__main__":
    sys.exit(main())
