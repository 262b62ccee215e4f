"""``/log/``: the checkpoint, the tiles and the keys, for anyone (C2SP tlog-tiles), as plain ASGI.

===========================  =====================================================
``GET checkpoint``           the newest signed head
``GET tile/<L>/<N>[.p/<W>]`` hashes of the tree
``GET tile/entries/...``     entries: the SHA-256 of each record, which tells nothing of it
``GET key``                  every key that ever signed, newest first, one vkey a line
``GET verify``               the page that verifies a receipt file in the browser
===========================  =====================================================

Everything is answered to every origin. Tiles that are full never change, so caches keep them; the
last that were asked for are kept here too, as answers ready to be sent. The newest head is read
once for all who ask within ``HEAD_SECONDS``: another process may have signed a newer one since, as
it may have a moment after any answer.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections import OrderedDict
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from consent import merkle, seals
from consent.errors import NotFoundError
from consent.merkle import HASH_BYTES, TILE_WIDTH, Span, Tile
from consent.seals import Head
from consent.web import errors, verifier
from consent.web.responses import NOSNIFF, Answer, Headers, header, require_method
from consent.web.services import Services

PREFIX = "/log/"
HEAD_SECONDS = 0.25
MOST_ANSWERS = 512
"""Of tiles, at most 8.5 KiB each."""

FOREVER = "public, max-age=31536000, immutable"
AN_HOUR = "public, max-age=3600"
A_MOMENT = "public, max-age=1"

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"


class Ready(NamedTuple):
    """An answer, its ETag, and the 304 for whoever has it."""

    full: Answer
    etag: bytes
    unchanged: Answer

    def to(self, scope: Scope) -> Answer:
        has = header(scope, b"if-none-match")
        known = has is not None and (self.etag in has or has == b"*")
        return self.unchanged if known else self.full


class Newest:
    """The newest head, and the answer that tells it. One of this process's own is seen at once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._found: tuple[Head, Ready] | None = None
        self._read_at: dt.datetime | None = None
        self._read_of = (0, 0)
        self._reading: asyncio.Task[None] | None = None

    async def get(self) -> tuple[Head, Ready] | None:
        """At most ``HEAD_SECONDS`` old; None: no record is sealed yet.

        Raises:
            UnavailableError: storage does not answer.
        """
        return self._found if self._is_fresh() else await self.read()

    async def read(self) -> tuple[Head, Ready] | None:
        """As it is now, read once for all who wait for it meanwhile."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        await asyncio.shield(self._reading)
        return self._found

    def _of(self) -> tuple[int, int]:
        return self._services.database.generation, self._services.sealer.sealed

    def _is_fresh(self) -> bool:
        if self._read_at is None or self._read_of != self._of():
            return False
        age = (self._services.now() - self._read_at).total_seconds()
        return 0 <= age < HEAD_SECONDS

    async def _read(self) -> None:
        services, sealed = self._services, self._services.sealer.sealed
        at = services.now()
        async with services.database.read() as c:
            generation = services.database.generation
            head = await seals.newest(c)
        if head is None:
            self._found = None
        elif self._found is None or self._found[0] != head:
            self._found = head, _ready(str(head.note).encode(), _TEXT, A_MOMENT)
        self._read_at, self._read_of = at, (generation, sealed)


class Log:
    """Everything under ``PREFIX``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._newest = Newest(services)
        self._tiles: OrderedDict[str, Ready] = OrderedDict()
        self._generation = services.database.generation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = []
        try:
            answer = await self._answer(scope["path"][len(PREFIX) :], scope, headers)
        except Exception as error:
            answer = errors.answer(error, headers)
        await answer(scope, receive, send)

    async def _answer(self, name: str, scope: Scope, headers: Headers) -> Answer:
        if name.startswith("tile/"):
            require_method(scope, headers, "GET", "HEAD")
            return (await self._tile(name.removeprefix("tile/"))).to(scope)
        if name not in ("checkpoint", "key", "verify"):
            raise NotFoundError("not_found", "address: nothing is here")
        require_method(scope, headers, "GET", "HEAD")
        if name == "checkpoint":
            found = await self._newest.get()
            if found is None:
                raise NotFoundError("no_checkpoint", "log: no record is sealed yet")
            return found[1].to(scope)
        return await (self._key() if name == "key" else self._verify())

    async def _key(self) -> Answer:
        async with self._services.database.read() as c:
            keys = await seals.keys(c)
        text = "".join(f"{key.text}\n" for key in keys)
        return Answer(200, _headers(_TEXT, A_MOMENT), text.encode())

    async def _verify(self) -> Answer:
        async with self._services.database.read() as c:
            keys = await seals.keys(c)
        policy = f"{verifier.policy()}; frame-ancestors 'none'".encode()
        headers = _headers("text/html; charset=utf-8", A_MOMENT)
        headers.append((b"content-security-policy", policy))
        return Answer(200, headers, verifier.page(keys).encode())

    async def _tile(self, path: str) -> Ready:
        generation = self._services.database.generation
        if self._generation != generation:
            self._generation = generation
            self._tiles.clear()
        ready = self._tiles.get(path)
        if ready is not None:
            self._tiles.move_to_end(path)
            return ready
        ready = await self._read_tile(path)
        if generation == self._services.database.generation:
            self._tiles[path] = ready
            if len(self._tiles) > MOST_ANSWERS:
                self._tiles.popitem(last=False)
        return ready

    async def _read_tile(self, path: str) -> Ready:
        kind, _, rest = path.partition("/")
        bundle = merkle.parse_numbered(rest) if kind == "entries" else None
        tile = Tile(0, *bundle) if bundle else merkle.parse_tile(path)
        if tile is None or not await self._is_sealed(tile):
            raise NotFoundError(
                "no_tile", "log: no such tile; expected one of the newest checkpoint's"
            )
        if bundle:
            begin = tile.number * TILE_WIDTH
            async with self._services.database.read() as c:
                content = _bundle(await seals.entries(c, Span(begin, begin + tile.width)))
        else:
            content = await self._services.tiles.read(tile)
        return _ready(content, _BYTES, FOREVER if tile.width == TILE_WIDTH else AN_HOUR)

    async def _is_sealed(self, tile: Tile) -> bool:
        """Whether the newest head has ``tile``; it is read anew where the one in memory has not."""
        end, height = tile.number * TILE_WIDTH + tile.width, merkle.TILE_HEIGHT * tile.level
        for ask in (self._newest.get, self._newest.read):
            found = await ask()
            if found is not None and end <= found[0].size >> height:
                return True
        return False


def _bundle(entries: bytes) -> bytes:
    """The entries, each after its length in two bytes."""
    length = HASH_BYTES.to_bytes(2)
    return b"".join(length + entry for entry in merkle.hashes_in(entries))


def _headers(type_: str, caching: str) -> Headers:
    return [
        (b"content-type", type_.encode()),
        (b"cache-control", caching.encode()),
        (b"access-control-allow-origin", b"*"),
        NOSNIFF,
    ]


def _ready(content: bytes, type_: str, caching: str) -> Ready:
    etag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'.encode()
    headers = [*_headers(type_, caching), (b"etag", etag)]
    return Ready(Answer(200, headers, content), etag, Answer(304, headers, b""))
