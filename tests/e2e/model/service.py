"""The real service on SQLite, in this process: its clock moves, and its answers can wait.

``Gate`` stands in front and writes down every decision that was posted, when it was stored, and
when its answer left. Times are those of ``time.monotonic``, by which Chromium stamps requests too.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consent import database, publish, search, settings, storefile, stores
from consent.filters import LedgerFilter
from consent.model import Record
from consent.web.app import create_app, utcnow
from tests.e2e.service import PATIENCE, free_port

T = TypeVar("T")
Mode = Literal["up", "refusing", "slow", "late"]
"""``refusing``: 503. ``slow``: no decision gets in. ``late``: it is stored, its answer waits."""


@dataclass
class Posted:
    """One decision that arrived. ``at`` is the server's word for when, in seconds since 1970."""

    store: str
    content: dict[str, Any]
    status: int = 0
    answered: float = 0.0
    at: float = 0.0

    @property
    def id(self) -> str:
        return str(self.content["id"])


class Gate:
    """ASGI in front of the service."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = asyncio.Event()
        self._open.set()
        self.mode: Mode = "up"
        self.headers: dict[str, str] = {}
        """What the CDN, and the browser of someone who signals, add to each request."""
        self.posted: list[Posted] = []
        self.busy = 0

    def set(self, mode: Mode) -> None:
        """Call it in the service's loop. What waits goes on when the mode is ``up`` again."""
        self.mode = mode
        if mode == "up":
            self._open.set()
        else:
            self._open.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        scope = {**scope, "headers": [*scope["headers"], *added]}
        if self.mode == "refusing":
            await _refuse(scope, send)
        elif scope["path"].endswith("/decisions") and scope["method"] == "POST":
            await self._decision(scope, receive, send)
        else:
            self.busy += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self.busy -= 1

    async def _decision(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        posted = Posted(scope["path"].split("/")[2], json.loads(body))
        if self.mode == "slow":
            await self._open.wait()
        answer: list[Message] = []
        given = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return given.pop() if given else await receive()

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, again, keep)
        posted.status = answer[0]["status"]
        if posted.status == 201:
            said = json.loads(b"".join(part.get("body", b"") for part in answer[1:]))
            posted.at = dt.datetime.fromisoformat(said["at"]).timestamp()
        self.posted.append(posted)
        if self.mode == "late":
            await self._open.wait()
        posted.answered = time.monotonic()
        for message in answer:
            await send(message)


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _refuse(scope: Scope, send: Send) -> None:
    origin = dict(scope["headers"]).get(b"origin", b"*")
    headers = [(b"content-type", b"application/json"), (b"access-control-allow-origin", origin)]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"error":"away","detail":"away"}'})


class MovableService:
    """One installation in ``folder``, served by a thread of its own until ``stop``."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.seconds_ahead = 0.0
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, args=(folder,), daemon=True)
        self._thread.start()
        self._ready.result(timeout=PATIENCE)

    def now(self) -> dt.datetime:
        return utcnow() + dt.timedelta(seconds=self.seconds_ahead)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=PATIENCE)

    def set(self, mode: Mode) -> None:
        self.run(self._set(mode))

    def publish(self, toml: str) -> int:
        """What ``consent store import FILE --publish`` does; gives the version's number."""
        return self.run(self._publish(toml))

    def snippet(self, key: str) -> str:
        return self.app.services.composer.snippet(key, self.url)

    def records(self, key: str) -> list[Record]:
        """The ledger of the store ``key``, oldest first."""
        return self.run(self._records(key))

    def stop(self) -> None:
        self.set("up")
        self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(timeout=PATIENCE)

    def _serve(self, folder: Path) -> None:
        values = {
            "CONSENT_DATABASE_URL": f"sqlite:///{folder / 'pixelgate.db'}",
            "CONSENT_SECRET_KEYS": "k" * 40,
            "CONSENT_TRUSTED_PROXIES": "127.0.0.1",
            "CONSENT_PUBLIC_URL": self.url,
        }
        try:
            chosen = settings.load(values)
            database.migrate(chosen.database_url)
            self.app = create_app(chosen, now=self.now)
            asyncio.run(self._until_stopped())
        except Exception as error:
            self._ready.set_exception(error)

    async def _until_stopped(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.gate = Gate(self.app)
        self._server = Server(
            self.gate,
            address="127.0.0.1",
            port=self.port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_level=LogLevels.error,
        )
        serving = asyncio.create_task(self._server.serve())
        await self._answers()
        self._ready.set_result(None)
        await serving

    async def _answers(self) -> None:
        for _ in range(20 * PATIENCE):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
        raise AssertionError("the service did not start")

    async def _set(self, mode: Mode) -> None:
        self.gate.set(mode)

    async def _publish(self, toml: str) -> int:
        services = self.app.services
        config = storefile.parse(toml, "store.toml")
        async with services.database.write() as connection:
            await stores.save(connection, config, self.now())
        version = await publish.publish(
            services.database,
            config.key,
            platforms=services.platforms,
            regions=services.regions,
            texts=services.texts,
            now=self.now,
        )
        await services.published.refresh()
        return version.number

    async def _records(self, key: str) -> list[Record]:
        async with self.app.services.database.read() as connection:
            found = await search.find(connection, LedgerFilter(stores=(key,)), limit=10_000)
        return sorted(found.records, key=lambda record: record.seq)
