"""wrk on loopback, and the least that an ASGI application can do beside it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.e2e.service import free_port

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
JAVASCRIPT = {"content-type": "text/javascript; charset=utf-8"}


class Rate(NamedTuple):
    """What one run of wrk measured."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Processor time of the server for one request, its children's too, a database's not."""
    requests: int
    p999_ms: float


def get(url: str, **headers: str) -> bytes:
    request = urllib.request.Request(
        url, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    with urllib.request.urlopen(request) as answer:
        return bytes(answer.read())


def post(
    url: str,
    script: str,
    folder: Path,
    *,
    pid: int,
    connections: int,
    seconds: int,
    scripts: Path = HERE,
    **env: str,
) -> Rate:
    """Sends to the process ``pid`` what ``script`` says; ends the bench when one is refused."""
    path = folder / f"{script}.lua"
    path.write_text((scripts / f"{script}.lua").read_text() + (HERE / "result.lua").read_text())
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
    before = cpu_seconds(pid)
    seed = str(time.time_ns() // 1000 % 2**32)
    text = subprocess.run(
        [*command, "-s", str(path), url],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "SEED": seed, **env},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"RESULT (\{.*\})", text)
    assert found is not None, text
    said = json.loads(found[1])
    if said["refused"] or said["broken"]:
        sys.exit(f"bench: {url}: {said}; expected no refused and no broken request")
    requests = said["requests"]
    cpu_us = (cpu_seconds(pid) - before) / max(requests, 1) * 1e6
    rate = requests / said["seconds"]
    return Rate(rate, said["p50_ms"], said["p99_ms"], cpu_us, requests, said["p999_ms"])


def cpu_seconds(pid: int) -> float:
    """Processor time that a server and its children have used so far."""
    server = psutil.Process(pid)
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(one.user + one.system for one in times)


@contextmanager
def bare(
    folder: Path, body: bytes, status: int, headers: Mapping[str, str] = JAVASCRIPT
) -> Iterator[tuple[str, int]]:
    """A bare ASGI application on the same server that answers just this: its address and process.

    Args:
        folder: a new one.
        body, status: of the answer.
        headers: of the answer, besides the body's length.
    """
    folder.mkdir()
    (folder / "bare-headers").write_text(json.dumps(dict(headers)))
    (folder / "bare-body").write_bytes(body)
    (folder / "bare-status").write_text(str(status))
    port = free_port()
    command = ["granian", "--interface", "asgi", "--port", str(port), "--no-access-log"]
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "tests.bare:app"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url)
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def wait_for(url: str) -> None:
    for _ in range(400):
        try:
            get(url)
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError) and error.code == HTTPStatus.NOT_MODIFIED:
                return
            time.sleep(0.05)
        else:
            return
    sys.exit(f"bench: {url}: no answer; expected one within 20 seconds")
