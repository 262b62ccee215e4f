"""Caches are told of new versions, by a real post to a real server."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from structlog.testing import capture_logs

from consent import purge
from consent.purge import Purger

pytestmark = pytest.mark.anyio


class Cache:
    """Answers posts with ``statuses``, the last one again and again, and keeps what it was told."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.told: list[tuple[str, list[str], str, str | None]] = []
        cache = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                keys, word = self.headers["Surrogate-Key"], self.headers["Fastly-Key"]
                cache.told.append((self.path, body["tags"], keys, word))
                status = cache.statuses.pop(0) if len(cache.statuses) > 1 else cache.statuses[0]
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def cache() -> Iterator[Cache]:
    cache = Cache()
    yield cache
    cache.close()


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr(purge, "LIVE_SECONDS", 0.0)
    monkeypatch.setattr(purge, "RETRY_SECONDS", (0.001,))


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not what():
            await asyncio.sleep(0.005)


async def purged(url: str, *stores: str, key: str = "", seconds: float = 60) -> Purger:
    purger = Purger(url, key, seconds)
    purger.start()
    for store in stores:
        purger.changed(store)
    await until(lambda: purger.purges > 0)
    await purger.stop()
    return purger


async def test_many_stores_are_purged_by_one_post(cache):
    await purged(f"{cache.url}/purge", "summit", "fjord", "summit", key="Fastly-Key: abc")
    tags = ["pixelgate-summit", "pixelgate-fjord"]
    assert cache.told == [("/purge", tags, " ".join(tags), "abc")]


async def test_an_address_that_names_the_store_gets_a_post_for_each(cache):
    purger = Purger(f"{cache.url}/purge/{{store}}", "", 60)
    purger.start()
    for store in ("summit", "fjord"):
        purger.changed(store)
    await until(lambda: purger.purges == 2)
    await purger.stop()
    assert [path for path, *_ in cache.told] == ["/purge/summit", "/purge/fjord"]


async def test_what_fails_is_tried_again_and_said_once(cache):
    cache.statuses = [500, 403, 200]
    with capture_logs() as lines:
        purger = await purged(cache.url, "summit")
    assert (purger.purges, purger.failures, len(cache.told)) == (1, 2, 3)
    assert [line["event"] for line in lines] == ["cache not purged", "cache purged again"]
    assert lines[0]["why"] == "status 500"


async def test_it_ends_when_caches_have_nothing_old_any_more(cache):
    purger = Purger("http://127.0.0.1:1", "Fastly-Key: abc", 0.0)
    purger.start()
    with capture_logs() as lines:
        purger.changed("summit")
        await until(lambda: len(lines) == 2)
    await purger.stop()
    assert lines[1]["event"] == "cache keeps old scripts until their time is over"
    assert "abc" not in str(lines)


async def test_nobody_is_told_where_nobody_is_named():
    purger = Purger("", "", 60)
    purger.start()
    purger.changed("summit")
    await purger.stop()
    assert (purger.purges, purger.failures) == (0, 0)
