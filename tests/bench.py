"""``make bench``: bytes on the wire, requests per second beside a bare ASGI application, and what
the banner costs the page beside others.

Machines are noisy and this one may be shared, so what counts is the ratio of two figures that were
taken in turns in one run. Fails when a script is over its budget of bytes or the banner over one of
its own (see ``tests.bench_banner``); the service's speed is only printed.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import bench_banner, bench_decisions, bench_pixels
from tests.banner_bench.budgets import FIRST_BYTES, RETURNING_BYTES
from tests.decisions_bench.load import bare, get
from tests.e2e.service import PUBLISHED, Service

ORIGIN = "https://summit.example"
BUDGETS = {"false": FIRST_BYTES, "true": RETURNING_BYTES}
ROUNDS = 3
SECONDS = 5
TWO_PIXELS = PUBLISHED.partition('[[pixels]]\nplatform = "google-ads"')[0]


def wrk(url: str, *, connections: int = 64) -> tuple[float, str]:
    """Requests per second, and the 99th percentile as wrk prints it."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", url]
    command += ["-H", "Accept-Encoding: br", "-H", "CF-IPCountry: DE"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if refused:
        sys.exit(f"bench: {url}: {refused[0]}; expected none")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    tail = re.search(r"99%\s+(\S+)", text)
    assert rate is not None
    assert tail is not None, text
    return float(rate[1]), tail[1]


def in_turns(ours: str, theirs: str) -> str:
    rounds = [(wrk(ours), wrk(theirs)) for _ in range(ROUNDS)]
    own = statistics.median(mine[0] for mine, _ in rounds)
    least = statistics.median(other[0] for _, other in rounds)
    tail = sorted(mine[1] for mine, _ in rounds)[ROUNDS // 2]
    return f"{own:,.0f}/s | {least:,.0f}/s | {own / least:.0%} | {tail}"


def main() -> None:
    # First, while the machine is still quiet, and since it needs no load generator.
    status = bench_banner.main([])
    print()
    bench_pixels.main()
    print()
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk was not found; install it with `apt-get install wrk`")
    over = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service = Service(folder)
        service.consent("migrate")
        service.publish(TWO_PIXELS.format(origin=ORIGIN))
        service.start()
        try:
            print("| bytes, brotli | measured | bar |\n|---|---|---|")
            body = b""
            for known, what in (
                ("true", "returning visitor"),
                ("false", "first visit, with banner"),
            ):
                url = f"{service.url}/s/summit/loader.js?en,{known}"
                body = get(url, Accept_Encoding="br", CF_IPCountry="DE")
                over = over or len(body) > BUDGETS[known]
                print(f"| {what} | {len(body):,} | {BUDGETS[known]:,} |")
            print(
                "\n| 64 connections | ours | bare ASGI app | ratio | p99 |\n|---|---|---|---|---|"
            )
            with bare(folder / "loader", body, 200) as (theirs, _):
                line = in_turns(f"{service.url}/s/summit/loader.js?en,false", f"{theirs}/")
            print(f"| loader.js | {line} |")
        finally:
            service.stop()
    print()
    bench_decisions.main([])
    if over:
        sys.exit("bench: a script is over its budget of bytes")
    sys.exit(status)


if __name__ == "__main__":
    main()
