"""Requests per second and latencies of each visitor endpoint: ``python -m tests.bench_endpoints``.

One process of ours over SQLite, and a bare ASGI application on the same server that answers the
same bytes, headers and all, in turns. What counts are the ratios and the tails. Then what it costs
to compose a script that is not in memory.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import shutil
import statistics
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from consent.regions import Regions
from consent.texts import Texts
from tests.bench_decisions import Ours, median
from tests.decisions_bench.load import Rate, bare, cpu_seconds, post
from tests.e2e.service import Service

CONNECTIONS = 64
SCRIPTS = Path(__file__).parent / "endpoints_bench"
HEAD = (
    "| endpoint | bytes | ours | p50 | p99 | p99.9 | bare ASGI app | ratio "
    "| processor time each |\n|" + "---|" * 9
)
COMPOSING_HEAD = (
    "| composing a script that is not in memory | scripts | texts | processor time each |\n"
    "|" + "---|" * 4
)
LOADER = "/s/summit/loader.js?en,true"
OF_THE_SERVER = ("date", "server", "content-length")
RECORDS = 600
"""Before the bench, so that the log has whole tiles."""


class Endpoint(NamedTuple):
    """What is asked again and again. ``body`` makes it a post."""

    name: str
    target: str
    body: str = ""
    etag: str = ""

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    def ask(self, url: str) -> tuple[int, bytes, dict[str, str]]:
        """One answer: status, body, and the headers that the application gave it."""
        headers = {"CF-IPCountry": "DE", "Accept-Encoding": "br", "Content-Type": "text/plain"}
        if self.body:
            headers["Origin"] = "https://summit.example"
        if self.etag:
            headers["If-None-Match"] = self.etag
        address = urllib.parse.urlsplit(url)
        line = http.client.HTTPConnection(str(address.hostname), address.port)
        with contextlib.closing(line):
            line.request(self.method, self.target, self.body or None, headers)
            answer = line.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            given = {name: said[name] for name in said if name not in OF_THE_SERVER}
            return answer.status, answer.read(), given


def endpoints(service: Service, decision: str) -> Iterator[Endpoint]:
    loader = Endpoint("loader.js, returning visitor", LOADER)
    yield loader
    yield Endpoint("loader.js, 304", LOADER, etag=loader.ask(service.url)[2]["etag"])
    yield Endpoint("loader.js, first visit", "/s/summit/loader.js?en,false")
    yield Endpoint("seen", "/s/summit/seen", '{"version":1,"entry":true,"language":"de"}')
    yield Endpoint("receipts", f"/s/summit/receipts/{decision}")
    yield Endpoint("checkpoint", "/log/checkpoint")
    yield Endpoint("tile", "/log/tile/0/000")


def a_decision(service: Service) -> str:
    """The id of one that the ledger holds, sealed."""
    lines = service.consent("ledger", "export", "--format", "jsonl").splitlines()
    return str(json.loads(lines[0])["id"])


def line(name: str, size: int, ours: list[Rate], least: list[Rate]) -> str:
    own = median(ours)
    its = statistics.median(one.per_second for one in least)
    cells = [name, f"{size:,}", f"{own.per_second:,.0f}/s"]
    cells += [f"{ms:.1f} ms" for ms in (own.p50_ms, own.p99_ms, own.p999_ms)]
    cells += [f"{its:,.0f}/s", f"{own.per_second / max(its, 0.1):.0%}"]
    spent = f"{own.cpu_us:,.0f} / {median(least).cpu_us:,.0f} us"
    return f"| {' | '.join([*cells, spent])} |"


def measure(ours: Ours, folder: Path, seconds: int, rounds: int) -> None:
    service = ours.service
    service.consent("ledger", "seal")
    for endpoint in endpoints(service, a_decision(service)):
        status, body, headers = endpoint.ask(service.url)
        rates: tuple[list[Rate], list[Rate]] = ([], [])
        with bare(folder / f"bare-{time.monotonic_ns()}", body, status, headers) as (url, pid):
            for _ in range(rounds):
                for where, of, into in (
                    (service.url, service.pid, rates[0]),
                    (url, pid, rates[1]),
                ):
                    rate = post(
                        where,
                        "one",
                        folder,
                        pid=of,
                        connections=CONNECTIONS,
                        seconds=seconds,
                        scripts=SCRIPTS,
                        METHOD=endpoint.method,
                        TARGET=endpoint.target,
                        BODY=endpoint.body,
                        ETAG=endpoint.etag,
                    )
                    into.append(rate)
        print(line(endpoint.name, len(body), *rates), flush=True)


def composing(service: Service) -> Iterator[str]:
    """What scripts cost that nobody has asked for yet. One text is compressed once.

    Each language is asked for elsewhere before, since its first script reads its texts.
    """
    first, *others = sorted(code for code in Regions.load().groups["us"] if "-" in code)
    languages = sorted({*Texts.load().languages} - {"en"})
    path = LOADER.partition("?")[0]
    scripts_of(service, [(LOADER, first), *((f"{path}?{one},true", first) for one in languages)])
    for name, asked in (
        ("of a text that another place has", [(LOADER, state) for state in others]),
        ("returning visitor", [(f"{path}?{one},true", "DE") for one in languages]),
        ("first visit", [(f"{path}?{one},false", "DE") for one in languages]),
    ):
        before = cpu_seconds(service.pid)
        texts = scripts_of(service, asked)
        each = (cpu_seconds(service.pid) - before) / len(asked)
        yield f"| {name} | {len(asked)} | {len(texts)} | {each * 1e3:.1f} ms |"


def scripts_of(service: Service, asked: Sequence[tuple[str, str]]) -> set[str]:
    """Asks for each target in its place, over one connection; the ETags of what came."""
    tags = set()
    line = http.client.HTTPConnection("127.0.0.1", service.port)
    with contextlib.closing(line):
        for target, place in asked:
            country, _, state = place.partition("-")
            line.request("GET", target, headers={"CF-IPCountry": country, "CF-Region-Code": state})
            answer = line.getresponse()
            answer.read()
            tags.add(answer.headers["ETag"])
    return tags


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_endpoints", description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="of each run (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turns (default 3)")
    options = parser.parse_args(given)
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk was not found; install it with `apt-get install wrk`")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        ours = Ours(folder, f"sqlite:///{folder / 'pixelgate.db'}", lambda _: "0")
        ours.open(None)
        try:
            while ours.stored < RECORDS:
                ours.load(CONNECTIONS, 1)
            print(HEAD, flush=True)
            with bare(folder / "bare-decisions", b"x" * 700, 201) as (url, pid):
                own, least = [], []
                for _ in range(options.rounds):
                    own.append(ours.load(CONNECTIONS, options.seconds))
                    its = post(
                        url,
                        "ours",
                        folder,
                        pid=pid,
                        connections=CONNECTIONS,
                        seconds=options.seconds,
                        BANNER="0" * 64,
                    )
                    least.append(its)
            print(line("decisions, each on disk", 700, own, least), flush=True)
            measure(ours, folder, options.seconds, options.rounds)
            print(f"\n{COMPOSING_HEAD}", *composing(ours.service), sep="\n", flush=True)
        finally:
            ours.service.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
