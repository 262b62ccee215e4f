"""The Merkle tree over the ledger: entries, nodes, signed heads, keys, and anchors.

The tree has one entry for each record: entry ``seq - 1`` is the record's digest. Nothing here is
ever changed or removed; triggers in the database refuse it.

* **In one transaction.** ``add`` writes the entries, the nodes that became full and the signed
  head over them, or nothing. So a killed process leaves the tree as it was.
* **One at a time.** ``add`` takes a lock without waiting for it, and refuses what was not made on
  top of the newest head.
* **Small.** An entry costs its 32 bytes and a share of a row; tiles are put together on request.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables
from consent.database.dialects import try_lock
from consent.errors import LedgerError
from consent.evidence import Anchoring
from consent.merkle import (
    HASH_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Frontier,
    Node,
    Span,
    Tile,
    hashes_in,
    leaf_hash,
)
from consent.notes import Checkpoint, Note, Signature, Vkey

_e, _n, _k, _c, _a = (table.c for table in tables.LOG)
_INSERT = {table: sa.insert(table) for table in tables.LOG}


class Head(msgspec.Struct, frozen=True):
    """A checkpoint as it was signed, when, and by which key."""

    size: int
    root: bytes
    at: dt.datetime
    key: Vkey
    signature: bytes

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.key.name, self.size, self.root)

    @property
    def note(self) -> Note:
        """The signed note, as everybody can verify it."""
        signature = Signature(self.key.name, self.key.id_, self.signature)
        return Note(self.checkpoint.text, (signature,))


class Anchored(msgspec.Struct, frozen=True):
    """What somebody outside said of the head over ``size`` entries. ``at``: when it came."""

    size: int
    url: str
    kind: Anchoring
    at: dt.datetime
    answer: bytes


class Growth(msgspec.Struct, frozen=True):
    """What a tree of ``before`` entries becomes: new entries, new full nodes, a new head."""

    before: int
    entries: Sequence[bytes]
    nodes: Sequence[tuple[Node, bytes]]
    head: Head


async def add(c: AsyncConnection, growth: Growth) -> bool:
    """Writes ``growth``; False when somebody else is at it, or was quicker.

    Args:
        c: a connection from ``Database.write``.
        growth: made on top of the newest head.
    """
    if not await try_lock(c, "log"):
        return False
    newest = (await c.execute(sa.select(sa.func.max(_c.size)))).scalar() or 0
    if newest != growth.before:
        return False
    before, head = growth.before, growth.head
    pieces = [
        {"start": begin, "digests": b"".join(growth.entries[begin - before : end - before])}
        for begin, end in _pieces(Span(before, head.size))
    ]
    await c.execute(_INSERT[tables.entries], pieces)
    if growth.nodes:
        nodes = [
            {"level": node.height // TILE_HEIGHT, "number": node.number, "hash": hash_}
            for node, hash_ in growth.nodes
        ]
        await c.execute(_INSERT[tables.nodes], nodes)
    values = {
        "size": head.size,
        "root": head.root,
        "at": head.at,
        "key_id": await key_id(c, head.key, head.at),
        "signature": head.signature,
    }
    await c.execute(_INSERT[tables.checkpoints], values)
    return True


async def newest(c: AsyncConnection) -> Head | None:
    """The newest head; None before the first."""
    return _head((await c.execute(_HEADS.order_by(_c.size.desc()).limit(1))).one_or_none())


async def head_for(c: AsyncConnection, size: int) -> Head | None:
    """The head that proves the most about entry ``size - 1``: the first anchored, else the newest.

    None when that entry is not sealed.
    """
    anchored = sa.select(sa.func.min(_a.size)).where(_a.size >= size).scalar_subquery()
    newest = sa.select(sa.func.max(_c.size)).scalar_subquery()
    found = _HEADS.where(_c.size == sa.func.coalesce(anchored, newest), _c.size >= size)
    return _head((await c.execute(found)).one_or_none())


async def anchors(c: AsyncConnection, size: int) -> list[Anchored]:
    """What was said of the head over ``size`` entries."""
    rows = await c.execute(sa.select(tables.anchors).where(_a.size == size).order_by(_a.url))
    return [Anchored(**{**row._mapping, "answer": bytes(row.answer)}) for row in rows]


async def last_anchored(c: AsyncConnection, url: str) -> Anchored | None:
    """What ``url`` said last."""
    query = sa.select(tables.anchors).where(_a.url == url).order_by(_a.size.desc()).limit(1)
    row = (await c.execute(query)).one_or_none()
    return Anchored(**{**row._mapping, "answer": bytes(row.answer)}) if row else None


async def keep(c: AsyncConnection, anchored: Anchored) -> bool:
    """Keeps what was said; False when another process has it already."""
    last = await last_anchored(c, anchored.url)
    if last is not None and last.size >= anchored.size:
        return False
    await c.execute(_INSERT[tables.anchors], msgspec.structs.asdict(anchored))
    return True


async def heads(c: AsyncConnection, after: int, until: int) -> list[Head]:
    """The heads of trees larger than ``after`` and at most ``until``, smallest first."""
    rows = await c.execute(_HEADS.where(_c.size > after, _c.size <= until).order_by(_c.size))
    return [found for row in rows if (found := _head(row)) is not None]


async def keys(c: AsyncConnection) -> list[Vkey]:
    """Every key that ever signed a head, newest first."""
    rows = await c.execute(sa.select(_k.vkey).order_by(_k.id.desc()))
    return [Vkey.parse(text) for text in rows.scalars()]


async def frontier(c: AsyncConnection, size: int) -> Frontier:
    """The right edge of the tree of the first ``size`` entries.

    Raises:
        LedgerError: entries or nodes of it are missing.
    """
    edge, at = Frontier(), 0
    for level in range(max(size - 1, 0).bit_length() // TILE_HEIGHT, 0, -1):
        height = level * TILE_HEIGHT
        end = size >> height
        begin = at >> height
        for hash_ in await _nodes(c, level, Span(begin, end)):
            edge.push(hash_, height)
        at = end << height
    for entry in hashes_in(await entries(c, Span(at, size))):
        edge.push(leaf_hash(entry))
    edge.done.clear()
    return edge


async def end(c: AsyncConnection) -> int:
    """How many entries there are up to the last one, sealed under a head or not."""
    last = (await c.execute(_LAST)).one_or_none()
    return last.start + len(last.digests) // HASH_BYTES if last else 0


async def entries(c: AsyncConnection, span: Span) -> bytes:
    """The entries of ``span``, 32 bytes each.

    Raises:
        LedgerError: some of them are missing.
    """
    begin, end = span
    lowest = begin - begin % TILE_WIDTH
    query = sa.select(_e.start, _e.digests).where(_e.start >= lowest, _e.start < end)
    found = bytearray()
    for start, digests in await c.execute(query.order_by(_e.start)):
        if start != lowest + len(found) // HASH_BYTES:
            break
        found += digests
    content = bytes(found[(begin - lowest) * HASH_BYTES : (end - lowest) * HASH_BYTES])
    if len(content) != (end - begin) * HASH_BYTES:
        missing = lowest + len(found) // HASH_BYTES
        raise LedgerError(f"entries: entry {missing} is missing; expected those up to {end - 1}")
    return content


async def tile(c: AsyncConnection, wanted: Tile) -> bytes:
    """The hashes of a tile whose entries are sealed.

    Raises:
        LedgerError: some of them are missing.
    """
    begin = wanted.number * TILE_WIDTH
    span = Span(begin, begin + wanted.width)
    if wanted.level == 0:
        return b"".join(map(leaf_hash, hashes_in(await entries(c, span))))
    return b"".join(await _nodes(c, wanted.level, span))


async def node(c: AsyncConnection, level: int, number: int) -> bytes | None:
    """One hash of a tile above level 0."""
    found = sa.select(_n.hash).where(_n.level == level, _n.number == number)
    hash_ = (await c.execute(found)).scalar()
    return None if hash_ is None else bytes(hash_)


async def _nodes(c: AsyncConnection, level: int, span: Span) -> list[bytes]:
    of_span = (_n.level == level, _n.number >= span.begin, _n.number < span.end)
    rows = await c.execute(sa.select(_n.number, _n.hash).where(*of_span).order_by(_n.number))
    found = [bytes(row.hash) for row in rows]
    if len(found) != span.end - span.begin:
        raise LedgerError(
            f"nodes: {len(found)} at level {level} from {span.begin} up to {span.end}; "
            f"expected {span.end - span.begin}"
        )
    return found


async def key_id(c: AsyncConnection, key: Vkey, now: dt.datetime) -> int:
    """The number of ``key``, which is kept from ``now`` on where it was not known."""
    known = (await c.execute(sa.select(_k.id).where(_k.vkey == key.text))).scalar()
    if known is not None:
        return int(known)
    id_ = (await c.execute(sa.select(sa.func.coalesce(sa.func.max(_k.id), 0)))).scalar_one() + 1
    await c.execute(_INSERT[tables.log_keys], {"id": id_, "vkey": key.text, "added_at": now})
    return int(id_)


def _pieces(span: Span) -> list[Span]:
    """``span`` cut at every multiple of 256, so that an entry bundle is a few whole rows."""
    first = span.begin - span.begin % TILE_WIDTH + TILE_WIDTH
    cuts = [span.begin, *range(first, span.end, TILE_WIDTH), span.end]
    return [Span(*pair) for pair in itertools.pairwise(cuts)]


def head_of(row: Any) -> Head:
    """The head in a row of ``checkpoints`` that has its key's ``vkey`` too."""
    return Head(row.size, bytes(row.root), row.at, _key(row.vkey), bytes(row.signature))


def _head(row: Any) -> Head | None:
    return None if row is None else head_of(row)


_key = functools.lru_cache(maxsize=64)(Vkey.parse)


_LAST = sa.select(_e.start, _e.digests).order_by(_e.start.desc()).limit(1)
_HEADS = sa.select(_c.size, _c.root, _c.at, _c.signature, _k.vkey).join_from(
    tables.checkpoints, tables.log_keys
)
