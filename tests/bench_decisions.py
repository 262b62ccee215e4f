"""Durable decisions per second: ``python -m tests.bench_decisions``.

One process of ours over SQLite and over PostgreSQL, a bare ASGI application on the same server,
and c15t's backend over the same PostgreSQL, in turns, so that a busy minute hits all alike. What
counts are the ratios. After each of our runs the ledger is counted: an answer of 201 that is not a
record ends the bench.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.decisions_bench import fill, peer
from tests.decisions_bench.load import Rate, bare, get, post
from tests.e2e.service import PUBLISHED, Service
from tests.faults.postgres import Server

ORIGIN = "https://summit.example"
CONNECTIONS = (1, 16, 64)
HEAD = (
    "| database | records before | connections | ours | p50 | p99 | bare ASGI app | ratio "
    f"| {peer.NAME} | ratio | processor time each |\n|{'---|' * 11}"
)
Post = Callable[[int], Rate]


class Ours:
    """Our service over one database, and a count of what its ledger holds."""

    def __init__(self, folder: Path, url: str, run: Callable[[str], str]) -> None:
        self.service = Service(folder, database_url=url)
        # One store gets here what its limit would keep for its neighbours.
        self.service.environ["CONSENT_POSTS_PER_STORE"] = "0"
        self._folder = folder
        self._run = run
        self._banner = ""
        self.stored = 0
        """How many posts were answered with 201."""

    def open(self, fill_with: Callable[[], None] | None) -> None:
        self.service.consent("migrate")
        self.service.publish(PUBLISHED.format(origin=ORIGIN))
        self.service.start()
        loader = get(f"{self.service.url}/s/summit/loader.js?en,false", CF_IPCountry="DE")
        found = re.search(r',"([0-9a-f]{64})"\)$', loader.decode())
        assert found is not None
        self._banner = found[1]
        self.load(1, 1)
        if fill_with is not None:
            self.service.stop()
            fill_with()
            self.service.consent("ledger", "seal")
            self.service.start()

    def records(self) -> int:
        return int(self._run("SELECT coalesce(max(seq), 0) FROM decisions"))

    def post(self, seconds: int) -> Post:
        def measured(connections: int) -> Rate:
            before = self.records()
            rate = self.load(connections, seconds)
            if self.records() - before < rate.requests:
                sys.exit(f"bench: {rate.requests} answers of 201, fewer records; expected as many")
            return rate

        return measured

    def load(self, connections: int, seconds: int) -> Rate:
        options = {"connections": connections, "seconds": seconds, "BANNER": self._banner}
        rate = post(self.service.url, "ours", self._folder, pid=self.service.pid, **options)
        self.stored += rate.requests
        return rate


def median(rates: list[Rate]) -> Rate:
    return Rate(
        *(statistics.median(one[field] for one in rates) for field in range(len(Rate._fields)))
    )


def measure(database: str, records: int, ours: Post, others: dict[str, Post], rounds: int) -> None:
    """Prints one line for each number of connections; processor times are in the same order."""
    for connections in CONNECTIONS:
        rates: dict[str, list[Rate]] = {name: [] for name in ("ours", *others)}
        for _ in range(rounds):
            for name, run in {"ours": ours, **others}.items():
                rates[name].append(run(connections))
        own = median(rates["ours"])
        line = [database, f"{records:,}", str(connections), f"{own.per_second:,.0f}/s"]
        line += [f"{own.p50_ms:.1f} ms", f"{own.p99_ms:.1f} ms"]
        for name in ("bare", "c15t"):
            if name in others:
                its = median(rates[name]).per_second
                if not its:
                    line += ["none in time", ""]
                    continue
                share = own.per_second / its
                line += [f"{its:,.0f}/s", f"{share:.0%}" if name == "bare" else f"{share:.1f} x"]
            else:
                line += ["not measured", ""]
        spent = (f"{median(some).cpu_us:,.0f}" for some in rates.values())
        line.append(f"{' / '.join(spent)} us")
        print(f"| {' | '.join(line)} |", flush=True)


def posts_bare(server: tuple[str, int], folder: Path, seconds: int) -> Post:
    url, pid = server
    options = {"pid": pid, "seconds": seconds, "BANNER": "0" * 64}
    return lambda connections: post(url, "ours", folder, connections=connections, **options)


def on_sqlite(options: argparse.Namespace, folder: Path, bare_app: tuple[str, int]) -> None:
    import sqlite3

    url = f"sqlite:///{folder / 'pixelgate.db'}"

    def run(query: str) -> str:
        with contextlib.closing(sqlite3.connect(folder / "pixelgate.db")) as opened:
            return str(opened.execute(query).fetchone()[0])

    ours = Ours(folder, url, run)
    n = options.records
    ours.open((lambda: fill.fill_sqlite(url, n)) if n else None)
    try:
        others = {"bare": posts_bare(bare_app, folder, options.seconds)}
        measure("SQLite", ours.records(), ours.post(options.seconds), others, options.rounds)
    finally:
        ours.service.stop()


def on_postgresql(
    options: argparse.Namespace, folder: Path, bare_app: tuple[str, int], why: str
) -> None:
    server = Server()
    try:
        url = server.new_url("pixelgate")
        ours = Ours(folder, url, lambda query: server.run(url, query))
        n = options.records
        ours.open((lambda: server.run(url, fill.statement("postgresql", n))) if n else None)
        try:
            others = {"bare": posts_bare(bare_app, folder, options.seconds)}
            with _peer(options, server, folder) if not why else contextlib.nullcontext() as its:
                if its is not None:
                    others["c15t"] = its
                before = ours.records()
                own = ours.post(options.seconds)
                measure("PostgreSQL", before, own, others, options.rounds)
        finally:
            ours.service.stop()
    finally:
        server.close()


@contextlib.contextmanager
def _peer(options: argparse.Namespace, server: Server, folder: Path) -> Iterator[Post]:
    url = server.new_url("c15t")
    with peer.c15t(server.folder, "c15t", folder / "c15t.log") as (its, pid):

        def measured(connections: int, seconds: int = options.seconds) -> Rate:
            return post(its, "c15t", folder, pid=pid, connections=connections, seconds=seconds)

        measured(1, 1)
        if options.records:
            server.run(url, fill.C15T.format(records=options.records))
        yield measured


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_decisions", description=__doc__)
    parser.add_argument("--records", type=int, default=0, help="fill the ledger first; to 10000000")
    parser.add_argument("--seconds", type=int, default=4, help="of each run (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turns (default 3)")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one database alone")
    parser.add_argument("--no-peer", action="store_true", help="leave c15t out")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    options = _arguments(given)
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk was not found; install it with `apt-get install wrk`")
    why = "--no-peer" if options.no_peer else peer.why_not()
    began, load = time.strftime("%Y-%m-%d %H:%M", time.gmtime()), os.getloadavg()[0]
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        scratch = Path(name)
        with bare(scratch / "bare", b"x" * 700, 201) as bare_app:
            for database in ("sqlite", "postgresql"):
                if options.only not in (None, database):
                    continue
                folder = scratch / database
                folder.mkdir()
                if database == "sqlite":
                    on_sqlite(options, folder, bare_app)
                else:
                    on_postgresql(options, folder, bare_app, why)
    print(f"\n{os.cpu_count()} cores, Python {platform.python_version()}, {began} UTC, ", end="")
    print(f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after; ", end="")
    print(f"{options.rounds} runs of {options.seconds} s each, in turns.")
    if why:
        print(f"Without {peer.NAME}: {why}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
