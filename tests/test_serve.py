"""``consent serve`` with several workers, as an operator restarts it."""

import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import psutil
import pytest

from consent.web.server import Server
from consent.web.services import POLL_SECONDS
from tests.e2e.service import PUBLISHED, Service

WORKERS = 2
PATIENCE = 240  # seconds


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    service.consent("migrate")
    service.publish(PUBLISHED.format(origin="https://summit.example"))
    service.start("--workers", str(WORKERS))
    yield service
    service.stop()


class Visitors:
    """Asks for the script again and again, until told to stop."""

    def __init__(self, service: Service) -> None:
        self._address = f"{service.url}/s/summit/loader.js"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.answered = 0
        self.faults: list[str] = []

    def __enter__(self) -> "Visitors":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                self._get()
            except OSError as error:  # one that was sent nothing is told of by another
                if isinstance(getattr(error, "reason", error), ConnectionError):
                    self._again()
                else:
                    self.faults.append(repr(error))

    def _get(self) -> None:
        with urllib.request.urlopen(self._address, timeout=PATIENCE) as answer:
            self.answered += answer.status == 200

    def _again(self) -> None:
        """As browsers and proxies do where a connection was closed without an answer."""
        try:
            self._get()
        except OSError as error:
            self.faults.append(repr(error))


def workers(service: Service) -> set[str]:
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(service.pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    # Beside the workers that are new interpreters one minds what they share.
    found = (line.split(maxsplit=1) for line in listed.stdout.splitlines())
    return {pid for pid, command in found if "resource_tracker" not in command}


def is_new_interpreter(pid: str) -> bool:
    """Whether it has imported all by itself, and so the release that is installed by now."""
    return "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()


def figure(service: Service, name: str) -> float:
    with urllib.request.urlopen(f"{service.url}/metrics", timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


def until(true, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_reload_replaces_every_worker_and_no_visitor_notices(service):
    before = workers(service)
    assert not any(map(is_new_interpreter, before))
    with Visitors(service) as visitors:
        until(lambda: visitors.answered > 20, "nobody is answered")
        os.kill(service.pid, signal.SIGHUP)
        until(
            lambda: len(workers(service)) == WORKERS and not before & workers(service),
            "the old workers are still there",
        )
        last = visitors.answered
        until(lambda: visitors.answered > last + 20, "the new workers do not answer")
    assert visitors.faults == []
    assert all(map(is_new_interpreter, workers(service)))
    until(
        lambda: figure(service, "pixelgate_scripts_served_total") == visitors.answered,
        f"figures are not those of all workers, {visitors.answered} were answered",
    )
    until(
        lambda: figure(service, "pixelgate_processes") == WORKERS,
        "figures are not those of all workers",
    )


def tables_at(service: Service, number: str) -> None:
    """Says that the tables are those of another migration."""
    with contextlib.closing(sqlite3.connect(service.folder / "pixelgate.db")) as c, c:
        c.execute("UPDATE alembic_version SET version_num = ?", (number,))


def test_workers_go_on_where_those_in_their_place_could_not_begin(service):
    before = workers(service)
    tables_at(service, "0001")
    os.kill(service.pid, signal.SIGHUP)
    log = service.folder / "service.log"
    until(lambda: "not reloaded" in log.read_text(), "nothing is said of it")
    assert "run consent migrate" in log.read_text()
    assert (workers(service), version(service)) == (before, "1")


def version(service: Service) -> str:
    with urllib.request.urlopen(f"{service.url}/s/summit/version", timeout=PATIENCE) as answer:
        return str(answer.headers["Pixelgate-Version"])


def test_what_another_process_publishes_is_live_in_every_worker_without_a_restart(service):
    before = workers(service)
    first = version(service)
    service.publish(PUBLISHED.format(origin="https://other.example"))
    # Which of them takes a new connection is chance: of so many, each takes some.
    until(
        lambda: all(version(service) != first for _ in range(WORKERS * 16)),
        "an earlier version is still answered",
    )
    assert workers(service) == before
    assert POLL_SECONDS <= 1


def begun(service: Service, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """As soon as it has workers, which are not yet ready."""
    started = subprocess.Popen(
        [*service.command, "--port", str(service.port), "--workers", str(WORKERS)],
        cwd=service.folder,
        env=service.environ,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    children = psutil.Process(started.pid).children
    until(lambda: len(children()) == WORKERS, "no workers were started")
    return started


def test_a_service_that_is_told_to_stop_while_its_workers_begin_ends_at_once(service):
    service.stop()
    path = service.folder / "service.log"
    path.write_bytes(b"")
    for hundredths in (0, 6, 12, 18, 24, 30):
        with path.open("ab") as log:
            started = begun(service, log)
        time.sleep(hundredths / 100)
        for _ in range(3):
            os.killpg(started.pid, signal.SIGTERM)
            time.sleep(0.01)
        assert started.wait(timeout=PATIENCE) == 0
    assert re.sub(r"consent: serving on \S+\n", "", path.read_text()) == ""


def test_a_service_that_is_told_to_stop_again_and_again_answers_what_it_took_and_ends(service):
    body = b'{"faulty": true}'
    head = f"POST /s/summit/decisions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: text/plain\r\nOrigin: https://summit.example\r\n"
    head += "Expect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as line:
        line.sendall(head.encode() + body[:-1])
        assert line.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"  # a worker waits for the rest
        for _ in range(5):
            os.killpg(service.pid, signal.SIGTERM)
            time.sleep(0.1)
        line.sendall(body[-1:])
        assert line.recv(65536).startswith(b"HTTP/1.1 4")
    service.stop()
    assert "refused to gracefully stop" not in (service.folder / "service.log").read_text()


def test_a_reload_waits_for_who_takes_a_workers_place_while_there_is_hope():
    def waited(looks: list[bool], *, alive: bool = True, told: bool = False) -> list[bool]:
        server = SimpleNamespace(_has_begun=lambda _: looks.pop(0), interrupt_signal=told)
        Server._until_begun(server, SimpleNamespace(pid=1, is_alive=lambda: alive))
        return looks

    assert waited([False, False, True]) == []
    assert waited([False], alive=False) == [False]
    assert waited([False, True], told=True) == [True]


@pytest.mark.parametrize(("well", "told"), [(True, True), (False, False)])
def test_a_worker_that_hears_first_that_all_are_to_stop_has_not_failed(well: bool, told: bool):
    server, said = SimpleNamespace(interrupt_signal=False), []
    worker = SimpleNamespace(join=lambda: None, interrupt_by_parent=False)

    def ended_well() -> bool:
        server.interrupt_signal = True  # only now
        return well

    worker.inner = SimpleNamespace(ended_well=ended_well)
    Server._watch(server, worker, lambda: said.append(worker.interrupt_by_parent))
    assert said == [told]
