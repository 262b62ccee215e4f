"""``make bench``: bytes on the wire, requests per second beside a bare ASGI application, and what
the banner costs the page beside others.

Machines are noisy and this one may be shared, so what counts is the ratio of two figures that were
taken in turns in one run. Fails when a script is over its budget of bytes or the banner over one of
its own (see ``tests.bench_banner``); the service's speed is only printed.
"""

from __future__ import annotations

import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import bench_banner, bench_pixels
from tests.banner_bench.budgets import FIRST_BYTES, RETURNING_BYTES
from tests.e2e.service import PUBLISHED, Service, free_port

ROOT = Path(__file__).resolve().parent.parent
ORIGIN = "https://summit.example"
BUDGETS = {"false": FIRST_BYTES, "true": RETURNING_BYTES}
ROUNDS = 3
SECONDS = 5
TWO_PIXELS = PUBLISHED.partition('[[pixels]]\nplatform = "google-ads"')[0]
POSTS = """
local n = 0
function setup(thread) thread:set("number", math.random(1, 1e9)) end
function id(mark)
  local front = (number + {seed}) % 4294967296
  return string.format("%08x-%04x-4000-%s-%012x", front, n % 65536, mark, n)
end
function request()
  n = n + 1
  local body = '{{"id":"' .. id("8000") .. '","visitor":"' .. id("9000") .. '","version":1,'
    .. '"action":"accept_all",'
    .. '"grants":{{"preferences":true,"analytics":true,"marketing":true}},"language":"en",'
    .. '"banner":"{banner}","gpc":false}}'
  return wrk.format("POST", "/s/summit/decisions",
    {{["Content-Type"] = "text/plain", ["Origin"] = "{origin}", ["CF-IPCountry"] = "DE"}}, body)
end
"""


def get(url: str, **headers: str) -> bytes:
    request = urllib.request.Request(
        url, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    with urllib.request.urlopen(request) as answer:
        return bytes(answer.read())


def wrk(url: str, *, script: Path | None = None, connections: int = 64) -> tuple[float, str]:
    """Requests per second, and the 99th percentile as wrk prints it."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", url]
    command += ["-H", "Accept-Encoding: br", "-H", "CF-IPCountry: DE"]
    if script is not None:
        command += ["-s", str(script)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if refused:
        sys.exit(f"bench: {url}: {refused[0]}; expected none")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    tail = re.search(r"99%\s+(\S+)", text)
    assert rate is not None
    assert tail is not None, text
    return float(rate[1]), tail[1]


@contextmanager
def bare(folder: Path, body: bytes, status: int) -> Iterator[str]:
    """A bare ASGI application on the same server, answering ``body``."""
    folder.mkdir()
    (folder / "bare-body").write_bytes(body)
    (folder / "bare-status").write_text(str(status))
    port = free_port()
    command = [
        "granian",
        "--interface",
        "asgi",
        "--port",
        str(port),
        "--no-access-log",
        "tests.bare:app",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                get(url)
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def in_turns(ours: str, theirs: str, *, script: Path | None = None) -> str:
    rounds = [(wrk(ours, script=script), wrk(theirs, script=script)) for _ in range(ROUNDS)]
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
            plain = get(f"{service.url}/s/summit/loader.js?en,false", CF_IPCountry="DE").decode()
            banner = re.search(r',"([0-9a-f]{64})"\)$', plain)
            assert banner is not None
            script = folder / "posts.lua"
            script.write_text(
                POSTS.format(seed=time.time_ns() % 10**9, banner=banner[1], origin=ORIGIN)
            )
            print(
                "\n| 64 connections | ours | bare ASGI app | ratio | p99 |\n|---|---|---|---|---|"
            )
            with bare(folder / "loader", body, 200) as theirs:
                line = in_turns(f"{service.url}/s/summit/loader.js?en,false", f"{theirs}/")
            print(f"| loader.js | {line} |")
            with bare(folder / "posts", b"x" * 700, 201) as theirs:
                line = in_turns(service.url, theirs, script=script)
            print(f"| durable decisions, SQLite | {line} |")
        finally:
            service.stop()
    if over:
        sys.exit("bench: a script is over its budget of bytes")
    sys.exit(status)


if __name__ == "__main__":
    main()
