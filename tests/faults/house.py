"""One installation under faults: its service, its visitors, and what must be true afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from consent import audit, database
from consent.database import tables
from tests.e2e.service import PUBLISHED, Service
from tests.faults.visitors import HEADERS, ORIGIN, PURPOSES, Acknowledged, Visitor

VISITORS = 8
WORKERS = 2
PATIENCE_SECONDS = 120.0
SERVING = re.compile(r"consent: serving on http://\S+")
"""What the command itself says, as it starts. All else is of the service, and JSON."""


class House:
    """A service with several workers over one database, and all that it ever acknowledged."""

    def __init__(self, folder: Path, database_url: str, *, ledger_url: str | None = None) -> None:
        """``ledger_url`` leads to the same database past whatever a test puts between."""
        self.service = Service(folder, database_url=database_url)
        self.url = ledger_url or database_url
        self.entrance: int | None = None
        """The port that visitors know; None means the service's own."""
        self.acknowledged: dict[str, Acknowledged] = {}
        self.statuses: Counter[int] = Counter()
        self.longest_seconds = 0.0
        self._pending: dict[str, dict[str, Any]] = {}
        self._banner = ""

    def open(self, *, workers: int = WORKERS) -> None:
        self.service.consent("migrate")
        self.service.publish(PUBLISHED.format(origin=ORIGIN))
        self.start(workers=workers)

    def start(self, *, workers: int = WORKERS) -> None:
        """Returns when all of them answer, not the first alone."""
        self.service.start("--workers", str(workers))
        self.wait(lambda: self._all_listen(workers))

    @contextlib.contextmanager
    def served_by(self, command: list[str]) -> Iterator[None]:
        """Another command serves while the block runs."""
        kept, self.service.command = self.service.command, command
        self.service.stop()
        self.start()
        try:
            yield
        finally:
            self.service.command = kept
            self.service.stop()
            self.start()

    @property
    def banner(self) -> str:
        """The banner's hash, as a page in Germany is told it."""
        if not self._banner:
            self._banner = self.banner_of("summit")
        return self._banner

    def banner_of(self, store: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port)
        with contextlib.closing(connection):
            headers = {**HEADERS, "Accept-Encoding": "identity"}
            connection.request("GET", f"/s/{store}/loader.js?en,false", headers=headers)
            found = re.search(r',"([0-9a-f]{64})"\)$', connection.getresponse().read().decode())
        assert found is not None
        return found[1]

    @contextlib.contextmanager
    def visitors(self, number: int = VISITORS, *, replays: bool = True) -> Iterator[list[Visitor]]:
        """Visitors who post while the block runs. What they saw is checked and kept at its end."""
        port = self.entrance or self.service.port
        visitors = [Visitor(port, self.banner, replays=replays) for _ in range(number)]
        for visitor in visitors:
            visitor.start()
        try:
            yield visitors
        finally:
            for visitor in visitors:
                visitor.end()
            for visitor in visitors:
                visitor.join()
        self.statuses = sum((visitor.statuses for visitor in visitors), Counter[int]())
        self.longest_seconds = max(visitor.longest_seconds for visitor in visitors)
        for visitor in visitors:
            assert visitor.broken == [], visitor.broken
            self.acknowledged |= {one.post["id"]: one for one in visitor.acknowledged}
            if visitor.pending is not None:
                self._pending[visitor.pending["id"]] = visitor.pending

    def wait(self, what: Callable[[], bool], *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        deadline = time.monotonic() + patience_seconds
        while not what():
            assert time.monotonic() < deadline, f"waited in vain; log:\n{self.log()[-3000:]}"
            time.sleep(0.02)

    def progress(
        self,
        visitors: list[Visitor],
        more: int = 40,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Waits until ``more`` decisions were acknowledged, by each visitor one at least."""
        before = {visitor.id: len(visitor.acknowledged) for visitor in visitors}

        def enough() -> bool:
            gained = [len(visitor.acknowledged) - before[visitor.id] for visitor in visitors]
            return min(gained) > 0 and sum(gained) >= more

        self.wait(enough, patience_seconds=patience_seconds)

    def refusals(self, visitors: list[Visitor], more: int = 10) -> None:
        """Waits until ``more`` posts were answered with 503."""
        before = sum(visitor.statuses[503] for visitor in visitors)
        self.wait(lambda: sum(visitor.statuses[503] for visitor in visitors) >= before + more)

    def workers(self) -> list[int]:
        """The processes that answer, oldest first."""
        children = psutil.Process(self.service.pid).children()
        return [child.pid for child in sorted(children, key=lambda child: child.create_time())]

    def is_ready(self) -> bool:
        """What ``/readyz`` says."""
        return self.service.is_ready()

    def kill_worker(self) -> None:
        """SIGKILL for the oldest process that answers; returns when another one was started.

        The oldest, since a server that lost the same one twice in 5.5 seconds gives up and ends.
        """
        before = self.workers()
        killed = before[0]
        os.kill(killed, signal.SIGKILL)
        self.wait(lambda: killed not in self.workers() and self._all_listen(len(before)))

    def _all_listen(self, number: int) -> bool:
        """A worker that does not yet would not hear the signal to stop either."""
        listening = [
            worker
            for worker in map(psutil.Process, self.workers())
            if any(one.status == psutil.CONN_LISTEN for one in worker.net_connections())
        ]
        return len(listening) == number

    def log(self) -> str:
        return (self.service.folder / "service.log").read_text(errors="replace")

    def lines(self, *, since: int = 0) -> list[dict[str, Any]]:
        """What the service has logged after ``since`` characters; every line is a JSON object."""
        whole = self.log()[since:].rpartition("\n")[0]
        said = [line for line in whole.splitlines() if not SERVING.fullmatch(line)]
        lines = [json.loads(line) for line in said]
        assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
        return lines

    def events(self, name: str, *, since: int = 0) -> list[dict[str, Any]]:
        """The log lines that say ``name``, of what was logged after ``since`` characters."""
        return [line for line in self.lines(since=since) if line["event"] == name]

    def assert_said(self, since: int) -> list[dict[str, Any]]:
        """Each process that refused decisions said why in one line, and in one that it is over.

        Where some posts still find room, as on a full disk, it may say so more than once.

        Returns:
            The lines that say why.
        """
        refused = self.events("decisions not stored", since=since)
        again = self.events("decisions stored again", since=since)
        assert 1 <= len(refused) == len(again)
        return refused

    def forget(self, lost: Callable[[Acknowledged], bool]) -> None:
        """Takes out what a test took away on purpose, as a backup from before does."""
        self.acknowledged = {id_: one for id_, one in self.acknowledged.items() if not lost(one)}

    def check(self, *, at_least: int = 1) -> None:
        """Nothing acknowledged is lost or changed, nothing is there twice or without a post.

        Whoever is killed may lose counts of its last second; nothing is counted that is not there.
        Whatever happened, the log has nothing but JSON.
        """
        assert all(line["event"] for line in self.lines())
        rows, counted = asyncio.run(_read(self.url))
        assert len(self.acknowledged) >= at_least
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        kept = {str(row.id): row for row in rows}
        assert len(kept) == len(rows)
        assert [id_ for id_ in self.acknowledged if id_ not in kept] == []
        assert counted <= len(rows)
        for id_, one in self.acknowledged.items():
            assert _says(kept[id_]) == _said(one.post), id_
            assert one.receipt["at"] == kept[id_].at.isoformat(timespec="milliseconds").replace(
                "+00:00", "Z"
            )
        newest: dict[Any, Any] = {}
        for row in rows:
            assert row.previous == newest.get(row.visitor), row.seq
            newest[row.visitor] = row.id
        report = asyncio.run(_verified(self.url))
        assert report.fault is None, report

    def uncounted(self) -> int:
        """How many decisions of the ledger are not in the counts: lost with a process, or waiting
        for the second to be over.
        """
        rows, counted = asyncio.run(_read(self.url))
        return len(rows) - counted

    def ids(self) -> set[str]:
        """The ids that the ledger holds."""
        return {str(row.id) for row in asyncio.run(_read(self.url))[0]}

    def strangers(self) -> set[str]:
        """Ids in the ledger that no visitor of this house sent."""
        return self.ids() - set(self.acknowledged) - set(self._pending)


def _said(post: dict[str, Any]) -> tuple[Any, ...]:
    return post["visitor"], post["action"], *(post["grants"][name] for name in PURPOSES)


def _says(row: Any) -> tuple[Any, ...]:
    return str(row.visitor), row.action, *(getattr(row, name) for name in PURPOSES)


async def _verified(url: str) -> audit.Report:
    """Whether the ledger is what was sealed, as far as it was."""
    opened = database.connect(url)
    try:
        return await audit.verify(opened)
    finally:
        await opened.close()


async def _read(url: str) -> tuple[list[Any], int]:
    """The whole ledger by ``seq``, and how many decisions the counts count."""
    opened = database.connect(url)
    d, counts = tables.decisions.c, tables.counts.c
    of_decisions = counts.measure.not_in(("visit", "repeat"))
    try:
        async with opened.read() as c:
            rows = (await c.execute(sa.select(tables.decisions).order_by(d.seq))).all()
            total = sa.select(sa.func.coalesce(sa.func.sum(counts.n), 0)).where(of_decisions)
            return list(rows), int((await c.execute(total)).scalar_one())
    finally:
        await opened.close()
