"""Statements that find records, all they refer to, and the heads that prove them.

A receipt is asked for by whoever has its id, so however many are asked for at once cost one hop to
SQLite's thread, or one round trip to PostgreSQL, as with ``appending``; what SQLAlchemy adds to it
would cost more than all else.
"""

from __future__ import annotations

import datetime as dt
import functools
import sqlite3
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from consent.database.dialects import EPOCH
from consent.database.driver import Driver, SqliteDriver
from consent.model import Grants, Place, Record

if TYPE_CHECKING:
    import asyncpg

_COLUMNS = """d.seq, d.id, d.visitor, d.previous, s.key, v.number, v.sha256, d.at, d.action,
    d.preferences, d.analytics, d.marketing, d.language, d.banner_sha256, r.regime, r.sha256,
    d.country, d.subdivision, d.place_source, d.gpc_header, d.gpc_property, d.device, d.salt,
    d.refused"""
_REFERRED = """FROM decisions AS d
JOIN stores AS s ON s.id = d.store_id
JOIN versions AS v ON v.id = d.version_id
JOIN regimes AS r ON r.id = d.regime_id"""

_DECIDED = _COLUMNS.count(",") + 1
"""How many they are; in a row, what stands after them is of the head."""

_RECORDS = "\n".join(("SELECT", _COLUMNS, _REFERRED))
_AFTER = "d.seq > {} ORDER BY d.seq LIMIT {}"
_VISITORS = "d.visitor = {} AND d.store_id = (SELECT id FROM stores WHERE key = {}) ORDER BY d.seq"
_HEADS = """LEFT JOIN checkpoints AS c ON c.size >= d.seq AND c.size = coalesce(
    (SELECT min(a.size) FROM anchors AS a WHERE a.size >= d.seq),
    (SELECT max(n.size) FROM checkpoints AS n)
)
LEFT JOIN log_keys AS k ON k.id = c.key_id"""
_FIND = "\n".join(
    ("SELECT", _COLUMNS, ", c.size, c.root, c.at, c.signature, k.vkey", _REFERRED, _HEADS)
)


class Signed(NamedTuple):
    """A head of the log, column by column; ``vkey`` is the text of its key."""

    size: int
    root: bytes
    at: dt.datetime
    signature: bytes
    vkey: str


class Found(NamedTuple):
    """A record, and the first anchored head that has it, else the newest; None: not sealed yet."""

    record: Record
    head: Signed | None


async def find(driver: Driver, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Found]:
    """The records with these ids, by id; what is absent is not there, or was erased.

    Args:
        driver: outside of any transaction; see ``Database.asked``.
        ids: as their pages made them.
    """
    if isinstance(driver, SqliteDriver):
        return await driver.run(functools.partial(_found_on_sqlite, ids))
    rows = await driver.fetch(f"{_FIND} WHERE d.id = ANY($1::uuid[])", ids)
    return {row[1]: _found(*row) for row in rows}


def _found_on_sqlite(ids: Sequence[uuid.UUID], c: sqlite3.Connection) -> dict[uuid.UUID, Found]:
    found = {}
    for id_ in ids:
        row = c.execute(f"{_FIND} WHERE d.id = ?", (id_.bytes,)).fetchone()
        if row is not None:
            size, root, at, signature, vkey = row[_DECIDED:]
            head = (size, root, None if size is None else _moment(at), signature, vkey)
            found[id_] = _found(*_of_sqlite(*row[:_DECIDED]), *head)
    return found


async def following(driver: Driver, seq: int, most: int) -> list[Record]:
    """The records after ``seq``, in order, at most ``most``.

    Args:
        driver: here and below, of a connection that reads, in its transaction.
        seq: 0 for the first ones.
        most: how many.
    """
    if isinstance(driver, SqliteDriver):
        return await driver.run(
            functools.partial(_on_sqlite, _AFTER.format("?", "?"), [(seq, most)])
        )
    return await _on_postgresql(driver, _AFTER.format("$1", "$2"), seq, most)


async def of_visitor(driver: Driver, store: str, visitor: uuid.UUID) -> list[Record]:
    """All that ``visitor`` decided in the store with this key, oldest first."""
    if isinstance(driver, SqliteDriver):
        values = [(visitor.bytes, store)]
        return await driver.run(functools.partial(_on_sqlite, _VISITORS.format("?", "?"), values))
    return await _on_postgresql(driver, _VISITORS.format("$1", "$2"), visitor, store)


async def by_ids(driver: Driver, ids: Iterable[uuid.UUID]) -> list[Record]:
    """The records with these ids, in no order; what is absent is not there, or was erased."""
    if isinstance(driver, SqliteDriver):
        values = [(one.bytes,) for one in ids]
        return await driver.run(functools.partial(_on_sqlite, "d.id = ?", values))
    return await _on_postgresql(driver, "d.id = ANY($1::uuid[])", list(ids))


async def by_seqs(driver: Driver, seqs: Iterable[int]) -> list[Record]:
    """The records with these ``seq``, in no order."""
    if isinstance(driver, SqliteDriver):
        return await driver.run(
            functools.partial(_on_sqlite, "d.seq = ?", [(one,) for one in seqs])
        )
    return await _on_postgresql(driver, "d.seq = ANY($1::bigint[])", list(seqs))


def _on_sqlite(where: str, each: Iterable[tuple[Any, ...]], c: sqlite3.Connection) -> list[Record]:
    query = f"{_RECORDS} WHERE {where}"
    return [_record(*_of_sqlite(*row)) for values in each for row in c.execute(query, values)]


async def _on_postgresql(driver: asyncpg.Connection, where: str, *values: Any) -> list[Record]:
    return [_record(*row) for row in await driver.fetch(f"{_RECORDS} WHERE {where}", *values)]


def _of_sqlite(
    seq: int, id_: bytes, visitor: bytes, previous: bytes | None, *row: Any
) -> tuple[Any, ...]:
    """The columns of a record as PostgreSQL's driver gives them."""
    key, number, sha256, at, *said = row
    ids = (uuid.UUID(bytes=id_), uuid.UUID(bytes=visitor), previous and uuid.UUID(bytes=previous))
    return (seq, *ids, key, number, sha256, _moment(at), *said)


def _moment(microseconds: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=microseconds)


def _record(
    seq: int,
    id_: uuid.UUID,
    visitor: uuid.UUID,
    previous: uuid.UUID | None,
    store: str,
    version: int,
    version_sha256: bytes,
    at: dt.datetime,
    action: Any,
    preferences: bool,
    analytics: bool,
    marketing: bool,
    language: str,
    banner_sha256: bytes,
    regime: str,
    regime_sha256: bytes,
    country: str | None,
    subdivision: str | None,
    place_source: Any,
    gpc_header: bool,
    gpc_property: bool,
    device: Any,
    salt: bytes,
    refused: str | None,
) -> Record:
    return Record(
        seq=seq,
        id=id_,
        visitor=visitor,
        previous=previous,
        store=store,
        version=version,
        version_sha256=version_sha256.hex(),
        at=at.astimezone(dt.UTC),
        action=action,
        grants=Grants(bool(preferences), bool(analytics), bool(marketing)),
        language=language,
        banner_sha256=banner_sha256.hex(),
        regime_id=regime,
        regime_sha256=regime_sha256.hex(),
        place=Place(country, subdivision, place_source),
        gpc_header=bool(gpc_header),
        gpc_property=bool(gpc_property),
        device=device,
        salt=salt,
        refused=tuple(refused.split("+")) if refused else (),
    )


def _found(*row: Any) -> Found:
    head = row[_DECIDED:]
    return Found(_record(*row[:_DECIDED]), None if head[0] is None else Signed._make(head))
