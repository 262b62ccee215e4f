"""How soon the service answers after its start: ``python -m tests.bench_start``.

From the start of ``consent serve`` to the first 200 of ``/readyz``, with one published store and
with a thousand, on SQLite and on PostgreSQL, in turns with the least that a start can cost: a bare
ASGI application on the same server, and Python that only imports what both are made of. Then, on
PostgreSQL, how soon a version that is published is live everywhere; see ``tests.bench_live``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

from tests import bench_live
from tests.bench_soak import publish
from tests.decisions_bench.load import ROOT
from tests.e2e.service import Service, free_port
from tests.faults.postgres import Server

POLL_SECONDS = 0.002
MOST_SECONDS = 60
HEAD = "| what starts | published stores | until it answers | processor time |\n|---|---|---|---|"
LEAST = [sys.executable, "-c", "import starlette, granian"]
PUBLICATIONS = 10
"""For each start of a kind."""
COMMANDS = (("--help",), ("explain", "--country", "DE"))


class Took(NamedTuple):
    """Seconds that passed, and seconds of processor time in the process and its children."""

    wall: float
    cpu: float


Start = Callable[[], Took]


def until_ready(command: list[str], folder: Path, environ: dict[str, str], port: int) -> Took:
    """Starts a service, waits for its first 200 of ``/readyz``, and stops it."""
    began = time.perf_counter()
    with (folder / "service.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - began > MOST_SECONDS:
                sys.exit(f"bench: {command}: it did not start; see {folder / 'service.log'}")
            time.sleep(POLL_SECONDS)
        wall = time.perf_counter() - began
        family = psutil.Process(process.pid)
        times = [one.cpu_times() for one in (family, *family.children(recursive=True))]
        return Took(wall, sum(one.user + one.system for one in times))
    finally:
        process.terminate()
        process.wait(timeout=MOST_SECONDS)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


def until_done(command: list[str], folder: Path, environ: dict[str, str]) -> Took:
    """Runs a command to its end."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system
    return Took(wall, cpu - before.children_user - before.children_system)


def of_service(folder: Path, url: str, stores: int) -> Start:
    """Our service over a new database with so many stores."""
    folder.mkdir()
    service = Service(folder, database_url=url)
    service.consent("migrate")
    asyncio.run(publish(url, stores))
    command = [*service.command, "--port", str(service.port)]
    return lambda: until_ready(command, folder, service.environ, service.port)


def of_bare(folder: Path) -> Start:
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port)]
    environ = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return lambda: until_ready([*command, "tests.bare:app"], folder, environ, port)


def measure(starts: dict[tuple[str, str], Start], rounds: int) -> None:
    """Prints the median of each, taken in turns; the first turn warms up and does not count."""
    took: dict[tuple[str, str], list[Took]] = {name: [] for name in starts}
    for turn in range(rounds + 1):
        for name, start in starts.items():
            one = start()
            if turn:
                took[name].append(one)
    for (what, stores), found in took.items():
        wall, cpu = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"| {what} | {stores} | {wall * 1000:,.0f} ms | {cpu * 1000:,.0f} ms |", flush=True)


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="starts of each (default 5)")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one database alone")
    options = parser.parse_args(given)
    load, environ = os.getloadavg()[0], {"PATH": os.defpath}
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        starts: dict[tuple[str, str], Start] = {
            ("`import starlette, granian`", ""): lambda: until_done(LEAST, folder, environ),
            ("bare ASGI app", ""): of_bare(folder / "bare"),
        }
        if options.only != "postgresql":
            for stores in (1, 1000):
                home = folder / f"sqlite-{stores}"
                url = f"sqlite:///{home / 'pixelgate.db'}"
                starts["service, SQLite", f"{stores:,}"] = of_service(home, url, stores)
        if options.only != "sqlite":
            server = Server()
            stack.callback(server.close)
            for stores in (1, 1000):
                url, home = server.new_url(f"stores_{stores}"), folder / f"postgresql-{stores}"
                starts["service, PostgreSQL", f"{stores:,}"] = of_service(home, url, stores)
        for words in COMMANDS:
            command = [sys.executable, "-m", "consent", *words]
            starts[f"`consent {' '.join(words)}`", ""] = lambda c=command: until_done(  # type: ignore[misc]
                c, folder, environ
            )
        print(HEAD, flush=True)
        measure(starts, options.rounds)
        if options.only != "sqlite":
            print()
            bench_live.measure(server, folder, PUBLICATIONS * options.rounds)
    print(f"\n{os.cpu_count()} cores, Python {platform.python_version()}, ", end="")
    print(f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after; medians of ", end="")
    print(f"{options.rounds} starts each, in turns.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
