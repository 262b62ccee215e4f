"""Two nodes on one PostgreSQL behind a real proxy. One is killed under load; no visitor notices."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent import database
from consent.database import tables
from tests.e2e.service import PATIENCE, Service
from tests.edge.nginx import Nginx
from tests.faults.house import House
from tests.faults.visitors import HEADERS

SEEN = json.dumps({"version": 1, "entry": True, "language": "en"})
KILLS = 6


class Pages(threading.Thread):
    """Asks for the loader and tells of a shown banner again and again, without asking twice."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._over = threading.Event()
        self.answered: Counter[str] = Counter()

    def __enter__(self) -> Pages:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(0.01):
            for method, path, body in (
                ("GET", "/s/summit/loader.js?en,false", None),
                ("POST", "/s/summit/seen", SEEN),
            ):
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
                with closing(connection):
                    try:
                        connection.request(method, path, body, HEADERS)
                        answer = connection.getresponse()
                        answer.read()
                        self.answered[f"{method} {answer.status}"] += 1
                    except (OSError, http.client.HTTPException) as error:
                        self.answered[f"{method} {type(error).__name__}"] += 1


class Nodes:
    """A house with two services, and the proxy that its visitors know."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.house = House(folder, url)
        (folder / "other").mkdir()
        self.both = (self.house.service, Service(folder / "other", database_url=url))
        ports = [node.port for node in self.both]
        self.nginx = Nginx(folder / "nginx", "nginx.conf", ports)
        self.house.entrance = self.nginx.port
        self.house.open(workers=1)
        self.both[1].start()
        self.nginx.start()

    def close(self) -> None:
        self.nginx.stop()
        for node in self.both:
            node.stop()

    def decisions(self, node: Service) -> float:
        """How many this node has stored since it was started."""
        with urllib.request.urlopen(f"{node.url}/metrics", timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        return next(
            float(line.split()[1]) for line in lines if line.startswith("pixelgate_decisions_total")
        )

    def seen(self) -> int:
        return asyncio.run(_seen(self.url))


async def _seen(url: str) -> int:
    opened = database.connect(url)
    c = tables.counts.c
    try:
        async with opened.read() as connection:
            total = sa.select(sa.func.coalesce(sa.func.sum(c.n), 0)).where(c.measure == "visit")
            return int((await connection.execute(total)).scalar_one())
    finally:
        await opened.close()


@pytest.fixture
def nodes(postgresql_url: str, tmp_path: Path) -> Iterator[Nodes]:
    nodes = Nodes(tmp_path, postgresql_url)
    yield nodes
    nodes.close()


def assert_nobody_noticed(nodes: Nodes, pages: Pages) -> None:
    assert set(pages.answered) == {"GET 200", "POST 204"}
    assert set(nodes.house.statuses) <= {201, 409}
    nodes.house.check(at_least=80)
    assert nodes.house.strangers() == set()


def test_a_node_that_is_killed_under_load_loses_nothing_and_no_visitor_notices(nodes: Nodes):
    house, (first, other) = nodes.house, nodes.both
    with Pages(nodes.nginx.port) as pages, house.visitors() as visitors:
        house.progress(visitors)
        house.wait(lambda: nodes.decisions(first) > 0 and nodes.decisions(other) > 0)
        first.stop(signal.SIGKILL)
        house.progress(visitors)
        before = nodes.decisions(other)
        house.wait(lambda: nodes.decisions(other) > before)
    assert_nobody_noticed(nodes, pages)
    other.stop()
    assert 0 < nodes.seen() <= pages.answered["POST 204"]


@pytest.mark.soak
def test_nodes_that_are_killed_in_turns_lose_nothing_and_no_visitor_notices(nodes: Nodes):
    house = nodes.house
    with Pages(nodes.nginx.port) as pages, house.visitors() as visitors:
        for number in range(KILLS):
            killed = nodes.both[number % 2]
            house.progress(visitors)
            killed.stop(signal.SIGKILL)
            house.progress(visitors)
            killed.start()
            # nginx looks at it again after ten seconds.
            house.wait(lambda node=killed: nodes.decisions(node) > 0)
    assert_nobody_noticed(nodes, pages)
    for node in nodes.both:
        node.stop()
    answered, seen = pages.answered["POST 204"], nodes.seen()
    print(f"\n{KILLS} kills: {answered - seen} of {answered} counts of shown banners were lost")
    assert 0 < seen <= answered
