"""``/log``: the checkpoint, the tiles and the keys, for anyone (C2SP tlog-tiles).

===========================  =====================================================
``GET checkpoint``           the newest signed head
``GET tile/<L>/<N>[.p/<W>]`` hashes of the tree
``GET tile/entries/...``     entries: the SHA-256 of each record, which tells nothing of it
``GET key``                  every key that ever signed, newest first, one vkey a line
``GET verify``               the page that verifies a receipt file in the browser
===========================  =====================================================

Everything is answered to every origin. Tiles that are full never change, so caches keep them.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consent import merkle, seals
from consent.errors import NotFoundError
from consent.merkle import HASH_BYTES, TILE_WIDTH, Span, Tile
from consent.web import verifier
from consent.web.services import Services

FOREVER = "public, max-age=31536000, immutable"
AN_HOUR = "public, max-age=3600"
A_MOMENT = "public, max-age=1"

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"


def routes(services: Services) -> list[Route]:
    """The routes below ``/log``."""
    log = _Log(services)
    return [
        Route("/checkpoint", log.checkpoint),
        Route("/key", log.key),
        Route("/tile/{path:path}", log.tile),
        Route("/verify", log.verify),
    ]


class _Log:
    def __init__(self, services: Services) -> None:
        self._database = services.database

    async def checkpoint(self, request: Request) -> Response:
        async with self._database.read() as c:
            head = await seals.newest(c)
        if head is None:
            raise NotFoundError("no_checkpoint", "log: no record is sealed yet")
        return _answer(str(head.note), _TEXT, A_MOMENT)

    async def key(self, request: Request) -> Response:
        async with self._database.read() as c:
            keys = await seals.keys(c)
        return _answer("".join(f"{key.text}\n" for key in keys), _TEXT, A_MOMENT)

    async def verify(self, request: Request) -> Response:
        async with self._database.read() as c:
            keys = await seals.keys(c)
        content = verifier.page(keys)
        answer = _answer(content, "text/html; charset=utf-8", A_MOMENT)
        answer.headers["content-security-policy"] = f"{verifier.policy()}; frame-ancestors 'none'"
        return answer

    async def tile(self, request: Request) -> Response:
        path: str = request.path_params["path"]
        kind, _, rest = path.partition("/")
        bundle = merkle.parse_numbered(rest) if kind == "entries" else None
        tile = Tile(0, *bundle) if bundle else merkle.parse_tile(path)
        if tile is None:
            raise _no_tile()
        async with self._database.read() as c:
            head = await seals.newest(c)
            end = tile.number * TILE_WIDTH + tile.width
            if head is None or end > head.size >> (merkle.TILE_HEIGHT * tile.level):
                raise _no_tile()
            if bundle:
                span = Span(tile.number * TILE_WIDTH, end)
                content = _bundle(await seals.entries(c, span))
            else:
                content = await seals.tile(c, tile)
        return _answer(content, _BYTES, FOREVER if tile.width == TILE_WIDTH else AN_HOUR)


def _bundle(entries: bytes) -> bytes:
    """The entries, each after its length in two bytes."""
    length = HASH_BYTES.to_bytes(2)
    return b"".join(length + entry for entry in merkle.hashes_in(entries))


def _answer(content: Any, type_: str, caching: str) -> Response:
    headers = {
        "content-type": type_,
        "cache-control": caching,
        "access-control-allow-origin": "*",
        "x-content-type-options": "nosniff",
    }
    return Response(content, headers=headers)


def _no_tile() -> NotFoundError:
    return NotFoundError("no_tile", "log: no such tile; expected one of the newest checkpoint's")
