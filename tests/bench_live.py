"""How soon a published version is live everywhere: ``python -m tests.bench_live``.

Two nodes of two workers each over one PostgreSQL with a thousand stores. From the end of the commit
that publishes a version until the last of the four workers answers ``loader.js`` with it, each of
them asked on a connection that it has taken. Publishing falls at any moment between two looks.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil

from consent import database, stores
from consent.web.app import utcnow
from consent.web.services import POLL_SECONDS
from tests.bench_soak import publish
from tests.e2e.service import Service
from tests.faults.postgres import Server
from tests.web.shop import SUMMIT

NODES, WORKERS, STORES = 2, 2, 1000
LOADER = "/s/shop-1/loader.js?en,false"
PAUSE_SECONDS = 0.002
MOST_SECONDS = 60
HEAD = (
    "| what is published | stores | live in | median | 95 of 100 | longest | publications |\n"
    "|---|---|---|---|---|---|---|"
)


class Line:
    """A kept-alive connection to one worker."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=MOST_SECONDS)
        self.ask()
        self.port: int = self._connection.sock.getsockname()[1]
        self.tag()

    def ask(self) -> None:
        """For the script that a visitor in Germany gets."""
        self._connection.request("GET", LOADER, headers={"CF-IPCountry": "DE"})

    def tag(self) -> str:
        """The ETag of the script that was asked for."""
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"bench: {LOADER}: {answer.status}; expected 200")
        return str(answer.headers["ETag"])

    def close(self) -> None:
        self._connection.close()


def line_to_each(service: Service) -> list[Line]:
    """One to each worker. Which of them takes a new connection is chance: as many as it takes."""
    found: dict[int, Line] = {}
    deadline = time.monotonic() + MOST_SECONDS
    while len(found) < WORKERS:
        if time.monotonic() > deadline:
            sys.exit(f"bench: {len(found)} workers answered; expected {WORKERS}")
        line = Line(service.port)
        worker = _worker(service, line)
        if found.setdefault(worker, line) is not line:
            line.close()
    return list(found.values())


def _worker(service: Service, line: Line) -> int:
    """The process at the other end of ``line``."""
    for worker in psutil.Process(service.pid).children():
        ports = [one.raddr.port for one in worker.net_connections() if one.raddr]
        if line.port in ports:
            return worker.pid
    sys.exit(f"bench: no worker holds the connection from port {line.port}")


def tags(lines: list[Line]) -> set[str]:
    """What the workers answer, all of them asked at once."""
    for line in lines:
        line.ask()
    return {line.tag() for line in lines}


async def publish_again(url: str, number: int) -> float:
    """Publishes another version of a store, and returns when it was committed."""
    shop = msgspec.structs.replace(SUMMIT, key="shop-1", name=f"Shop 1, {number}")
    opened = database.connect(url)
    async with opened.write() as c:
        await stores.save(c, shop, utcnow())
        await stores.publish(c, shop.key, utcnow())
    committed = time.perf_counter()
    await opened.close()
    return committed


def until_live(url: str, lines: list[Line], number: int) -> float:
    """Seconds from the commit of one more version until each of ``lines`` answers with it."""
    before = tags(lines)
    time.sleep(random.random() * POLL_SECONDS)
    committed = asyncio.run(publish_again(url, number))
    while before & tags(lines):
        if time.perf_counter() - committed > MOST_SECONDS:
            sys.exit(f"bench: the version before is still answered {MOST_SECONDS} s after")
        time.sleep(PAUSE_SECONDS)
    return time.perf_counter() - committed


def measure(server: Server, folder: Path, publications: int) -> None:
    """Prints the table."""
    url = server.new_url("live")
    with contextlib.ExitStack() as stack:
        lines: list[Line] = []
        for number in range(1, NODES + 1):
            home = folder / f"node-{number}"
            home.mkdir()
            node = Service(home, database_url=url)
            if number == 1:
                node.consent("migrate")
                asyncio.run(publish(url, STORES))
            node.start("--workers", str(WORKERS))
            stack.callback(node.stop)
            lines += line_to_each(node)
        for line in lines:
            stack.callback(line.close)
        took = sorted(until_live(url, lines, n) * 1000 for n in range(1, publications + 1))
    figures = (statistics.median(took), took[(len(took) - 1) * 95 // 100], took[-1])
    print(f"{HEAD}\n| a version of one store, PostgreSQL | {STORES:,} ", end="")
    print(f"| {WORKERS} workers of each of {NODES} nodes ", end="")
    print(*(f"| {one:,.0f} ms" for one in figures), f"| {publications} |", flush=True)


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_live", description=__doc__)
    parser.add_argument("--publications", type=int, default=100, help="how many (default 100)")
    options = parser.parse_args(given)
    load, server = os.getloadavg()[0], Server()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            measure(server, Path(name), options.publications)
    finally:
        server.close()
    print(f"\n{os.cpu_count()} cores, Python {platform.python_version()}, ", end="")
    print(f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
