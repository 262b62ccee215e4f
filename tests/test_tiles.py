"""Tiles in memory: the same as the log has, bounded, and those of no other log."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Coroutine

import pytest

from consent import database as database_
from consent import merkle, receipt, seals, tiles
from consent.errors import LedgerError
from consent.merkle import Tile
from consent.proof import Sealer
from consent.signing import LogKey
from consent.tiles import Tiles
from tests.test_ledger import a_store, an_entry, append

pytestmark = pytest.mark.anyio

KEY = LogKey(b"k" * 32)
Grow = Callable[[int], Coroutine[None, None, list[bytes]]]


@pytest.fixture
async def grow(database, now) -> Grow:
    """Appends records, seals them, and gives the hashes of all leaves so far."""
    store = await a_store(database)
    leaves: list[bytes] = []

    async def grown(n: int) -> list[bytes]:
        appended = await append(database, *(an_entry(store) for _ in range(n)))
        leaves.extend(merkle.leaf_hash(receipt.digest(one.record)) for one in appended)
        await Sealer(database, KEY, "consent.example/log", now).seal_all()
        return leaves

    return grown


async def test_a_tile_is_read_once_whoever_seals_meanwhile(database, grow, monkeypatch):
    kept = Tiles(database)
    leaves = await grow(300)
    assert await kept.read(Tile(0, 1, 44)) == b"".join(leaves[256:])
    await grow(260)
    for wanted, span in (
        (Tile(0, 0), (0, 256)),
        (Tile(0, 1), (256, 512)),
        (Tile(0, 2, 9), (512, 521)),
    ):
        assert await kept.read(wanted) == b"".join(leaves[slice(*span)])
    assert await kept.read(Tile(1, 0, 2)) == b"".join(
        merkle.root(leaves[at : at + 256]) for at in (0, 256)
    )

    async def away(*_: object) -> bytes:
        raise AssertionError("asked again")

    monkeypatch.setattr(seals, "tile", away)
    assert await kept.read(Tile(0, 1)) == b"".join(leaves[256:512])
    assert await kept.read(Tile(0, 1, 44)) == b"".join(leaves[256:300])


async def test_memory_is_bounded_and_lets_go_of_what_was_not_asked_for(database, grow, monkeypatch):
    monkeypatch.setattr(tiles, "MOST_BYTES", 3 * (32 * 4 + 200))
    await grow(4)
    kept, read = Tiles(database), []
    tile_of = seals.tile

    async def reading(c, wanted):
        read.append(wanted.width)
        return await tile_of(c, wanted)

    monkeypatch.setattr(seals, "tile", reading)
    for width in (1, 2, 3, 1, 4, 1, 2):
        await kept.read(Tile(0, 0, width))
    assert read == [1, 2, 3, 4, 2]


async def test_what_is_not_sealed_is_not_kept(database, grow, now):
    kept = Tiles(database)
    with pytest.raises(LedgerError, match="entry 0 is missing"):
        await kept.read(Tile(0, 0, 2))
    leaves = await grow(2)
    assert await kept.read(Tile(0, 0, 2)) == b"".join(leaves)


async def test_a_file_that_was_put_in_the_place_of_another_is_another_log(
    migrated_file, tmp_path, now
):
    paths = [tmp_path / name for name in ("one.db", "other.db")]
    found = []
    for path in paths:
        shutil.copy(migrated_file, path)
        opened = database_.connect(f"sqlite:///{path}")
        store = await a_store(opened)
        await append(opened, an_entry(store))
        await Sealer(opened, KEY, "consent.example/log", now).seal_all()
        found.append(await Tiles(opened).read(Tile(0, 0, 1)))
        await opened.overwrite()
        await opened.close()
    serving = database_.connect(f"sqlite:///{paths[0]}")
    kept = Tiles(serving)
    assert await kept.read(Tile(0, 0, 1)) == found[0]
    paths[1].replace(paths[0])
    async with serving.read():
        pass
    assert await kept.read(Tile(0, 0, 1)) == found[1] != found[0]
    await serving.close()
