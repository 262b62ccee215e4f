"""Erasures: which records were taken out of the ledger, when, by whom and why.

An erasure takes the whole row of a sealed record out, and leaves its ``seq``, its ``id`` and its
entry in the log. The record of the erasure itself is only appended to, like the ledger, and signed
by the log's key over the list of what it took out: whoever can write to the database and has not
that key cannot pass a removed row off as an erased one.

Triggers let a row go only where ``erased`` names it, and ``erased`` takes nothing but sealed rows.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import struct
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables
from consent.database.dialects import take_lock
from consent.model import canonical
from consent.notes import Vkey

Cause = Literal["request", "retention"]
"""Somebody asked for it, or the store's period was over."""

_PIECE = struct.Struct(">Q16s")
_AT_ONCE = 500
_d, _e, _g = (table.c for table in (tables.decisions, tables.erased, tables.erasures))


class Gone(NamedTuple):
    """What stays of an erased record."""

    seq: int
    id: uuid.UUID


class Old(NamedTuple):
    """A record that may be due. ``replaced_at``: when its visitor decided again; None: it is the
    last one.
    """

    seq: int
    id: uuid.UUID
    at: dt.datetime
    regime_id: int
    replaced_at: dt.datetime | None


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased together.

    ``email`` is whose account it was; empty: the command line or, of a retention, the service.
    ``records`` is the list of what was taken out, as ``pack`` writes it.
    """

    id: int
    at: dt.datetime
    store: str
    cause: Cause
    email: str
    because: str
    visitor_sha256: str | None
    """SHA-256 of the visitor's random id; None of a retention. It finds no visitor, but tells
    whoever comes with the id that it was erased."""
    records: bytes
    key: Vkey
    signature: bytes = b""

    @property
    def n(self) -> int:
        return len(self.records) // _PIECE.size

    @property
    def text(self) -> str:
        """What is signed. No checkpoint begins with this line, since it names no log."""
        facts = {
            "at": self.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
            "because": self.because,
            "by": self.email,
            "cause": self.cause,
            "number": self.id,
            "records_sha256": hashlib.sha256(self.records).hexdigest(),
            "store": self.store,
            "visitor_sha256": self.visitor_sha256,
        }
        return f"pixelgate-erasure-1\n{self.key.name}\n{canonical(facts).decode()}\n"

    def names(self, gone: Gone) -> bool:
        """Whether its list has ``gone``."""
        piece, found = _PIECE.pack(gone.seq, gone.id.bytes), -1
        while (found := self.records.find(piece, found + 1)) >= 0:
            if found % _PIECE.size == 0:
                return True
        return False


def pack(records: Iterable[Gone]) -> bytes:
    """The list of an erasure: 8 bytes of ``seq`` and 16 of ``id`` for each, by ``seq``."""
    return b"".join(_PIECE.pack(one.seq, one.id.bytes) for one in sorted(records))


def unpack(records: bytes) -> list[Gone]:
    return [Gone(seq, uuid.UUID(bytes=id_)) for seq, id_ in _PIECE.iter_unpack(records)]


def visitor_sha256(visitor: uuid.UUID) -> str:
    """By which an erasure knows its visitor: nobody guesses 122 random bits."""
    return hashlib.sha256(visitor.bytes).hexdigest()


async def of_visitor(c: AsyncConnection, store: str, visitor: uuid.UUID) -> list[Gone]:
    """The visitor's records in ``store``, while nobody appends: for a connection that writes."""
    await take_lock(c, "ledger")
    of_store = (_d.visitor == visitor, _d.store_id == _store_id(store))
    found = sa.select(_d.seq, _d.id).where(*of_store)
    return [Gone(*row) for row in await c.execute(found.order_by(_d.seq))]


async def oldest(c: AsyncConnection, store: str | None = None) -> dt.datetime | None:
    """When the oldest record that is kept was made, in ``store`` or anywhere."""
    query = sa.select(sa.func.min(_d.at))
    if store is not None:
        query = query.where(_d.store_id == _store_id(store))
    found: dt.datetime | None = (await c.execute(query)).scalar()
    return found


async def old(
    c: AsyncConnection, store: str, before: dt.datetime, after: Old | None, limit: int
) -> list[Old]:
    """The records of ``store`` made before ``before``, oldest first, from the one after ``after``.

    A question for the index of store and time, and one for each record found.
    """
    d = tables.decisions.alias("d")
    n = tables.decisions.alias("n")
    next_ = (
        sa.select(n.c.at)
        .where(n.c.visitor == d.c.visitor, n.c.store_id == d.c.store_id, n.c.seq > d.c.seq)
        .order_by(n.c.seq)
        .limit(1)
        .scalar_subquery()
    )
    query = sa.select(d.c.seq, d.c.id, d.c.at, d.c.regime_id, next_.label("replaced_at"))
    query = query.where(d.c.store_id == _store_id(store), d.c.at < before)
    if after is not None:
        bound = sa.tuple_(sa.literal(after.at, d.c.at.type), sa.literal(after.seq, d.c.seq.type))
        query = query.where(sa.tuple_(d.c.at, d.c.seq) > bound)
    rows = await c.execute(query.order_by(d.c.at, d.c.seq).limit(limit))
    return [Old(*row) for row in rows]


async def regime_days(c: AsyncConnection) -> dict[int, int]:
    """How long an answer may hold at most, by each law that a record names."""
    rows = await c.execute(sa.select(tables.regimes.c.id, tables.regimes.c.content))
    return {row.id: _longest(msgspec.json.decode(row.content)) for row in rows}


def _longest(regime: dict[str, Any]) -> int:
    return max(int(regime.get("accept_days", 0)), int(regime.get("refuse_days", 0)))


async def next_id(c: AsyncConnection) -> int:
    """The number of the next erasure: for a connection that writes and took the ledger's lock."""
    return ((await c.execute(sa.select(sa.func.max(_g.id)))).scalar() or 0) + 1


async def add(c: AsyncConnection, erasure: Erasure, *, key_id: int) -> None:
    """Takes out what ``erasure`` lists, and keeps the record of it; all of it or nothing.

    Args:
        c: a connection from ``Database.write`` that took the ledger's lock.
        erasure: signed, with a list of sealed records of its store.
        key_id: the number of its key among the log's.

    Raises:
        LedgerError: the database refused; of an unsealed record, say.
    """
    s = tables.stores.c
    store_id = (await c.execute(sa.select(s.id).where(s.key == erasure.store))).scalar_one()
    same = ("id", "at", "cause", "email", "because", "visitor_sha256", "records", "signature")
    values = {name: getattr(erasure, name) for name in same}
    values |= {"n": erasure.n, "store_id": store_id, "key_id": key_id}
    await c.execute(sa.insert(tables.erasures), values)
    records = unpack(erasure.records)
    for start in range(0, len(records), _AT_ONCE):
        some = records[start : start + _AT_ONCE]
        rows = [{"seq": one.seq, "id": one.id, "erasure_id": erasure.id} for one in some]
        await c.execute(sa.insert(tables.erased), rows)
        await c.execute(_TAKE_OUT, {"seqs": [one.seq for one in some]})


async def within(c: AsyncConnection, after: int, until: int) -> dict[int, tuple[Gone, int]]:
    """The erased records after ``after`` up to ``until`` by ``seq``, each with its erasure's id."""
    rows = await c.execute(
        sa.select(tables.erased).where(_e.seq > after, _e.seq <= until).order_by(_e.seq)
    )
    return {row.seq: (Gone(row.seq, row.id), row.erasure_id) for row in rows}


async def erased_of(c: AsyncConnection, seqs: Sequence[int]) -> set[int]:
    """Which of ``seqs``, at most a batch of them, are erased."""
    return set((await c.execute(sa.select(_e.seq).where(_e.seq.in_(seqs)))).scalars())


async def by_ids(c: AsyncConnection, ids: Iterable[int]) -> dict[int, Erasure]:
    """The erasures with these numbers, as far as they are there."""
    wanted, found = list(ids), {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        for row in await c.execute(_ERASURES.where(_g.id.in_(some))):
            found[row.id] = _of_row(row)
    return found


async def of_record(c: AsyncConnection, id_: uuid.UUID) -> tuple[Gone, Erasure] | None:
    """What stays of the record with this id, and its erasure; None when it was not erased."""
    gone = (await c.execute(sa.select(tables.erased).where(_e.id == id_))).one_or_none()
    if gone is None:
        return None
    row = (await c.execute(_ERASURES.where(_g.id == gone.erasure_id))).one()
    return Gone(gone.seq, gone.id), _of_row(row)


async def of_visitor_id(c: AsyncConnection, visitor: uuid.UUID) -> Sequence[Erasure]:
    """What was erased of a visitor on request, in any store, oldest first."""
    query = _ERASURES.where(_g.visitor_sha256 == visitor_sha256(visitor)).order_by(_g.id)
    return [_of_row(row) for row in await c.execute(query)]


async def total(c: AsyncConnection) -> int:
    """How many records were erased."""
    return (await c.execute(sa.select(sa.func.sum(_g.n)))).scalar() or 0


def _store_id(store: str) -> sa.ScalarSelect[int]:
    s = tables.stores.c
    return sa.select(s.id).where(s.key == store).scalar_subquery()


def _take_out() -> sa.Delete:
    seqs: sa.BindParameter[Any] = sa.bindparam("seqs", expanding=True)
    return sa.delete(tables.decisions).where(_d.seq.in_(seqs))


def _erasures() -> sa.Select[Any]:
    s, k = tables.stores.c, tables.log_keys.c
    return (
        sa.select(tables.erasures, s.key.label("store"), k.vkey)
        .join(tables.stores, s.id == _g.store_id)
        .join(tables.log_keys, k.id == _g.key_id)
    )


_TAKE_OUT = _take_out()
_ERASURES = _erasures()


def _of_row(row: Any) -> Erasure:
    return Erasure(
        id=row.id,
        at=row.at,
        store=row.store,
        cause=row.cause,
        email=row.email,
        because=row.because,
        visitor_sha256=row.visitor_sha256,
        records=bytes(row.records),
        key=Vkey.parse(row.vkey),
        signature=bytes(row.signature),
    )
