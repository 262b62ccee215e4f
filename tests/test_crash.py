"""The real service, killed with SIGKILL while it takes decisions: what it acknowledged is kept."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import signal
import threading
import time
import uuid
from pathlib import Path

import pytest

from consent import database, search
from consent.filters import LedgerFilter
from consent.model import Grants
from tests.e2e.service import PUBLISHED, Service

ORIGIN = "https://summit.example"
THREADS = 8
KILLS = 2
SECONDS = 1.5
GRANTS = (
    ("accept_all", Grants(True, True, True)),
    ("reject_all", Grants(False, False, False)),
    ("save", Grants(False, True, False)),
)


class Poster(threading.Thread):
    """Posts decisions until the service is gone, and keeps what was acknowledged with 201."""

    def __init__(self, port: int, banner: str) -> None:
        super().__init__()
        self._port = port
        self._banner = banner
        self.acknowledged: dict[uuid.UUID, Grants] = {}
        self.unforeseen: list[int] = []

    def run(self) -> None:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port)) as connection:
            while self._post(connection):
                pass

    def _post(self, connection: http.client.HTTPConnection) -> bool:
        """Whether the service answered."""
        id_ = uuid.uuid4()
        action, grants = GRANTS[id_.int % len(GRANTS)]
        post = {
            "id": str(id_),
            "visitor": str(uuid.uuid4()),
            "version": 1,
            "action": action,
            "grants": {name: getattr(grants, name) for name in grants.__struct_fields__},
            "language": "en",
            "banner": self._banner,
            "gpc": False,
        }
        headers = {"Origin": ORIGIN, "Content-Type": "text/plain", "CF-IPCountry": "DE"}
        try:
            connection.request("POST", "/s/summit/decisions", json.dumps(post), headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        if answer.status == 201:
            self.acknowledged[id_] = grants
        else:
            self.unforeseen.append(answer.status)
        return True


def shown_banner(port: int) -> str:
    """The banner's hash, as a page in Germany is told it."""
    headers = {"Accept-Encoding": "identity", "CF-IPCountry": "DE"}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/s/summit/loader.js?l=en&c=false", headers=headers)
        text = connection.getresponse().read().decode()
    found = re.search(r',"([0-9a-f]{64})"\)$', text)
    assert found is not None
    return found[1]


async def kept(url: str, acknowledged: dict[uuid.UUID, Grants]) -> dict[uuid.UUID, Grants]:
    """Those of the acknowledged decisions that are in the ledger, with the grants it holds."""
    opened = database.connect(url)
    async with opened.read() as c:
        records = (await search.find(c, LedgerFilter(), limit=10**6)).records
    await opened.close()
    return {record.id: record.grants for record in records if record.id in acknowledged}


def test_a_killed_service_keeps_every_decision_that_it_acknowledged(
    database_url: str, tmp_path: Path
):
    service = Service(tmp_path, database_url=database_url)
    service.publish(PUBLISHED.format(origin=ORIGIN))
    acknowledged: dict[uuid.UUID, Grants] = {}
    for _ in range(KILLS):
        service.start()
        try:
            banner = shown_banner(service.port)
            posters = [Poster(service.port, banner) for _ in range(THREADS)]
            for poster in posters:
                poster.start()
            time.sleep(SECONDS)
        finally:
            service.stop(signal.SIGKILL)
        for poster in posters:
            poster.join()
            assert poster.unforeseen == []
            acknowledged |= poster.acknowledged
    service.start()
    service.stop()
    assert len(acknowledged) > 100
    assert asyncio.run(kept(database_url, acknowledged)) == acknowledged


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_told_to_stop_ends_by_itself(sig, sqlite_url: str, tmp_path: Path):
    service = Service(tmp_path, database_url=sqlite_url)
    service.publish(PUBLISHED.format(origin=ORIGIN))
    service.start()
    began = time.monotonic()
    service.stop(sig)
    assert time.monotonic() - began < 10
