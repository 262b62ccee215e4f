"""Tiles of the log, kept in memory once they were read, in a bounded number of bytes.

No tile ever changes, however wide it is: what is in the log stays, and a wider one is another tile.
So none is ever too old, whichever process seals, and an erasure changes none, since an entry
outlives its record. Only what is sealed under a committed head may be asked for. A database in
another file is another log.
"""

from __future__ import annotations

from collections import OrderedDict

from consent import seals
from consent.database import Database
from consent.merkle import Tile

MOST_BYTES = 8 * 1024 * 1024
"""A full tile is 8 KiB: the upper levels of a ledger of tens of millions of records."""
_KEY_BYTES = 200


class Tiles:
    """Those of the log in ``database`` that were asked for last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._generation = database.generation
        self._tiles: OrderedDict[Tile, bytes] = OrderedDict()
        self._bytes = 0

    async def read(self, tile: Tile) -> bytes:
        """The hashes of ``tile``, whose entries are sealed.

        Raises:
            LedgerError: some of them are missing.
            UnavailableError: storage does not answer, and this tile is not in memory.
        """
        if self._generation != self._database.generation:
            self._generation, self._bytes = self._database.generation, 0
            self._tiles.clear()
        content = self._tiles.get(tile)
        if content is not None:
            self._tiles.move_to_end(tile)
            return content
        async with self._database.read() as c:
            generation = self._database.generation
            content = await seals.tile(c, tile)
        if generation == self._generation:
            self._keep(tile, content)
        return content

    def _keep(self, tile: Tile, content: bytes) -> None:
        if tile in self._tiles:  # two asked at once
            return
        self._tiles[tile] = content
        self._bytes += len(content) + _KEY_BYTES
        while self._bytes > MOST_BYTES:
            self._bytes -= len(self._tiles.popitem(last=False)[1]) + _KEY_BYTES
